import { count, grouped } from "../../../lib/format";
import { againstMean } from "../../../lib/skew";

/** A number as a bar beside those of the other subtasks, with their mean as a line. */
export function AgainstMean({ value, mean, top, format = count }: { value: number; mean: number | null; top: number; format?: (value: number) => string }) {
  return (
    <span class="bar-cell" title={mean === null ? grouped(value) : `${grouped(value)}, ${againstMean(value, mean)} against the mean of ${format(mean)}`}>
      <span class="bar-back" style={{ width: `${(value / top) * 100}%` }} />
      {mean !== null && <span class="bar-mean" style={{ right: `${(mean / top) * 100}%` }} />}
      <span class="bar-value">{format(value)}</span>
    </span>
  );
}
