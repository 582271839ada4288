import { percent } from "./format";
import type { GraphModel } from "./plan";

/** Shares of time, 0 to 1. */
export interface LoadShares {
  busy: number;
  backpressured: number;
}

const HELD_UP = 0.1;
const BUSY = 0.75;

/** What the loads of a vertex's subtasks mean, in a sentence. */
export function backPressureInWords(subtasks: readonly LoadShares[]): string {
  const held = subtasks.filter(({ backpressured }) => backpressured > HELD_UP);
  const most = Math.max(0, ...subtasks.map(({ backpressured }) => backpressured));
  const busiest = Math.max(0, ...subtasks.map(({ busy }) => busy));
  if (held.length > 0) {
    const who = held.length === subtasks.length ? (held.length === 1 ? "It waits" : `All ${held.length} subtasks wait`) : `${held.length} of ${subtasks.length} subtasks wait${held.length === 1 ? "s" : ""}`;
    return `${who} for the next vertices to take records, up to ${percent(most)} of the time: those limit it.`;
  }
  if (busiest >= BUSY) return `Nothing holds it up; its busiest subtask works ${percent(busiest)} of the time. A higher parallelism or less work for each record would make it faster.`;
  return "Nothing holds it up, and it has time left.";
}

/** With less work than this a vertex has time left, whatever waits for it just now. */
const LIMITING = 0.7;

/** The vertex that limits a job, and those that wait for it. */
export interface Bottleneck {
  id: string;
  busy: number;
  holdsUp: string[];
}

/**
 * Finds what limits the job: the busiest of the vertices that are not held up themselves while vertices right before them are.
 * Null if nothing waits for anything.
 */
export function bottleneck(model: GraphModel, loads: ReadonlyMap<string, { busy: number | null; backpressured: number | null }>): Bottleneck | null {
  let found: Bottleneck | null = null;
  for (const { id } of model.nodes) {
    const load = loads.get(id);
    if (load?.busy == null || (load.backpressured ?? 0) > HELD_UP || load.busy < LIMITING) continue;
    const before = model.edges.filter((edge) => edge.to === id).map((edge) => edge.from);
    const holdsUp = [...new Set(before)].filter((from) => (loads.get(from)?.backpressured ?? 0) > HELD_UP);
    if (holdsUp.length > 0 && (found === null || load.busy > found.busy)) found = { id, busy: load.busy, holdsUp };
  }
  return found;
}

/** The vertex with the busiest subtask; null while no load is known. */
export function busiest(loads: ReadonlyMap<string, { busy: number | null }>): { id: string; busy: number } | null {
  let found: { id: string; busy: number } | null = null;
  for (const [id, { busy }] of loads) if (busy !== null && (found === null || busy > found.busy)) found = { id, busy };
  return found;
}
