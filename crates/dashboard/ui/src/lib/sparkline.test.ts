import { expect, it } from "vitest";
import { newest, sparkPath } from "./sparkline";

it("draws a line with gaps", () => {
  expect(sparkPath([0, null, 10, 5], 30, 12)).toBe("M0.0,11.0M20.0,1.0L30.0,6.0");
  expect(sparkPath([1], 30, 12)).toBe("");
  expect(newest([1, 2], 3)).toEqual([null, 1, 2]);
  expect(newest([null, null, 1, 2], 3)).toEqual([null, 1, 2]);
  expect(newest([null, ...Array<number>(80).fill(1)], 720)).toHaveLength(80);
  expect(newest([1], 720)).toHaveLength(60);
  expect(newest([1, 2, 3], 2)).toEqual([2, 3]);
});
