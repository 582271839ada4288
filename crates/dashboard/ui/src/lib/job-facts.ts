import type { Metric } from "../api/types";
import { plural } from "./format";

/** What a job's page says of restarts and checkpoints wherever one is on it. */
export interface JobFacts {
  restarts: number;
  lastCheckpoint: { time: number; duration: number; size: number } | null;
}

/** Metrics of a job that the facts are made of. */
export const FACT_METRICS = ["numRestarts", "lastCheckpointCompletedTimestamp", "lastCheckpointDuration", "lastCheckpointSize"] as const;

export function jobFacts(metrics: readonly Metric[]): JobFacts {
  const value = (name: (typeof FACT_METRICS)[number]) => {
    const number = Number(metrics.find(({ id }) => id === name)?.value);
    return Number.isFinite(number) ? number : -1;
  };
  const time = value("lastCheckpointCompletedTimestamp");
  return {
    restarts: Math.max(0, value("numRestarts")),
    lastCheckpoint: time > 0 ? { time, duration: value("lastCheckpointDuration"), size: value("lastCheckpointSize") } : null,
  };
}

/** `no restarts`, `1 restart`, `3 restarts`. */
export function restartsText(n: number): string {
  return n === 0 ? "no restarts" : plural(n, "restart");
}
