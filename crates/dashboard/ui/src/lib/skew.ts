/**
 * How unevenly records are spread over subtasks, 0 (even) to 1.
 *
 * The average distance from the mean over the mean, as Flink defines data skew; more than the mean counts as 1.
 */
export function skew(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (mean <= 0) return null;
  const distance = values.reduce((sum, value) => sum + Math.abs(value - mean), 0) / values.length;
  return Math.min(1, distance / mean);
}
