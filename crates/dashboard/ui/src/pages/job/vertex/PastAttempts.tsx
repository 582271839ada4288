import { api } from "../../../api/client";
import { ApiError } from "../../../api/errors";
import type { Job, Subtask } from "../../../api/types";
import { DataTable } from "../../../components/DataTable";
import { ErrorNotice, Loading } from "../../../components/Notice";
import { StateChip } from "../../../components/StateChip";
import { Elapsed, When } from "../../../components/Times";
import { count, grouped } from "../../../lib/format";
import { usePoll } from "../../../live/poll";
import { Host } from "./Host";

/** How many attempts of a subtask the server remembers. */
const REMEMBERED = 16;

/** The attempts before the newest, that one's predecessor first, as far back as the server remembers. */
async function past(job: Job, vertexId: string, newest: Subtask, signal: AbortSignal): Promise<Subtask[]> {
  const found: Subtask[] = [];
  for (let attempt = newest.attempt - 1; attempt >= Math.max(0, newest.attempt - REMEMBERED); attempt--) {
    try {
      found.push(await api.attempt(job.jid, vertexId, newest.subtask, attempt, signal));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) break;
      throw error;
    }
  }
  return found;
}

/** Where a subtask ran before it was restarted, and how that ended. */
export function PastAttempts({ job, vertexId, subtask }: { job: Job; vertexId: string; subtask: Subtask }) {
  const { data, error } = usePoll(`attempts/${job.jid}/${vertexId}/${subtask.subtask}/${subtask.attempt}`, (signal) => past(job, vertexId, subtask, signal), { until: () => true });
  if (!data) return error ? <ErrorNotice title="The earlier attempts cannot be shown" error={error} /> : <Loading label="Loading the earlier attempts" />;
  if (data.length === 0) return <p class="muted detail-text">The JobManager does not remember the earlier attempts.</p>;
  return (
    <DataTable
      label={`Earlier attempts of subtask ${subtask.subtask}`}
      rows={data}
      rowKey={(row) => String(row.attempt)}
      columns={[
        { id: "attempt", title: "Attempt", heading: true, compact: true, value: (row) => row.attempt, cell: (row) => row.attempt },
        { id: "status", title: "Ended", value: (row) => row.status, cell: (row) => <StateChip state={row.status} /> },
        { id: "host", title: "Host", value: (row) => row.endpoint, cell: (row) => <Host row={row} /> },
        { id: "in", title: "Records in", numeric: true, value: (row) => row.metrics["read-records"], cell: (row) => <span title={grouped(row.metrics["read-records"])}>{count(row.metrics["read-records"])}</span> },
        { id: "out", title: "Records out", numeric: true, value: (row) => row.metrics["write-records"], cell: (row) => <span title={grouped(row.metrics["write-records"])}>{count(row.metrics["write-records"])}</span> },
        { id: "start", title: "Started", numeric: true, value: (row) => row["start-time"], cell: (row) => <When time={row["start-time"]} /> },
        { id: "end", title: "Ended at", numeric: true, value: (row) => row["end-time"], cell: (row) => <When time={row["end-time"]} /> },
        { id: "duration", title: "Duration", numeric: true, value: (row) => row.duration, cell: (row) => <Elapsed start={row["start-time"]} end={row["end-time"]} /> },
      ]}
    />
  );
}
