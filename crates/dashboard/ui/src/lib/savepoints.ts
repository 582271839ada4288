import type { Checkpoints } from "../api/checkpoint-types";

/** A savepoint of a job as the browser keeps it: the server forgets all but the last snapshots. */
export interface KnownSavepoint {
  path: string;
  /** When it was complete; epoch milliseconds. */
  time: number;
  size: number | null;
  /** Whether the job was stopped with it. */
  stopped: boolean;
}

const KEPT = 30;

/** Reads what the browser has kept; null if it is something else. */
export function readSavepoints(value: unknown): KnownSavepoint[] | null {
  if (!Array.isArray(value)) return null;
  const good = value.every((x) => typeof x === "object" && x !== null && typeof x.path === "string" && typeof x.time === "number" && (x.size === null || typeof x.size === "number") && typeof x.stopped === "boolean");
  return good ? (value as KnownSavepoint[]).slice(0, KEPT) : null;
}

/** The savepoints that a job's statistics still tell of, newest first. */
export function savepointsOf({ history, latest }: Pick<Checkpoints, "history" | "latest">): KnownSavepoint[] {
  const all = [...(latest.savepoint ? [latest.savepoint] : []), ...history];
  return all
    .filter((checkpoint) => checkpoint.is_savepoint && checkpoint.status === "COMPLETED" && checkpoint.external_path)
    .map((checkpoint) => ({ path: checkpoint.external_path as string, time: checkpoint.latest_ack_timestamp, size: checkpoint.state_size, stopped: checkpoint.checkpoint_type === "SYNC_SAVEPOINT" }));
}

/** Both lists in one, each path once, newest first. */
export function mergeSavepoints(kept: readonly KnownSavepoint[], told: readonly KnownSavepoint[]): KnownSavepoint[] {
  const byPath = new Map([...kept, ...told].map((savepoint) => [savepoint.path, savepoint]));
  return [...byPath.values()].sort((a, b) => b.time - a.time).slice(0, KEPT);
}
