import { expect, it } from "vitest";
import { loadLevel, shareOf } from "./vertices";

it("reads the load of the busiest subtask", () => {
  const id = "busyTimeMsPerSecond";
  expect(shareOf([{ id, max: 420 }], id)).toBe(0.42);
  expect(shareOf([{ id, max: 1010 }], id)).toBe(1);
  expect(shareOf([{ id, max: "NaN" as unknown as number }], id)).toBeNull();
  expect(shareOf([], id)).toBeNull();
  expect([null, 0.1, 0.3, 0.6].map(loadLevel)).toEqual(["none", "none", "low", "high"]);
});
