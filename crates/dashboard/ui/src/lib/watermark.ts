import type { Metric } from "../api/types";

/** The lowest watermark of a vertex's subtasks as event time (ms); null if none has one yet. */
export function lowWatermark(metrics: readonly Metric[]): number | null {
  const values = metrics
    .filter((metric) => metric.id.endsWith("currentInputWatermark"))
    .map((metric) => Number(metric.value));
  if (values.length === 0) return null;
  const lowest = Math.min(...values);
  // The smallest long means "no watermark yet", the largest "input has ended"; neither is a time.
  return Number.isFinite(lowest) && Math.abs(lowest) < 8.64e15 ? lowest : null;
}
