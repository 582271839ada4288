import type { HistoryInfo } from "../api/history-types";
import type { Vertex } from "../api/types";
import { lineKey } from "./history";
import { compareNames } from "./metric-catalog";

export const AGGREGATIONS = ["sum", "avg", "max", "min"] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

/**
 * What is shown of a metric: what the server remembers of it, the subtasks together as they are now, or one of them.
 * What is of now is known only while the page is open.
 */
export type How = "history" | Aggregation | `subtask-${number}`;

/** A metric that the viewer has picked. */
export interface Picked {
  id: string;
  /** Null for one of the whole job. */
  vertex: string | null;
  /** Finds the vertex again in a changed program, whose ids are others. */
  vertexName: string | null;
  how: How;
}

/** A metric that can be picked. */
export interface Offer {
  id: string;
  vertex: string | null;
  vertexName: string | null;
  unit: string;
  /** How the server remembers it; null if it does not. */
  remembered: string | null;
}

/** So many charts are enough to look at, and few enough to draw. */
export const MOST_PICKED = 16;

export const subtaskOf = (how: How): number | null => (how.startsWith("subtask-") ? Number(how.slice("subtask-".length)) : null);

export const pickKey = ({ id, vertex, how }: Picked): string => `${lineKey(id, vertex)}/${how}`;

const HOW = /^(history|sum|avg|max|min|subtask-\d+)$/;

/** Reads what the browser has kept; null if it is something else. */
export function readPicked(value: unknown): Picked[] | null {
  if (!Array.isArray(value)) return null;
  const text = (x: unknown) => x === null || typeof x === "string";
  const good = value.every((x) => typeof x === "object" && x !== null && typeof x.id === "string" && text(x.vertex) && text(x.vertexName) && typeof x.how === "string" && HOW.test(x.how));
  return good ? (value as Picked[]).slice(0, MOST_PICKED) : null;
}

/** The picked metrics that this job has: vertices are found by id, else by name. */
export function resolvePicked(picked: readonly Picked[], vertices: readonly Vertex[]): Picked[] {
  return picked.flatMap((pick) => {
    if (pick.vertex === null) return [pick];
    const vertex = vertices.find(({ id }) => id === pick.vertex) ?? vertices.find(({ name }) => name === pick.vertexName);
    if (!vertex) return [];
    const subtask = subtaskOf(pick.how);
    return [{ ...pick, vertex: vertex.id, vertexName: vertex.name, how: subtask !== null && subtask >= vertex.parallelism ? "max" : pick.how }];
  });
}

const FIRST_VERTICES = 4;

/** What is shown to a viewer who has not picked anything: what sources emit and others receive. `vertices` in the order of the flow. */
export function firstPicks(vertices: readonly Vertex[], sources: ReadonlySet<string>, how: How): Picked[] {
  return vertices.slice(0, FIRST_VERTICES).map(({ id, name }) => ({
    id: sources.has(id) ? "numRecordsOutPerSecond" : "numRecordsInPerSecond",
    vertex: id,
    vertexName: name,
    how,
  }));
}

/** All that can be picked: what the server remembers, and what subtasks have now. */
export function offers(remembered: readonly HistoryInfo[], names: ReadonlyMap<string, readonly string[]>, vertices: readonly Vertex[]): Offer[] {
  const all = new Map<string, Offer>();
  const nameOf = new Map(vertices.map(({ id, name }) => [id, name]));
  for (const { id, vertex = null, unit = "", aggregation } of remembered) {
    if (vertex !== null && !nameOf.has(vertex)) continue;
    all.set(lineKey(id, vertex), { id, vertex, vertexName: vertex === null ? null : (nameOf.get(vertex) ?? null), unit, remembered: aggregation ?? "sum" });
  }
  for (const [vertex, ids] of names) {
    for (const id of ids) {
      const key = lineKey(id, vertex);
      if (!all.has(key)) all.set(key, { id, vertex, vertexName: nameOf.get(vertex) ?? null, unit: "", remembered: null });
    }
  }
  const place = new Map([null, ...vertices.map(({ id }) => id)].map((id, i) => [id, i]));
  return [...all.values()].sort((a, b) => (place.get(a.vertex) ?? 0) - (place.get(b.vertex) ?? 0) || compareNames(a.id, b.id));
}
