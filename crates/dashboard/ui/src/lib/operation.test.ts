import { describe, expect, it } from "vitest";
import { newTriggerId, outcomeOf, titleOf } from "./operation";

const done = { id: "COMPLETED" } as const;

describe("outcomeOf", () => {
  it("tells the path of a savepoint and the number of a checkpoint", () => {
    expect(outcomeOf({ status: { id: "IN_PROGRESS" }, operation: null })).toEqual({ state: "running" });
    expect(outcomeOf({ status: done, operation: { location: "file:/sp/savepoint-1" } })).toEqual({ state: "done", path: "file:/sp/savepoint-1", checkpointId: null });
    const checkpoint = outcomeOf({ status: done, operation: { checkpointId: 273 } });
    expect(titleOf("checkpoint", checkpoint)).toBe("Checkpoint taken: #273");
  });

  it("takes a completed failure for a failure, root cause first", () => {
    const failure = { "failure-cause": { class: "CHECKPOINT_FAILED", "stack-trace": "no space left on device\n  while writing savepoint 7" } };
    const outcome = outcomeOf({ status: done, operation: failure });
    expect(outcome).toEqual({ state: "failed", head: "no space left on device", detail: "  while writing savepoint 7" });
    expect(titleOf("stop", outcome)).toBe("The job was not stopped");
    const java = { "failure-cause": { class: "X", "stack-trace": "job failed\n\tat a\nCaused by: disk full\n\tat b" } };
    expect(outcomeOf({ status: done, operation: java })).toMatchObject({ head: "disk full", detail: "job failed\n\tat a\nCaused by: disk full\n\tat b" });
    expect(outcomeOf({ status: done, operation: { "failure-cause": { class: "X", "stack-trace": "" } } })).toMatchObject({ head: "X" });
    expect(outcomeOf({ status: done, operation: null })).toMatchObject({ state: "failed" });
  });
});

it("makes ids that the server takes", () => {
  const [a, b] = [newTriggerId(), newTriggerId()];
  expect(a).toMatch(/^[0-9a-f]{32}$/);
  expect(a).not.toBe(b);
});
