/** Checkpoints, savepoints and stops that a user asked for: what they are called and how they end. */

import type { Operation } from "../api/checkpoint-types";
import { rootCause } from "./exceptions";

export type OperationKind = "checkpoint" | "savepoint" | "stop";

export type Outcome =
  | { state: "running" }
  | { state: "done"; path: string | null; checkpointId: number | null }
  | { state: "failed"; head: string; detail: string };

type Result = { location: string } | { checkpointId: number };

/** Reads the answer to "how far is it?". */
export function outcomeOf(answer: Operation<Result>): Outcome {
  const { status, operation } = answer;
  if (status.id !== "COMPLETED") return { state: "running" };
  if (operation === null) return { state: "failed", head: "The JobManager knows no result.", detail: "" };
  if ("failure-cause" in operation) {
    const cause = operation["failure-cause"];
    return { state: "failed", ...rootCause(cause["stack-trace"].trim() || cause.class) };
  }
  return {
    state: "done",
    path: "location" in operation ? operation.location : null,
    checkpointId: "checkpointId" in operation ? operation.checkpointId : null,
  };
}

const WORDS: Record<OperationKind, Record<Outcome["state"], string>> = {
  checkpoint: { running: "Taking a checkpoint", done: "Checkpoint taken", failed: "The checkpoint failed" },
  savepoint: { running: "Taking a savepoint", done: "Savepoint taken", failed: "The savepoint failed" },
  stop: { running: "Stopping with a savepoint", done: "Stopped with a savepoint", failed: "The job was not stopped" },
};

export function titleOf(kind: OperationKind, outcome: Outcome): string {
  const title = WORDS[kind][outcome.state];
  return outcome.state === "done" && outcome.checkpointId !== null ? `${title}: #${outcome.checkpointId}` : title;
}

/** An id by which the same wish, sent twice, is one operation: 32 hex digits. */
export function newTriggerId(): string {
  // Not randomUUID: on plain http browsers have it for localhost only.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
