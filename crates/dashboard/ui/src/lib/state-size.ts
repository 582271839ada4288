import type { Checkpoint } from "../api/checkpoint-types";

/** The state of each vertex in a checkpoint, bytes. Those without any are left out. */
export function stateByVertex(checkpoint: Pick<Checkpoint, "tasks">): ReadonlyMap<string, number> {
  return new Map(Object.entries(checkpoint.tasks).flatMap(([vertex, { state_size }]) => (state_size > 0 ? [[vertex, state_size]] : [])));
}
