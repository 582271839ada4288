import type { Rescale, ResourceRequirements } from "../api/observe-types";
import type { Vertex } from "../api/types";
import { duration } from "./format";
import type { GraphModel } from "./plan";

/** Vertices that must have the same parallelism, since records go from a subtask to the one of the same number. */
export interface RescaleGroup {
  vertices: Vertex[];
  /** What all of them can have at most. */
  most: number;
}

/** The vertices of a job in groups of common parallelism, in the order of `vertices`. */
export function rescaleGroups(model: GraphModel, vertices: readonly Vertex[]): RescaleGroup[] {
  const leader = new Map(vertices.map(({ id }) => [id, id]));
  const find = (id: string): string => {
    const next = leader.get(id) ?? id;
    return next === id ? id : find(next);
  };
  for (const edge of model.edges) if (edge.label === "FORWARD" && leader.has(edge.from) && leader.has(edge.to)) leader.set(find(edge.to), find(edge.from));
  const groups = new Map<string, RescaleGroup>();
  for (const vertex of vertices) {
    const key = find(vertex.id);
    const most = vertex.maxParallelism > 0 ? vertex.maxParallelism : Number.MAX_SAFE_INTEGER;
    const group = groups.get(key);
    if (group) {
      group.vertices.push(vertex);
      group.most = Math.min(group.most, most);
    } else groups.set(key, { vertices: [vertex], most });
  }
  return [...groups.values()];
}

/** What is wrong with a wished parallelism; null if nothing is. */
export function parallelismError(text: string, most: number): string | null {
  const n = Number(text);
  return text.trim() !== "" && Number.isInteger(n) && n >= 1 && n <= most ? null : `Give a whole number from 1 to ${most}.`;
}

/** The requirements that ask for the wished parallelism of each vertex. Lower bounds stay where they can. */
export function requirementsFor(wished: ReadonlyMap<string, number>, now: ResourceRequirements): ResourceRequirements {
  return Object.fromEntries(
    [...wished].map(([id, upperBound]) => [id, { parallelism: { lowerBound: Math.min(now[id]?.parallelism.lowerBound ?? 1, upperBound), upperBound } }]),
  );
}

/** Slots that a job needs whose vertices share slots: as many as its widest vertex has subtasks. */
export function slotsFor(wished: ReadonlyMap<string, number>): number {
  return Math.max(0, ...wished.values());
}

/** Clocks of browser and server differ by this much at most, after what is known of the difference. */
const CLOCK_MS = 3000;

/** The rescale that was asked for at this time; null while the server does not tell of it. */
export function askedRescale(list: readonly Rescale[], asked: number): Rescale | null {
  const since = list.filter((rescale) => rescale.triggerCause === "UPDATE_REQUIREMENT" && (rescale.startTimestampInMillis ?? 0) > asked - CLOCK_MS);
  return since.reduce<Rescale | null>((newest, rescale) => (newest === null || (rescale.startTimestampInMillis ?? 0) > (newest.startTimestampInMillis ?? 0) ? rescale : newest), null);
}

/** How a rescale is going, in words. */
export function rescaleOutcome(rescale: Rescale | null): { state: "running" | "done" | "failed"; title: string; detail: string } {
  if (rescale === null || rescale.terminalState === null) return { state: "running", title: "Rescaling", detail: rescale?.message ?? "" };
  const took = (rescale.endTimestampInMillis ?? 0) - (rescale.startTimestampInMillis ?? 0);
  const why = rescale.message ?? (rescale.terminatedReason ?? "").replaceAll("_", " ").toLowerCase();
  if (rescale.terminalState === "COMPLETED") return { state: "done", title: `Rescaled in ${duration(Math.max(0, took))}`, detail: rescale.message ?? "" };
  return { state: "failed", title: rescale.terminalState === "IGNORED" ? "Nothing was changed" : "The job was not rescaled", detail: why };
}
