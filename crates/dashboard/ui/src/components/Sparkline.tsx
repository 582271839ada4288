import { sparkPath } from "../lib/sparkline";

/** The course of a number, without axes. */
export function Sparkline({ values, label }: { values: readonly (number | null)[]; label: string }) {
  const path = sparkPath(values, 160, 36);
  return (
    <svg class="sparkline" viewBox="0 0 160 36" preserveAspectRatio="none" role="img" aria-label={label}>
      <path d={path} />
    </svg>
  );
}
