import { useMemo } from "preact/hooks";
import { sparkPath } from "../lib/sparkline";

interface Props {
  values: readonly (number | null)[];
  label: string;
  /** As high as a line of text. */
  small?: boolean;
  /** The value at the upper edge; else the largest one. */
  top?: number | undefined;
}

/** The course of a number, without axes. */
export function Sparkline({ values, label, small = false, top }: Props) {
  const path = useMemo(() => sparkPath(values, 160, 36, top), [values, top]);
  return (
    <svg class={`sparkline ${small ? "sparkline-small" : ""}`} viewBox="0 0 160 36" preserveAspectRatio="none" role="img" aria-label={label}>
      <path d={path} />
    </svg>
  );
}
