import { expect, it } from "vitest";
import type { Checkpoint } from "../api/checkpoint-types";
import { mergeSavepoints, readSavepoints, savepointsOf } from "./savepoints";

const checkpoint = (id: number, more: Partial<Checkpoint>) => ({ id, status: "COMPLETED", is_savepoint: true, external_path: `/sp-${id}`, latest_ack_timestamp: id * 10, state_size: 5, checkpoint_type: "SAVEPOINT", ...more }) as Checkpoint;
const latest = { completed: null, failed: null, restored: null };

it("finds the savepoints among a job's checkpoints", () => {
  const history = [checkpoint(4, { is_savepoint: false }), checkpoint(3, { status: "FAILED" }), checkpoint(2, { checkpoint_type: "SYNC_SAVEPOINT" })];
  expect(savepointsOf({ history, latest: { ...latest, savepoint: checkpoint(1, {}) } })).toEqual([
    { path: "/sp-1", time: 10, size: 5, stopped: false },
    { path: "/sp-2", time: 20, size: 5, stopped: true },
  ]);
});

it("keeps what the server has forgotten, once each, newest first", () => {
  const one = { path: "/a", time: 1, size: null, stopped: false };
  const two = { path: "/b", time: 2, size: 3, stopped: true };
  expect(mergeSavepoints([one, { ...two, size: null }], [two])).toEqual([two, one]);
  expect(readSavepoints(JSON.parse(JSON.stringify([two, one])))).toEqual([two, one]);
  expect(readSavepoints([{ path: 3 }])).toBeNull();
});
