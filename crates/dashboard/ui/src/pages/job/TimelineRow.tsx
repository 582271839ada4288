import { useState } from "preact/hooks";
import type { SubtaskTimes } from "../../api/types";
import { Icon } from "../../components/Icon";
import { Pager } from "../../components/Pager";
import { clockTime, duration, exactTime } from "../../lib/format";
import { tone } from "../../lib/states";
import { pageOf } from "../../lib/paging";
import { endOf, merged, spans } from "../../lib/timeline";

type Subtasks = SubtaskTimes["subtasks"];

interface Scale {
  begin: number;
  end: number;
}

/** Subtasks drawn at once. */
const PAGE_SIZE = 40;

/** A vertex as one bar, and on demand each of its subtasks. */
export function TimelineRow({ name, subtasks, scale, open, onToggle }: { name: string; subtasks: Subtasks; scale: Scale; open: boolean; onToggle: () => void }) {
  const [page, setPage] = useState(0);
  const range = pageOf(subtasks.length, page, PAGE_SIZE);
  return (
    <div class="timeline-vertex">
      <button type="button" class="timeline-name" aria-expanded={open} onClick={onToggle} title={name}>
        <span class={`twist ${open ? "twist-open" : ""}`}>
          <Icon name="chevron" size={11} />
        </span>
        <span class="clip">{name}</span>
      </button>
      <Bar timestamps={merged(subtasks.map((subtask) => subtask.timestamps))} scale={scale} />
      {open &&
        subtasks.slice(range.from, range.to).map((subtask) => (
          <div key={subtask.subtask} class="timeline-subtask">
            <span class="timeline-name muted">
              {subtask.subtask} <span class="clip">{subtask.endpoint}</span>
            </span>
            <Bar timestamps={subtask.timestamps} scale={scale} />
          </div>
        ))}
      {open && range.pages > 1 && <Pager range={range} total={subtasks.length} label={`subtasks of ${name}`} onPage={setPage} />}
    </div>
  );
}

function Bar({ timestamps, scale }: { timestamps: Subtasks[number]["timestamps"]; scale: Scale }) {
  const length = scale.end - scale.begin;
  const at = (time: number) => Math.min(100, Math.max(0, ((time - scale.begin) / length) * 100));
  const all = spans(timestamps, scale.end);
  const end = endOf(timestamps);
  const words = all.map((span) => `${span.state.toLowerCase()} ${duration(span.to - span.from)}`).join(", ");
  return (
    <span class="timeline-bar" role="img" aria-label={end ? `${words}, then ${end.state.toLowerCase()}` : words}>
      {all.map((span) => (
        <span
          key={span.state}
          class={`timeline-span span-${span.state.toLowerCase()}`}
          style={{ left: `${at(span.from)}%`, width: `${at(span.to) - at(span.from)}%` }}
          title={`${span.state}\nfrom ${exactTime(span.from)}\nfor ${duration(span.to - span.from)}`}
        />
      ))}
      {end && <span class={`timeline-end tone-${tone(end.state)}`} style={{ left: `${at(end.at)}%` }} title={`${end.state} at ${clockTime(end.at, end.at)}`} />}
    </span>
  );
}
