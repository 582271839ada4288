import type { CheckpointStatus } from "../../../api/checkpoint-types";
import { toneOf } from "../../../lib/checkpoints";

/** How a checkpoint is, in the colors of states. */
export function CheckpointChip({ status }: { status: CheckpointStatus }) {
  return (
    <span class={`chip tone-${toneOf(status)}`}>
      <span class={`dot${status === "IN_PROGRESS" ? " dot-pulse" : ""}`} aria-hidden="true" />
      {status.replace("_", " ")}
    </span>
  );
}
