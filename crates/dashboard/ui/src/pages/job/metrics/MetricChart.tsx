import { useMemo, useState } from "preact/hooks";
import type { Job } from "../../../api/types";
import { Card } from "../../../components/Card";
import { Chart } from "../../../components/Chart";
import { Icon } from "../../../components/Icon";
import { Empty } from "../../../components/Notice";
import { type HistoryStore, hasValues, recent } from "../../../lib/history";
import { meaningOf, readingOf, splitName } from "../../../lib/metric-catalog";
import { AGGREGATIONS, type How, type Offer, type Picked, subtaskOf } from "../../../lib/picked-metrics";
import { isTerminal } from "../../../lib/states";
import { sampleLine } from "../../../live/samples";
import { span } from "../../../live/span";

const HEIGHT = 190;
/** The choice that a subtask is then chosen for. */
const ONE = "subtask";
const WORDS: Record<string, string> = { sum: "Sum", avg: "Mean", max: "Largest", min: "Smallest" };

interface Props {
  job: Job;
  pick: Picked;
  /** What is known of the metric; null while it is not. */
  offer: Offer | null;
  parallelism: number;
  history: HistoryStore | null;
  version: number;
  onHow: (how: How) => void;
  onRemove: () => void;
}

/** One metric over time. */
export function MetricChart({ job, pick, offer, parallelism, history, version, onHow, onRemove }: Props) {
  const { scope, name } = splitName(pick.id);
  const reading = readingOf(pick.id, offer?.unit);
  const past = pick.how === "history";
  const subtask = subtaskOf(pick.how);
  const shown = span.value;
  const data = useMemo(() => {
    const all = past ? { times: history?.times ?? [], lines: [history?.line(pick.id, pick.vertex) ?? []] } : sampleLine(job.jid, pick);
    return recent(all, shown);
  }, [past, history, version, pick.id, pick.vertex, pick.how, shown]);
  return (
    <Card
      class="metric-card"
      title={
        <span class="metric-title" title={meaningOf(pick.id)}>
          <span class="clip">{name}</span>
          <span class="muted clip">
            {pick.vertexName ?? "whole job"}
            {scope && scope !== pick.vertexName && `, ${scope}`}
          </span>
        </span>
      }
      actions={
        <>
          {pick.vertex !== null && (
            <select aria-label={`What to show of ${pick.id}`} value={subtask === null ? pick.how : ONE} onChange={(event) => onHow(event.currentTarget.value === ONE ? "subtask-0" : (event.currentTarget.value as How))}>
              {(past || offer?.remembered != null) && <option value="history">{WORDS[offer?.remembered ?? "sum"]}, last hour</option>}
              {!isTerminal(job.state) && (
                <>
                  {AGGREGATIONS.map((how) => (
                    <option key={how} value={how}>
                      {WORDS[how]}, from now
                    </option>
                  ))}
                  <option value={ONE}>One subtask, from now</option>
                </>
              )}
            </select>
          )}
          {subtask !== null && <SubtaskField id={pick.id} value={subtask} count={parallelism} onChange={(n) => onHow(`subtask-${n}`)} />}
          <button type="button" class="icon-button" aria-label={`Remove ${pick.id}`} title="Remove" onClick={onRemove}>
            <Icon name="close" size={14} />
          </button>
        </>
      }
    >
      {hasValues(data) ? (
        <Chart data={data} version={version} names={[lineName(pick, offer)]} format={reading.format} top={reading.top} steps={reading.steps} height={HEIGHT} group={`metrics-${job.jid}`} label={`${pick.id} over time`} />
      ) : (
        <Empty title={isTerminal(job.state) ? "Nothing is remembered of it" : "Measuring"}>{past ? "The server takes a value every five seconds." : "Measured while this page is open."}</Empty>
      )}
    </Card>
  );
}

/** Which subtask; what can't be one is not taken. */
function SubtaskField({ id, value, count, onChange }: { id: string; value: number; count: number; onChange: (subtask: number) => void }) {
  // What is typed stays while the page goes on, also half of a number.
  const [text, setText] = useState(String(value));
  const valid = (typed: string) => typed.trim() !== "" && Number.isInteger(Number(typed)) && Number(typed) >= 0 && Number(typed) < count;
  return (
    <input
      type="number"
      class="subtask-field"
      min={0}
      max={count - 1}
      value={text}
      aria-label={`Which subtask of ${id}`}
      aria-invalid={valid(text) ? undefined : "true"}
      onInput={(event) => {
        const typed = event.currentTarget.value;
        setText(typed);
        if (valid(typed)) onChange(Number(typed));
      }}
    />
  );
}

function lineName(pick: Picked, offer: Offer | null): string {
  const subtask = subtaskOf(pick.how);
  if (subtask !== null) return `Subtask ${subtask}`;
  if (pick.vertex === null) return "Job";
  return `${WORDS[pick.how === "history" ? (offer?.remembered ?? "sum") : pick.how]} of subtasks`;
}
