import { useState } from "preact/hooks";
import { api } from "../../api/client";
import type { Rescale } from "../../api/observe-types";
import type { Job } from "../../api/types";
import { Card } from "../../components/Card";
import { DataTable } from "../../components/DataTable";
import { ErrorNotice, Loading } from "../../components/Notice";
import { StateChip } from "../../components/StateChip";
import { Elapsed, When } from "../../components/Times";
import { Twist } from "../../components/Twist";
import { isSettled } from "../../lib/states";
import { optional } from "../../live/endpoints";
import { usePoll } from "../../live/poll";

const EVERY_MS = 3000;
const words = (name: string | null) => (name ?? "").replaceAll("_", " ").toLowerCase();

/** When the job's parallelism was changed, why, and what came of it. Nothing for a job that was never rescaled. */
export function RescalesCard({ job }: { job: Job }) {
  const [open, setOpen] = useState<string | null>(null);
  const { data } = usePoll(
    `rescales/${job.jid}`,
    // A job that cannot be rescaled has no history of it.
    (signal) => optional("rescales", () => api.rescales(job.jid, signal)).catch(() => null),
    { every: EVERY_MS, until: (list) => list === null || isSettled(job) },
  );
  const rows = data ?? [];
  // That it once began is told by the timeline itself.
  if (!rows.some((rescale) => rescale.triggerCause !== "INITIAL_SCHEDULE")) return null;
  return (
    <Card flush title="Rescales">
      <DataTable
        label="Rescales"
        rows={rows}
        rowKey={(rescale) => rescale.rescaleUuid}
        detail={(rescale) => (rescale.rescaleUuid === open ? <RescaleDetail job={job} rescale={rescale} /> : null)}
        columns={[
          {
            id: "time",
            title: "Began",
            heading: true,
            value: (rescale) => rescale.startTimestampInMillis ?? 0,
            cell: (rescale) => (
              <Twist open={rescale.rescaleUuid === open} onToggle={() => setOpen(rescale.rescaleUuid === open ? null : rescale.rescaleUuid)}>
                <When time={rescale.startTimestampInMillis ?? 0} />
              </Twist>
            ),
          },
          { id: "state", title: "State", value: (rescale) => rescale.terminalState ?? "", cell: (rescale) => <StateChip state={rescale.terminalState ?? "IN PROGRESS"} color={TONES[rescale.terminalState ?? ""] ?? "pending"} /> },
          { id: "cause", title: "Cause", value: (rescale) => words(rescale.triggerCause), cell: (rescale) => words(rescale.triggerCause) },
          { id: "reason", title: "Ended because", value: (rescale) => words(rescale.terminatedReason), cell: (rescale) => (rescale.message ?? words(rescale.terminatedReason)) || <span class="muted">–</span> },
          { id: "duration", title: "Duration", numeric: true, cell: (rescale) => <Elapsed start={rescale.startTimestampInMillis ?? 0} end={rescale.endTimestampInMillis ?? -1} /> },
        ]}
      />
    </Card>
  );
}

const TONES: Record<string, "finished" | "failed" | "neutral"> = { COMPLETED: "finished", FAILED: "failed", IGNORED: "neutral" };

function RescaleDetail({ job, rescale }: { job: Job; rescale: Rescale }) {
  const { data, error } = usePoll(`rescale/${job.jid}/${rescale.rescaleUuid}/${rescale.terminalState}`, (signal) => api.rescaleDetail(job.jid, rescale.rescaleUuid, signal), { until: () => true });
  if (!data) return error ? <ErrorNotice title="The rescale cannot be shown" error={error} /> : <Loading label="Loading the rescale" />;
  const rows = Object.entries(data.vertices);
  if (rows.length === 0) return <p class="muted detail-text">The server tells nothing of its vertices.</p>;
  const number = (value: number | null | undefined) => value ?? <span class="muted">–</span>;
  return (
    <DataTable
      label="Parallelism by vertex"
      rows={rows}
      rowKey={([id]) => id}
      columns={[
        { id: "vertex", title: "Vertex", heading: true, cell: ([id, vertex]) => vertex.jobVertexName ?? id },
        { id: "before", title: "Before", numeric: true, cell: ([, vertex]) => number(vertex.preRescaleParallelism) },
        { id: "wished", title: "Wished", numeric: true, cell: ([, vertex]) => number(vertex.desiredParallelism) },
        { id: "after", title: "After", numeric: true, cell: ([, vertex]) => number(vertex.postRescaleParallelism) },
      ]}
    />
  );
}
