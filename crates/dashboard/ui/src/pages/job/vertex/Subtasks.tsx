import { useState } from "preact/hooks";
import { api } from "../../../api/client";
import type { Job, Subtask } from "../../../api/types";
import { DataTable } from "../../../components/DataTable";
import { ErrorNotice, Loading } from "../../../components/Notice";
import { StateChip } from "../../../components/StateChip";
import { Elapsed, When } from "../../../components/Times";
import { Twist } from "../../../components/Twist";
import { bytes, grouped } from "../../../lib/format";
import { meanOf } from "../../../lib/skew";
import { isSettled } from "../../../lib/states";
import { usePoll } from "../../../live/poll";
import { AgainstMean } from "./AgainstMean";
import { Host } from "./Host";
import { Load } from "../../../components/Load";
import { PastAttempts } from "./PastAttempts";
import { SkewNote } from "./SkewNote";

interface Row extends Subtask {
  busy: number | null;
  backpressured: number | null;
}

async function load(jobId: string, vertexId: string, running: boolean, signal: AbortSignal) {
  const [vertex, pressure] = await Promise.all([
    api.vertex(jobId, vertexId, signal),
    // Only a running job has a load; that it is missing is no reason to show nothing.
    running ? api.backPressure(jobId, vertexId, signal).catch(() => null) : null,
  ]);
  const loads = new Map(pressure?.subtasks?.map((subtask) => [subtask.subtask, subtask]));
  const rows = vertex.subtasks.map((subtask): Row => {
    const known = loads.get(subtask.subtask);
    return { ...subtask, busy: share(known?.busyRatio), backpressured: share(known?.ratio) };
  });
  return { ...vertex, rows };
}

function share(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** A wide vertex is asked for less often: its answer is long, and nobody reads two hundred numbers twice a second. */
const WIDE = 64;
const WIDE_EVERY_MS = 3000;

/** The subtasks of a vertex, each with where it runs, what it did, and how that compares with the others. */
export function Subtasks({ job, vertexId, parallelism }: { job: Job; vertexId: string; parallelism: number }) {
  const { data, error } = usePoll(`vertex/${job.jid}/${vertexId}`, (signal) => load(job.jid, vertexId, job.state === "RUNNING", signal), {
    until: () => isSettled(job),
    ...(parallelism > WIDE ? { every: WIDE_EVERY_MS } : {}),
  });
  const [open, setOpen] = useState<number | null>(null);
  if (!data) return error ? <ErrorNotice title="The subtasks cannot be shown" error={error} /> : <Loading label="Loading the subtasks" />;
  const records = (key: "read-records" | "write-records", title: string) => {
    const values = data.rows.map((row) => row.metrics[key]);
    const top = Math.max(1, ...values);
    const mean = meanOf(values);
    return {
      id: key,
      title,
      numeric: true,
      hint: "The bar is this subtask's share, the line the mean of all",
      value: (row: Row) => row.metrics[key],
      cell: (row: Row) => <AgainstMean value={row.metrics[key]} mean={mean} top={top} />,
    };
  };
  const size = (key: "read-bytes" | "write-bytes", title: string) => ({
    id: key,
    title,
    numeric: true,
    value: (row: Row) => row.metrics[key],
    hint: "As it was on the wire, or within a process as it is in memory",
    cell: (row: Row) => (row.metrics[key] > 0 ? <span title={`${grouped(row.metrics[key])} bytes`}>{bytes(row.metrics[key])}</span> : <span class="muted">–</span>),
  });
  return (
    <>
      <SkewNote read={data.rows.map((row) => row.metrics["read-records"])} written={data.rows.map((row) => row.metrics["write-records"])} />
      <DataTable
        label="Subtasks"
        rows={data.rows}
        rowKey={(row) => String(row.subtask)}
        sort={{ by: "subtask", order: "ascending" }}
        detail={(row) => (row.subtask === open && row.attempt > 0 ? <PastAttempts job={job} vertexId={vertexId} subtask={row} /> : null)}
        columns={[
          { id: "subtask", title: "Subtask", heading: true, compact: true, value: (row) => row.subtask, cell: (row) => row.subtask },
          { id: "status", title: "Status", value: (row) => row.status, cell: (row) => <StateChip state={row.status} /> },
          { id: "attempt", title: "Attempt", numeric: true, value: (row) => row.attempt, hint: "How often the subtask was restarted; opens to show its earlier attempts", cell: (row) => (row.attempt > 0 ? <Earlier row={row} open={row.subtask === open} onToggle={() => setOpen(row.subtask === open ? null : row.subtask)} /> : row.attempt) },
          { id: "host", title: "Host", value: (row) => row.endpoint, cell: (row) => <Host row={row} /> },
          records("read-records", "Records in"),
          records("write-records", "Records out"),
          ...(data.rows.some(({ metrics }) => metrics["read-bytes"] + metrics["write-bytes"] > 0) ? [size("read-bytes", "Bytes in"), size("write-bytes", "Bytes out")] : []),
          ...(job.state === "RUNNING"
            ? [
                { id: "busy", title: "Busy", numeric: true, value: (row: Row) => row.busy ?? -1, cell: (row: Row) => <Load share={row.busy} tone="busy" label="Busy" /> },
                { id: "bp", title: "Backpressured", numeric: true, value: (row: Row) => row.backpressured ?? -1, cell: (row: Row) => <Load share={row.backpressured} tone="backpressured" label="Backpressured" /> },
              ]
            : []),
          { id: "start", title: "Started", numeric: true, value: (row) => row["start-time"], cell: (row) => <When time={row["start-time"]} /> },
          { id: "duration", title: "Duration", numeric: true, value: (row) => row.duration, cell: (row) => <Elapsed start={row["start-time"]} end={row["end-time"]} /> },
        ]}
      />
    </>
  );
}

function Earlier({ row, open, onToggle }: { row: Row; open: boolean; onToggle: () => void }) {
  return (
    <Twist open={open} onToggle={onToggle} label={`Attempt ${row.attempt}: earlier attempts of subtask ${row.subtask}`}>
      {row.attempt}
    </Twist>
  );
}
