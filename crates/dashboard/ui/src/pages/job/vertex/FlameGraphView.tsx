import { useRef, useState } from "preact/hooks";
import { api } from "../../../api/client";
import type { FlameGraph as Answer, FlameGraphType } from "../../../api/observe-types";
import type { Job } from "../../../api/types";
import { FlameGraph } from "../../../components/FlameGraph";
import { Empty, ErrorNotice, Loading } from "../../../components/Notice";
import { Ago } from "../../../components/Times";
import { optional } from "../../../live/endpoints";
import { usePoll } from "../../../live/poll";

const TYPES: { id: FlameGraphType; title: string; hint: string; of: string }[] = [
  { id: "on_cpu", title: "On-CPU", hint: "Where subtasks compute", of: "the time on a CPU" },
  { id: "off_cpu", title: "Off-CPU", hint: "What subtasks wait for", of: "the time off the CPU" },
  { id: "full", title: "Mixed", hint: "Both together", of: "all time" },
];
const EVERY_MS = 4000;
/** While the first samples are awaited it is asked more often: somebody waits for them. */
const WAITING_MS = 800;
const WAITING = -3;
const LISTED_SUBTASKS = 400;

/** Why there is no graph, by the time that stands for it. */
const REASONS: Record<number, [string, string]> = {
  [-1]: ["The job has ended", "Samples are taken of running subtasks only."],
  [-2]: ["Flame graphs are switched off", "Set rest.flamegraph.enabled: true in the configuration of the cluster."],
  [-3]: ["Taking the first samples", "They come in a few seconds. Sampling stops when nobody looks."],
};

/** Where the subtasks of a vertex spend their time, sampled while this is open. */
export function FlameGraphView({ job, vertexId, parallelism }: { job: Job; vertexId: string; parallelism: number }) {
  const [type, setType] = useState<FlameGraphType>("full");
  const [subtask, setSubtask] = useState<number | null>(null);
  const [paused, setPaused] = useState(false);
  const waits = useRef(true);
  const { data, error } = usePoll<Answer | null>(
    `flame/${job.jid}/${vertexId}/${type}/${subtask}`,
    (signal) => optional("flamegraph", () => api.flameGraph(job.jid, vertexId, type, subtask, signal)),
    { every: waits.current ? WAITING_MS : EVERY_MS, enabled: !paused, until: (answer) => answer === null || answer.endTimestamp === -1 || answer.endTimestamp === -2 },
  );
  waits.current = data === null || data.endTimestamp === WAITING;
  const shownType = TYPES.find(({ id }) => id === type);
  return (
    <div class="vertex-view">
      <div class="toolbar">
        <div class="segments" role="group" aria-label="Which time">
          {TYPES.map(({ id, title, hint }) => (
            <button key={id} type="button" aria-pressed={id === type} title={hint} onClick={() => setType(id)}>
              {title}
            </button>
          ))}
        </div>
        <select aria-label="Which subtask" value={subtask ?? ""} onChange={(event) => setSubtask(event.currentTarget.value === "" ? null : Number(event.currentTarget.value))}>
          <option value="">All subtasks</option>
          {Array.from({ length: Math.min(parallelism, LISTED_SUBTASKS) }, (_, i) => (
            <option key={i} value={i}>
              Subtask {i}
            </option>
          ))}
        </select>
        <span class="toolbar-end">
          {data && data.endTimestamp > 0 && (
            <span class="muted">
              sampled <Ago time={data.endTimestamp} />
            </span>
          )}
          <button type="button" class="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
            {paused ? "Go on" : "Pause"}
          </button>
        </span>
      </div>
      {error !== null && <ErrorNotice title="The flame graph cannot be shown" error={error} />}
      {!data && !error && <Loading label="Loading the flame graph" />}
      {data?.problem && <p class="muted detail-text">{data.problem}</p>}
      {data && <Sampled answer={data} of={shownType?.of ?? ""} onMixed={type === "full" ? null : () => setType("full")} />}
    </div>
  );
}

function Sampled({ answer, of, onMixed }: { answer: Answer; of: string; onMixed: (() => void) | null }) {
  if (answer.data && answer.endTimestamp > 0) {
    if (answer.data.value > 0) return <FlameGraph root={answer.data} what={of} />;
    return (
      <Empty icon="overview" title="No sample fell on these subtasks">
        They spent no time of this kind.{" "}
        {onMixed && (
          <button type="button" class="link" onClick={onMixed}>
            Show all kinds
          </button>
        )}
      </Empty>
    );
  }
  const [title, more] = REASONS[answer.endTimestamp] ?? ["No samples", ""];
  return (
    <Empty icon="overview" title={title}>
      {more}
    </Empty>
  );
}
