import { type Tone, isPassing, tone } from "../lib/states";

/** A state, in the color it has everywhere: of a job or an execution, unless another one is given. */
export function StateChip({ state, large = false, color = tone(state) }: { state: string; large?: boolean; color?: Tone }) {
  return (
    <span class={`chip tone-${color}${large ? " chip-large" : ""}`}>
      <span class={`dot${isPassing(state) ? " dot-pulse" : ""}`} aria-hidden="true" />
      {state}
    </span>
  );
}
