import { expect, it } from "vitest";
import type { Checkpoint } from "../api/checkpoint-types";
import { stateByVertex } from "./state-size";

it("tells the state of vertices that have some", () => {
  const tasks = { a: { state_size: 700 }, b: { state_size: 0 } } as unknown as Checkpoint["tasks"];
  expect([...stateByVertex({ tasks })]).toEqual([["a", 700]]);
});
