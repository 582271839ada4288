import { signal } from "@preact/signals";
import { api } from "../api/client";
import { ConnectionError, textsOf } from "../api/errors";
import { type OperationKind, type Outcome, outcomeOf } from "../lib/operation";
import { pollInterval } from "./config";

/** Something a user asked for, under way or done. */
export interface UserOperation {
  triggerId: string;
  jobId: string;
  kind: OperationKind;
  /** When it was asked for, by the server's clock. */
  since: number;
  outcome: Outcome;
}

/** Oldest first. They outlive the page that began them, so that leaving it loses no result. */
export const operations = signal<readonly UserOperation[]>([]);

/** Finished ones that are kept until the user dismisses them. */
const KEPT = 20;

/** Follows an operation that the server has accepted until it has an outcome. */
export function follow(jobId: string, kind: OperationKind, triggerId: string, since: number): void {
  const operation: UserOperation = { triggerId, jobId, kind, since, outcome: { state: "running" } };
  operations.value = [...operations.value.filter((other) => other.triggerId !== triggerId), operation].slice(-KEPT);
  void poll(operation);
}

export function dismiss(triggerId: string): void {
  operations.value = operations.value.filter((operation) => operation.triggerId !== triggerId);
}

async function poll({ jobId, kind, triggerId }: UserOperation): Promise<void> {
  const ask = kind === "checkpoint" ? api.checkpointOperation : api.savepointOperation;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, pollInterval.peek()));
    if (!operations.peek().some((operation) => operation.triggerId === triggerId)) return; // dismissed
    let outcome: Outcome;
    try {
      outcome = outcomeOf(await ask(jobId, triggerId));
    } catch (error) {
      // A JobManager that is away may come back, and tell then.
      if (error instanceof ConnectionError) continue;
      const [head = "", ...detail] = textsOf(error);
      outcome = { state: "failed", head, detail: detail.join("\n") };
    }
    if (outcome.state === "running") continue;
    operations.value = operations.value.map((operation) => (operation.triggerId === triggerId ? { ...operation, outcome } : operation));
    return;
  }
}
