import { expect, it } from "vitest";
import { heatOf, loadLevel, shareOf } from "./vertices";

it("reads the load of the busiest subtask", () => {
  const id = "busyTimeMsPerSecond";
  expect(shareOf([{ id, max: 420 }], id)).toBe(0.42);
  expect(shareOf([{ id, max: 1010 }], id)).toBe(1);
  expect(shareOf([{ id, max: "NaN" as unknown as number }], id)).toBeNull();
  expect(shareOf([], id)).toBeNull();
  expect([null, 0.1, 0.3, 0.6].map(loadLevel)).toEqual(["none", "none", "low", "high"]);
});

it("colors a vertex by what it spends more time with, in steps", () => {
  expect(heatOf(null, null).kind).toBeNull();
  expect(heatOf(0.01, 0).kind).toBeNull();
  expect(heatOf(0.9, 0.2)).toEqual({ kind: "busy", degree: 27 });
  expect(heatOf(0.3, 0.72)).toEqual(heatOf(0.3, 0.68));
  expect(heatOf(0.3, 0.7).kind).toBe("backpressured");
});
