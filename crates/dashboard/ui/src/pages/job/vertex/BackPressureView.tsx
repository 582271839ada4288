import { api } from "../../../api/client";
import type { BackPressure, Job } from "../../../api/types";
import { DataTable } from "../../../components/DataTable";
import { Empty, ErrorNotice, Loading } from "../../../components/Notice";
import { backPressureInWords } from "../../../lib/back-pressure";
import { percent } from "../../../lib/format";
import { isSettled } from "../../../lib/states";
import { loadLevel } from "../../../lib/vertices";
import { usePoll } from "../../../live/poll";

type Row = NonNullable<BackPressure["subtasks"]>[number];

const LEVELS = { none: ["OK", "tone-running"], low: ["LOW", "tone-warning"], high: ["HIGH", "tone-failed"] } as const;
const share = (value: number) => (Number.isFinite(Number(value)) ? Math.min(1, Math.max(0, Number(value))) : 0);

/** What each subtask of a vertex spends its time with. */
export function BackPressureView({ job, vertexId }: { job: Job; vertexId: string }) {
  const { data, error } = usePoll(`backpressure/${job.jid}/${vertexId}`, (signal) => api.backPressure(job.jid, vertexId, signal), { until: () => isSettled(job) });
  if (!data) return error ? <ErrorNotice title="The backpressure cannot be shown" error={error} /> : <Loading label="Loading the backpressure" />;
  const rows = data.subtasks ?? [];
  if (rows.length === 0) return <Empty title="No subtask is running">Backpressure is measured while a vertex runs.</Empty>;
  return (
    <>
      <p class="skew">{backPressureInWords(rows.map((row) => ({ busy: share(row.busyRatio), backpressured: share(row.ratio) })))}</p>
      <DataTable
        label="Backpressure by subtask"
        rows={rows}
        rowKey={(row) => String(row.subtask)}
        sort={{ by: "subtask", order: "ascending" }}
        columns={[
          { id: "subtask", title: "Subtask", heading: true, compact: true, value: (row) => row.subtask, cell: (row) => row.subtask },
          { id: "level", title: "Level", value: (row) => row.ratio, cell: (row) => <Level row={row} /> },
          { id: "time", title: "Where its time goes", cell: (row) => <TimeBar row={row} /> },
          { id: "bp", title: "Backpressured", numeric: true, value: (row) => row.ratio, cell: (row) => percent(share(row.ratio)) },
          { id: "busy", title: "Busy", numeric: true, value: (row) => row.busyRatio, cell: (row) => percent(share(row.busyRatio)) },
          { id: "idle", title: "Idle", numeric: true, value: (row) => row.idleRatio, cell: (row) => percent(share(row.idleRatio)) },
        ]}
      />
    </>
  );
}

function Level({ row }: { row: Row }) {
  const [word, tone] = LEVELS[loadLevel(share(row.ratio))];
  return (
    <span class={`chip ${tone}`}>
      <span class="dot" aria-hidden="true" />
      {word}
    </span>
  );
}

function TimeBar({ row }: { row: Row }) {
  const words = `busy ${percent(share(row.busyRatio))}, backpressured ${percent(share(row.ratio))}, idle ${percent(share(row.idleRatio))}`;
  return (
    <span class="time-bar" role="img" aria-label={words} title={words}>
      <span class="fill-busy" style={{ flexGrow: share(row.busyRatio) }} />
      <span class="fill-backpressured" style={{ flexGrow: share(row.ratio) }} />
      <span class="fill-idle" style={{ flexGrow: share(row.idleRatio) }} />
    </span>
  );
}
