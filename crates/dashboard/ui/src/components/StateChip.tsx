import { isPassing, tone } from "../lib/states";

/** A job's or execution's state, in the color it has everywhere. */
export function StateChip({ state, large = false }: { state: string; large?: boolean }) {
  return (
    <span class={`chip tone-${tone(state)}${large ? " chip-large" : ""}`}>
      <span class={`dot${isPassing(state) ? " dot-pulse" : ""}`} aria-hidden="true" />
      {state}
    </span>
  );
}
