import type { ComponentChildren } from "preact";
import type { AcknowledgedSubtask, Checkpoint, SubtaskCheckpoint } from "../../../api/checkpoint-types";
import { api } from "../../../api/client";
import type { Job } from "../../../api/types";
import { type Column, DataTable } from "../../../components/DataTable";
import { Loading } from "../../../components/Notice";
import { When } from "../../../components/Times";
import { usePoll } from "../../../live/poll";
import { Unknown } from "./CheckpointDetail";
import { Ms, Size } from "./parts";

/** What each subtask of a vertex did for a checkpoint. */
export function CheckpointSubtasks({ job, checkpoint, vertex, name }: { job: Job; checkpoint: Checkpoint; vertex: string; name: string }) {
  // Polled on until the checkpoint has ended, and once after that.
  const underWay = checkpoint.status === "IN_PROGRESS";
  const { data, error } = usePoll(
    `checkpoint/${job.jid}/${checkpoint.id}/${vertex}`,
    (signal) => api.vertexCheckpoint(job.jid, checkpoint.id, vertex, signal),
    { until: (answer) => answer.status !== "IN_PROGRESS" || !underWay, keep: false },
  );
  if (!data) return error ? <Unknown error={error} /> : <Loading label="Loading the subtasks" />;
  return (
    <DataTable
      label={`Subtasks of ${name}`}
      rows={data.subtasks}
      rowKey={(row) => String(row.index)}
      columns={[
        { id: "subtask", title: "Subtask", heading: true, compact: true, value: (row) => row.index, cell: (row) => row.index },
        of("ack", "Acknowledged", (ack) => ack.ack_timestamp, (time) => <When time={time} />, "pending"),
        milliseconds("duration", "Duration", (ack) => ack.end_to_end_duration, "From the trigger to the acknowledgment"),
        milliseconds("delay", "Start delay", (ack) => ack.start_delay, "From the trigger until the first barrier came"),
        milliseconds("alignment", "Alignment", (ack) => ack.alignment.duration, "From the first to the last barrier"),
        milliseconds("sync", "Sync", (ack) => ack.checkpoint.sync, "While no records were processed"),
        milliseconds("async", "Async", (ack) => ack.checkpoint.async, "While records were processed again"),
        size("size", "Full size", (ack) => ack.state_size, "All state of the subtask"),
        size("written", "Written", (ack) => ack.checkpointed_size, "What was written; the rest is in earlier checkpoints"),
        size("processed", "Processed", (ack) => ack.alignment.processed, "Bytes processed during alignment"),
        size("persisted", "Persisted", (ack) => ack.alignment.persisted, "Bytes of records under way that became part of the checkpoint"),
        { id: "notes", title: "Kind", value: (row) => noteOf(row), cell: (row) => <span class="muted">{noteOf(row)}</span> },
      ]}
    />
  );
}

function noteOf(row: SubtaskCheckpoint): string {
  if (row.className !== "completed") return "";
  if (row.finished) return "finished before";
  return row.unaligned_checkpoint ? "unaligned" : "aligned";
}

/** A column that has a value once the subtask has acknowledged. */
function of(id: string, title: string, value: (ack: AcknowledgedSubtask) => number, show: (value: number) => ComponentChildren, before = "–", hint?: string): Column<SubtaskCheckpoint> {
  return {
    id,
    title,
    numeric: true,
    ...(hint ? { hint } : {}),
    value: (row) => (row.className === "completed" ? value(row) : -1),
    cell: (row) => (row.className === "completed" ? show(value(row)) : <span class="muted">{before}</span>),
  };
}

function milliseconds(id: string, title: string, value: (ack: AcknowledgedSubtask) => number, hint: string) {
  return of(id, title, value, (ms) => <Ms value={ms} />, "–", hint);
}

function size(id: string, title: string, value: (ack: AcknowledgedSubtask) => number, hint: string) {
  return of(id, title, value, (n) => <Size value={n} />, "–", hint);
}
