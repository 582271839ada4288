import type { ExecutionState, JobStatus } from "../api/types";

/** The colors of states; the same word has the same color on every page. */
export type Tone = "running" | "finished" | "failed" | "canceled" | "warning" | "pending" | "neutral";

const TONES: Record<JobStatus | ExecutionState, Tone> = {
  INITIALIZING: "pending",
  CREATED: "neutral",
  SCHEDULED: "pending",
  DEPLOYING: "pending",
  RUNNING: "running",
  RESTARTING: "warning",
  RECONCILING: "warning",
  FAILING: "failed",
  FAILED: "failed",
  CANCELLING: "canceled",
  CANCELING: "canceled",
  CANCELED: "canceled",
  FINISHED: "finished",
  SUSPENDED: "neutral",
};

export function tone(state: string): Tone {
  return TONES[state as JobStatus] ?? "neutral";
}

const TERMINAL = new Set<string>(["FINISHED", "CANCELED", "FAILED"]);

/** Whether a job in this state will never change again. */
export function isTerminal(state: string): boolean {
  return TERMINAL.has(state);
}

/** Counters of the last moments may arrive after the end of a job; by then they have. */
const SETTLING_MS = 3000;

/** Whether nothing about a job will change any more, its counters included. */
export function isSettled(job: { state: string; now: number; "end-time": number }): boolean {
  return isTerminal(job.state) && job.now - job["end-time"] > SETTLING_MS;
}

/** States that pass by themselves, drawn with a moving mark. */
const PASSING = new Set<string>(["INITIALIZING", "SCHEDULED", "DEPLOYING", "RESTARTING", "RECONCILING", "FAILING", "CANCELLING", "CANCELING"]);

export function isPassing(state: string): boolean {
  return PASSING.has(state);
}

/** Groups that the jobs page filters by. */
export type StateGroup = "all" | "running" | "finished" | "failed" | "canceled";

export function inGroup(state: JobStatus, group: StateGroup): boolean {
  switch (group) {
    case "all":
      return true;
    case "running":
      return !isTerminal(state) && state !== "SUSPENDED";
    case "finished":
      return state === "FINISHED";
    case "failed":
      return state === "FAILED" || state === "FAILING";
    case "canceled":
      return state === "CANCELED" || state === "CANCELLING";
  }
}

/** The order in which an execution passes its states; the final ones last. */
export const EXECUTION_ORDER: readonly ExecutionState[] = [
  "CREATED",
  "SCHEDULED",
  "DEPLOYING",
  "INITIALIZING",
  "RECONCILING",
  "RUNNING",
  "CANCELING",
  "FINISHED",
  "CANCELED",
  "FAILED",
];
