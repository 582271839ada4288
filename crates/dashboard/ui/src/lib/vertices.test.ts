import { expect, it } from "vitest";
import { heatOf, loadLevel, ratesOf, shareOf, skewOf } from "./vertices";

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

it("reads the skew of what has something to compare", () => {
  const id = "numRecordsIn";
  expect(skewOf([{ id, skew: 42, sum: 10 }], id, 4)).toBe(0.42);
  expect(skewOf([{ id, skew: 0, sum: 10 }], id, 1)).toBeNull();
  expect(skewOf([{ id, skew: 0, sum: 0 }], id, 4)).toBeNull();
  expect(skewOf([{ id, sum: 10 }], id, 4)).toBeNull();
});

it("reads the rates that the server tells", () => {
  expect(ratesOf([{ id: "numRecordsInPerSecond", sum: 12.5 }, { id: "numBytesOutPerSecond", sum: "NaN" as unknown as number }])).toEqual({ recordsIn: 12.5, recordsOut: null, bytesIn: null, bytesOut: null });
});
