import { useState } from "preact/hooks";
import { api } from "../../api/client";
import type { Job, SubtaskTimes } from "../../api/types";
import { Card } from "../../components/Card";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { roundDuration } from "../../lib/format";
import { link } from "../../lib/route";
import { EXECUTION_ORDER, isSettled } from "../../lib/states";
import type { Failure } from "../../lib/exceptions";
import { ticks } from "../../lib/timeline";
import { FailureMarks } from "./FailureMarks";
import { orderedVertices } from "../../lib/vertices";
import { usePoll } from "../../live/poll";
import { RescalesCard } from "./RescalesCard";
import { TimelineRow } from "./TimelineRow";

const TICKS = 6;
/** From here on a label stands at the left of its line, so that it never reaches out of the axis. */
const LEFT_FROM = 0.8;
/** A job with more subtasks is asked for less often: its answers are long. */
const WIDE = 200;
const WIDE_EVERY_MS = 5000;

/** When each subtask was in which state, on one scale for the whole job. */
export function TimelineTab({ job, failures }: { job: Job; failures: readonly Failure[] }) {
  const { vertices } = orderedVertices(job);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const { data, error } = usePoll<SubtaskTimes[]>(
    `timeline/${job.jid}`,
    (signal) => Promise.all(vertices.map((vertex) => api.subtaskTimes(job.jid, vertex.id, signal))),
    { until: () => isSettled(job), ...(vertices.reduce((sum, { parallelism }) => sum + parallelism, 0) > WIDE ? { every: WIDE_EVERY_MS } : {}) },
  );
  if (!data) return error ? <ErrorNotice title="The timeline cannot be shown" error={error} /> : <Loading label="Loading the timeline" />;
  const begin = job["start-time"];
  const end = Math.max(begin + 1, job["end-time"] > 0 ? job["end-time"] : job.now);
  const scale = { begin, end };
  if (data.every((vertex) => vertex.subtasks.length === 0)) {
    return (
      <Card>
        <Empty title="No subtask has started yet">
          They start when the job has its slots. <a href={link.taskManagers()}>See which are free</a>
        </Empty>
      </Card>
    );
  }
  const toggle = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  return (
    <>
      <Card title="Timeline" actions={<Legend />}>
        {failures.length > 0 && <p class="timeline-note muted">Bars show the latest attempt of each subtask, marks the failures before.</p>}
        <div class="timeline">
          <div class="timeline-axis" aria-hidden="true">
            {ticks(end - begin, TICKS).map((at) => {
              const share = at / (end - begin);
              return (
                <span key={at} class={share >= LEFT_FROM ? "tick tick-left" : "tick"} style={share >= LEFT_FROM ? { right: `${(1 - share) * 100}%` } : { left: `${share * 100}%` }}>
                  {at === 0 ? "start" : `+${roundDuration(at)}`}
                </span>
              );
            })}
          </div>
          {failures.length > 0 && <FailureMarks job={job} failures={failures} scale={scale} />}
          {vertices.map((vertex, i) => {
            const times = data[i];
            if (!times) return null;
            return <TimelineRow key={vertex.id} name={vertex.name} subtasks={times.subtasks} scale={scale} open={open.has(vertex.id)} onToggle={() => toggle(vertex.id)} />;
          })}
        </div>
      </Card>
      {/* The others have no history of it, as in Flink. */}
      {job.schedulerType === "Adaptive" && <RescalesCard job={job} />}
    </>
  );
}

function Legend() {
  return (
    <span class="timeline-legend" aria-hidden="true">
      {EXECUTION_ORDER.filter((state) => ["SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING"].includes(state)).map((state) => (
        <span key={state} class={`key span-${state.toLowerCase()}`}>
          {state.toLowerCase()}
        </span>
      ))}
    </span>
  );
}
