/**
 * How unevenly records are spread over subtasks, 0 (even) to 1.
 *
 * The average distance from the mean over the mean, as Flink defines data skew; more than the mean counts as 1.
 */
export function skew(values: readonly number[]): number | null {
  const mean = meanOf(values);
  if (mean === null) return null;
  const distance = values.reduce((sum, value) => sum + Math.abs(value - mean), 0) / values.length;
  return Math.min(1, distance / mean);
}

/** The mean of what at least two subtasks have; null if there is nothing to compare. */
export function meanOf(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return mean > 0 ? mean : null;
}

/** From here on a few subtasks do most of the work. */
export const UNEVEN = 0.5;
const SLIGHT = 0.1;
/** A subtask with less than this share of the mean counts as having nothing. */
const NEXT_TO_NOTHING = 0.01;

/** `1.4 times the mean`. */
function times(value: number, mean: number): string {
  const factor = value / mean;
  return `${factor < 10 ? factor.toFixed(1) : Math.round(factor)} times the mean`;
}

/** What the skew means, in a sentence; `verb` says what subtasks do with the records. Null if there is nothing to compare. */
export function skewInWords(values: readonly number[], verb: "receive" | "emit"): string | null {
  const mean = meanOf(values);
  const uneven = skew(values);
  if (mean === null || uneven === null) return null;
  const most = Math.max(...values);
  const idle = values.filter((value) => value < mean * NEXT_TO_NOTHING).length;
  const heaviest = values.indexOf(most);
  if (idle > 0) {
    const rest = values.length - idle;
    return `${idle} of ${values.length} subtasks ${verb} next to nothing; ${rest === 1 ? `subtask ${heaviest} has it all` : `subtask ${heaviest} has ${times(most, mean)}`}.`;
  }
  if (uneven < SLIGHT) return `All subtasks ${verb} about the same.`;
  if (uneven < UNEVEN) return `Somewhat uneven: subtask ${heaviest} ${verb}s the most, ${times(most, mean)}.`;
  return `Very uneven: subtask ${heaviest} ${verb}s ${times(most, mean)}. Few keys may have most of the records.`;
}

/** How far a value is from the mean: `+38%`, `-4%`, `even`. */
export function againstMean(value: number, mean: number): string {
  const percent = Math.round((value / mean - 1) * 100);
  return percent === 0 ? "even" : `${percent > 0 ? "+" : "−"}${Math.abs(percent)}%`;
}

/** What the sizes of the subtasks' state mean, in a sentence; empty if there is nothing to compare. */
export function stateInWords(sizes: readonly number[]): string {
  const mean = meanOf(sizes);
  const uneven = skew(sizes);
  if (mean === null || uneven === null) return "";
  const most = Math.max(...sizes);
  if (uneven < SLIGHT) return "All subtasks keep about the same.";
  return `${uneven < UNEVEN ? "Somewhat" : "Very"} uneven: subtask ${sizes.indexOf(most)} keeps the most, ${times(most, mean)}.`;
}
