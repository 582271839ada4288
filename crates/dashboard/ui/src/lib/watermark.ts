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

/** From here on a lag is worth a look, and from here on something is most likely wrong. */
const LATE_MS = 60_000;
const FAR_MS = 600_000;

/** Further behind is no lag: records of long ago are read again, or their times are numbers of another kind. */
const ANOTHER_TIME_MS = 365 * 86_400_000;

/** Whether event time has to do with the clock at all. */
export function isOfNow(behind: number): boolean {
  return behind < ANOTHER_TIME_MS;
}

/** How far event time is behind, in the words of the style sheet. A replay of old data is far behind and well; it is to be seen all the same. */
export function lagLevel(behind: number): "fine" | "late" | "far" {
  if (behind < LATE_MS || !isOfNow(behind)) return "fine";
  return behind < FAR_MS ? "late" : "far";
}
