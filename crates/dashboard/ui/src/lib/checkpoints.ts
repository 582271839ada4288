/** What the numbers of checkpoints mean to people. */

import type { Checkpoint, CheckpointConfig, CheckpointStatus } from "../api/checkpoint-types";
import { grouped, roundDuration } from "./format";
import { rootCause } from "./exceptions";
import { Series } from "./rates";
import type { Tone } from "./states";

/** Beyond this an interval is a way to say "never". */
const NEVER_MS = 1e15;

/** Whether checkpoints are taken by themselves. */
export function isPeriodic(config: Pick<CheckpointConfig, "interval">): boolean {
  return config.interval > 0 && config.interval < NEVER_MS;
}

/** What kind of snapshot it is, in a word or two. */
export function kindOf(checkpoint: Pick<Checkpoint, "checkpoint_type" | "is_savepoint">): string {
  if (checkpoint.checkpoint_type === "SYNC_SAVEPOINT") return "stop with savepoint";
  if (checkpoint.is_savepoint) return "savepoint";
  return checkpoint.checkpoint_type === "UNALIGNED_CHECKPOINT" ? "unaligned checkpoint" : "checkpoint";
}

const TONES: Record<CheckpointStatus, Tone> = { IN_PROGRESS: "pending", COMPLETED: "finished", FAILED: "failed" };

export function toneOf(status: CheckpointStatus): Tone {
  return TONES[status] ?? "neutral";
}

/** When it ended; null while it is under way. */
export function endOf(checkpoint: Checkpoint): number | null {
  if (checkpoint.status === "IN_PROGRESS") return null;
  if (checkpoint.status === "FAILED") return checkpoint.failure_timestamp ?? checkpoint.trigger_timestamp + Math.max(0, checkpoint.end_to_end_duration);
  return checkpoint.latest_ack_timestamp > 0 ? checkpoint.latest_ack_timestamp : checkpoint.trigger_timestamp + checkpoint.end_to_end_duration;
}

/** Why a checkpoint failed: the root cause in one line, and the rest. */
export function failureOf(message: string | null | undefined): { head: string; detail: string } {
  return rootCause(message?.trim() || "The checkpoint failed without a message.");
}

/**
 * The history as it is shown: what the user looks at stays, although the server has forgotten it meanwhile.
 * `kept` is that checkpoint as it was last seen.
 */
export function withKept(history: readonly Checkpoint[], kept: Checkpoint | null): Checkpoint[] {
  if (kept === null || history.some(({ id }) => id === kept.id)) return [...history];
  return [...history, kept].sort((a, b) => b.id - a.id);
}

/** What becomes of a job's checkpoints. */
export function retention(config: CheckpointConfig): string {
  const { externalization } = config;
  if (!externalization?.enabled) return "deleted when the job ends";
  return externalization.delete_on_cancellation ? "kept if the job fails, deleted if it is canceled" : "kept when the job ends";
}

/** When barriers may overtake records. */
export function alignment(config: CheckpointConfig): string {
  if (!config.unaligned_checkpoints) return "aligned";
  const timeout = config.aligned_checkpoint_timeout;
  return timeout > 0 ? `unaligned after ${roundDuration(timeout)}` : "unaligned";
}

/** How many checkpoints may fail before the job restarts. */
export function tolerance(config: CheckpointConfig): string {
  const n = config.tolerable_failed_checkpoints;
  return n < 0 ? "not set" : `${grouped(n)} in a row`;
}

/** Numbers of checkpoints that are remembered; longer than any list that the server sends. */
const SEEN = 10_000;

/** Duration and size of completed checkpoints while the tab was open. */
export class CheckpointTrend {
  /** Milliseconds. */
  readonly durations = new Series(1);
  /** Bytes: of the whole state, and of what was written. */
  readonly sizes = new Series(2);
  /** Grows with every point. */
  version = 0;
  private readonly seen = new Set<number>();

  /** Adds what is new in a history. Savepoints are left out: they are another thing than what goes on by itself. */
  add(history: readonly Checkpoint[]): void {
    const fresh = history
      .filter((checkpoint) => checkpoint.status === "COMPLETED" && !checkpoint.is_savepoint && !this.seen.has(checkpoint.id))
      .map((checkpoint) => ({ checkpoint, end: endOf(checkpoint) ?? 0 }))
      .sort((a, b) => a.end - b.end);
    for (const { checkpoint, end } of fresh) {
      this.seen.add(checkpoint.id);
      this.version += 1;
      this.durations.push(end, [checkpoint.end_to_end_duration]);
      this.sizes.push(end, [checkpoint.state_size, checkpoint.checkpointed_size]);
    }
    // What the server still lists is among the newest; the oldest need not be known any more.
    for (const id of this.seen) {
      if (this.seen.size <= SEEN) break;
      this.seen.delete(id);
    }
  }
}

const trends = new Map<string, CheckpointTrend>();
const TRENDS = 32;

/** The trend of a job, the same whenever its page is shown. */
export function trendOf(jobId: string): CheckpointTrend {
  let trend = trends.get(jobId);
  if (!trend) {
    trend = new CheckpointTrend();
    trends.set(jobId, trend);
    if (trends.size > TRENDS) {
      const oldest = trends.keys().next().value;
      if (oldest !== undefined) trends.delete(oldest);
    }
  }
  return trend;
}
