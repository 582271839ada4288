import { percent } from "../../../lib/format";
import { UNEVEN, skew, skewInWords } from "../../../lib/skew";

/** How evenly the records are spread over the subtasks, as a number and in words. */
export function SkewNote({ read, written }: { read: readonly number[]; written: readonly number[] }) {
  const parts = [
    { name: "in", value: skew(read), words: skewInWords(read, "receive") },
    { name: "out", value: skew(written), words: skewInWords(written, "emit") },
  ].filter((part) => part.value !== null);
  if (parts.length === 0) return null;
  return (
    <p class="skew">
      {parts.map(({ name, value, words }) => (
        <span key={name} class="skew-part">
          <span class={`badge ${(value ?? 0) >= UNEVEN ? "badge-warning" : ""}`} title="Data skew: the average distance of the subtasks from their mean, in percent of the mean. 0% is even.">
            skew {name} {percent(value ?? 0)}
          </span>
          {words}
        </span>
      ))}
    </p>
  );
}
