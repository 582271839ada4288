import type { ExecutionState } from "../api/types";
import { EXECUTION_ORDER } from "./states";

/** A time span spent in one state. */
export interface Span {
  state: ExecutionState;
  from: number;
  to: number;
}

const TERMINAL = new Set<ExecutionState>(["FINISHED", "CANCELED", "FAILED"]);

/** Turns the times at which an execution entered its states into spans; a final state ends the last one. */
export function spans(timestamps: Partial<Record<ExecutionState, number>>, now: number): Span[] {
  const entered = EXECUTION_ORDER.map((state) => ({ state, at: timestamps[state] ?? 0 }))
    .filter(({ at }) => at > 0)
    .sort((a, b) => a.at - b.at || EXECUTION_ORDER.indexOf(a.state) - EXECUTION_ORDER.indexOf(b.state));
  return entered.flatMap(({ state, at }, i) => {
    if (TERMINAL.has(state)) return [];
    return [{ state, from: at, to: Math.max(at, entered[i + 1]?.at ?? now) }];
  });
}

/** The final state of an execution and its time, if it has one. */
export function endOf(timestamps: Partial<Record<ExecutionState, number>>): { state: ExecutionState; at: number } | null {
  for (const state of TERMINAL) {
    const at = timestamps[state] ?? 0;
    if (at > 0) return { state, at };
  }
  return null;
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 216e5, 864e5];

/** Round distances from the start at which to draw lines, at most `most` of them. */
export function ticks(length: number, most: number): number[] {
  const step = STEPS.find((s) => length / s <= most) ?? Math.ceil(length / most / 864e5) * 864e5;
  const out: number[] = [];
  for (let at = 0; at <= length; at += step) out.push(at);
  return out;
}

/** The times of a whole vertex: it enters a state with its first subtask, and ends with its last one. */
export function merged(all: readonly Partial<Record<ExecutionState, number>>[]): Partial<Record<ExecutionState, number>> {
  const out: Partial<Record<ExecutionState, number>> = {};
  const ends = all.map(endOf);
  for (const state of EXECUTION_ORDER) {
    if (TERMINAL.has(state)) continue;
    const times = all.map((timestamps) => timestamps[state] ?? 0).filter((time) => time > 0);
    if (times.length > 0) out[state] = Math.min(...times);
  }
  if (all.length > 0 && ends.every((end) => end !== null)) {
    // One failed subtask makes a failed vertex, however the others ended.
    const state = (["FAILED", "CANCELED", "FINISHED"] as const).find((s) => ends.some((end) => end.state === s));
    if (state) out[state] = Math.max(...ends.map((end) => end.at));
  }
  return out;
}
