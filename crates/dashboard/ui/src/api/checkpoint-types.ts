/** Shapes of the REST API for checkpoints and savepoints. Times are epoch milliseconds, durations milliseconds, sizes bytes. */

/** Numbers of one subtask's, one vertex's or a whole checkpoint. -1 means "not yet". */
export interface CheckpointParts {
  latest_ack_timestamp: number;
  /** What this checkpoint itself wrote: less than the whole if it is incremental. */
  checkpointed_size: number;
  /** Everything that it stands for. */
  state_size: number;
  end_to_end_duration: number;
  processed_data: number;
  persisted_data: number;
  num_subtasks: number;
  num_acknowledged_subtasks: number;
}

export type CheckpointStatus = "IN_PROGRESS" | "COMPLETED" | "FAILED";

export interface Checkpoint extends CheckpointParts {
  id: number;
  status: CheckpointStatus;
  is_savepoint: boolean;
  savepointFormat?: string | null;
  trigger_timestamp: number;
  checkpoint_type: string;
  /** By vertex; empty in listings. */
  tasks: Record<string, CheckpointParts & { id: number; status: string }>;
  /** Of completed ones. */
  external_path?: string;
  /** Its files are deleted, because newer ones took its place. */
  discarded?: boolean;
  /** Of failed ones. */
  failure_timestamp?: number;
  failure_message?: string;
}

/** Flink writes the string "NaN" where there are too few values. */
export type Percentile = number | "NaN";

export interface Statistics {
  min: number;
  max: number;
  avg: number;
  p50: Percentile;
  p90: Percentile;
  p95: Percentile;
  p99: Percentile;
  p999: Percentile;
}

export interface RestoredCheckpoint {
  id: number;
  restore_timestamp: number;
  is_savepoint: boolean;
  external_path?: string | null;
}

export interface Checkpoints {
  counts: { restored: number; total: number; in_progress: number; completed: number; failed: number };
  summary: Record<"checkpointed_size" | "state_size" | "end_to_end_duration" | "processed_data" | "persisted_data", Statistics>;
  latest: {
    completed: Checkpoint | null;
    savepoint: Checkpoint | null;
    failed: Checkpoint | null;
    restored: RestoredCheckpoint | null;
  };
  /** Newest first. */
  history: Checkpoint[];
}

export interface CheckpointConfig {
  mode: string;
  /** -1, or a number beyond all bounds, where none are taken by themselves. */
  interval: number;
  timeout: number;
  min_pause: number;
  max_concurrent: number;
  externalization?: { enabled: boolean; delete_on_cancellation: boolean };
  state_backend?: string;
  unaligned_checkpoints: boolean;
  tolerable_failed_checkpoints: number;
  aligned_checkpoint_timeout: number;
  checkpoints_after_tasks_finish?: boolean;
  // Beyond Flink.
  incremental?: boolean;
  num_retained?: number;
  directory?: string;
}

export interface AcknowledgedSubtask {
  className: "completed";
  index: number;
  ack_timestamp: number;
  end_to_end_duration: number;
  checkpointed_size: number;
  state_size: number;
  checkpoint: { sync: number; async: number };
  alignment: { processed: number; persisted: number; duration: number };
  start_delay: number;
  unaligned_checkpoint: boolean;
  /** It had finished before, with nothing left to write. Not in Flink's answers. */
  finished?: boolean;
}

export type SubtaskCheckpoint = AcknowledgedSubtask | { className: "pending"; index: number };

export interface VertexCheckpoint extends CheckpointParts {
  id: number;
  status: string;
  subtasks: SubtaskCheckpoint[];
}

/** How far something is that takes its time. A failure is an outcome too. */
export interface Operation<T> {
  status: { id: "IN_PROGRESS" | "COMPLETED" };
  operation: T | { "failure-cause": { class: string; "stack-trace": string } } | null;
}
