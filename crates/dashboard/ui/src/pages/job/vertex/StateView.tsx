import { api } from "../../../api/client";
import { ApiError } from "../../../api/errors";
import type { AcknowledgedSubtask } from "../../../api/checkpoint-types";
import type { Job } from "../../../api/types";
import { DataTable } from "../../../components/DataTable";
import { Empty, ErrorNotice, Loading } from "../../../components/Notice";
import { Ago } from "../../../components/Times";
import { bytes, duration, percent } from "../../../lib/format";
import { link } from "../../../lib/route";
import { UNEVEN, meanOf, skew, stateInWords } from "../../../lib/skew";
import { isSettled } from "../../../lib/states";
import { usePoll } from "../../../live/poll";
import { AgainstMean } from "./AgainstMean";

const EVERY_MS = 5000;

/** What the latest completed checkpoint says of a vertex; null without one, or if it took no part in it. */
async function load(jobId: string, vertexId: string, signal: AbortSignal) {
  const { latest } = await api.checkpoints(jobId, signal);
  const checkpoint = latest.completed;
  if (!checkpoint) return { checkpoint: null, rows: [] };
  try {
    const { subtasks } = await api.vertexCheckpoint(jobId, checkpoint.id, vertexId, signal);
    return { checkpoint, rows: subtasks.filter((subtask): subtask is AcknowledgedSubtask => "state_size" in subtask) };
  } catch (error) {
    // It was completed, and forgotten, between the two calls.
    if (error instanceof ApiError && error.status === 404) return { checkpoint, rows: [] };
    throw error;
  }
}

/** How much state each subtask keeps, as its latest completed checkpoint has it. */
export function StateView({ job, vertexId }: { job: Job; vertexId: string }) {
  const { data, error } = usePoll(`state/${job.jid}/${vertexId}`, (signal) => load(job.jid, vertexId, signal), { every: EVERY_MS, until: () => isSettled(job) });
  if (!data) return error ? <ErrorNotice title="The state cannot be shown" error={error} /> : <Loading label="Loading the state" />;
  const { checkpoint, rows } = data;
  if (!checkpoint) {
    return (
      <Empty icon="inbox" title="No checkpoint has completed">
        The size of state is known from checkpoints. Take one above, or set <code>execution.checkpointing.interval</code>.
      </Empty>
    );
  }
  const sizes = rows.map((row) => row.state_size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const top = Math.max(1, ...sizes);
  const mean = meanOf(sizes);
  const uneven = skew(sizes);
  return (
    <div class="vertex-view">
      <p class="skew">
        <span>
          <strong>{bytes(total)}</strong> of state in{" "}
          <a href={`${link.job(job.jid, "checkpoints")}?checkpoint=${checkpoint.id}`}>checkpoint #{checkpoint.id}</a>, taken <Ago time={checkpoint.trigger_timestamp} />
        </span>
        {uneven !== null && (
          <span class="skew-part">
            <span class={`badge ${uneven >= UNEVEN ? "badge-warning" : ""}`}>skew {percent(uneven)}</span>
            {stateInWords(sizes)}
          </span>
        )}
      </p>
      <DataTable
        label="State by subtask"
        rows={rows}
        rowKey={(row) => String(row.index)}
        sort={{ by: "subtask", order: "ascending" }}
        columns={[
          { id: "subtask", title: "Subtask", heading: true, compact: true, value: (row) => row.index, cell: (row) => row.index },
          { id: "state", title: "State", numeric: true, hint: "The bar is this subtask's share, the line the mean of all", value: (row) => row.state_size, cell: (row) => <AgainstMean value={row.state_size} mean={mean} top={top} format={bytes} /> },
          { id: "written", title: "Written", numeric: true, hint: "What this checkpoint itself wrote: only what has changed, if it is incremental", value: (row) => row.checkpointed_size, cell: (row) => bytes(row.checkpointed_size) },
          { id: "sync", title: "Sync", numeric: true, hint: "Time in which no record was processed", value: (row) => row.checkpoint.sync, cell: (row) => duration(row.checkpoint.sync) },
          { id: "async", title: "Async", numeric: true, hint: "Time of writing, beside the records", value: (row) => row.checkpoint.async, cell: (row) => duration(row.checkpoint.async) },
        ]}
      />
    </div>
  );
}
