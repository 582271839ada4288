import { describe, expect, it } from "vitest";
import type { Checkpoint, CheckpointConfig } from "../api/checkpoint-types";
import { CheckpointTrend, alignment, endOf, failureOf, isPeriodic, kindOf, retention, withKept } from "./checkpoints";

const checkpoint = (id: number, more: Partial<Checkpoint> = {}): Checkpoint => ({
  id, status: "COMPLETED", is_savepoint: false, trigger_timestamp: id * 1000, latest_ack_timestamp: id * 1000 + 40, checkpointed_size: 10, state_size: 100,
  end_to_end_duration: 40, processed_data: 0, persisted_data: 0, num_subtasks: 4, num_acknowledged_subtasks: 4, checkpoint_type: "CHECKPOINT", tasks: {}, ...more,
});

const config: CheckpointConfig = {
  mode: "exactly_once", interval: 1000, timeout: 600_000, min_pause: 0, max_concurrent: 1, unaligned_checkpoints: false, tolerable_failed_checkpoints: -1, aligned_checkpoint_timeout: 0,
};

it("knows what taking none looks like", () => {
  expect([1, -1, 0, 9_223_372_036_854_775_807].map((interval) => isPeriodic({ interval }))).toEqual([true, false, false, false]);
});

it("names kinds", () => {
  const kind = (checkpoint_type: string, is_savepoint: boolean) => kindOf({ checkpoint_type, is_savepoint });
  expect(kind("CHECKPOINT", false)).toBe("checkpoint");
  expect(kind("UNALIGNED_CHECKPOINT", false)).toBe("unaligned checkpoint");
  expect(kind("SAVEPOINT", true)).toBe("savepoint");
  expect(kind("SYNC_SAVEPOINT", true)).toBe("stop with savepoint");
});

it("puts settings into words", () => {
  expect(retention(config)).toBe("deleted when the job ends");
  expect(retention({ ...config, externalization: { enabled: true, delete_on_cancellation: true } })).toContain("deleted if it is canceled");
  expect(retention({ ...config, externalization: { enabled: true, delete_on_cancellation: false } })).toBe("kept when the job ends");
  expect(alignment(config)).toBe("aligned");
  expect(alignment({ ...config, unaligned_checkpoints: true, aligned_checkpoint_timeout: 30_000 })).toBe("unaligned after 30 s");
});

describe("failureOf", () => {
  it("puts the root cause first", () => {
    expect(failureOf("no space left on device\n  while writing")).toEqual({ head: "no space left on device", detail: "  while writing" });
    expect(failureOf(" ").head).toBe("The checkpoint failed without a message.");
    expect(failureOf(undefined).detail).toBe("");
  });
});

it("ends when the last subtask acknowledged or when it failed", () => {
  expect(endOf(checkpoint(2))).toBe(2040);
  expect(endOf(checkpoint(2, { status: "IN_PROGRESS" }))).toBeNull();
  expect(endOf(checkpoint(2, { status: "FAILED", failure_timestamp: 2900 }))).toBe(2900);
});

it("keeps what the user looks at", () => {
  const history = [checkpoint(9), checkpoint(8)];
  expect(withKept(history, null)).toEqual(history);
  expect(withKept(history, checkpoint(8, { discarded: true }))).toEqual(history);
  expect(withKept(history, checkpoint(3)).map(({ id }) => id)).toEqual([9, 8, 3]);
});

describe("CheckpointTrend", () => {
  it("takes each completed checkpoint once, in the order of their ends", () => {
    const trend = new CheckpointTrend();
    trend.add([checkpoint(3, { status: "IN_PROGRESS" }), checkpoint(2), checkpoint(1)]);
    trend.add([checkpoint(4, { status: "FAILED" }), checkpoint(3, { end_to_end_duration: 70 }), checkpoint(2), checkpoint(1)]);
    trend.add([checkpoint(5, { is_savepoint: true })]);
    expect(trend.durations.times).toEqual([1040, 2040, 3040]);
    expect(trend.durations.lines).toEqual([[40, 40, 70]]);
    expect(trend.sizes.lines).toEqual([[100, 100, 100], [10, 10, 10]]);
    expect(trend.version).toBe(3);
  });
});
