import { expect, it } from "vitest";
import { skew } from "./skew";

it("measures skew", () => {
  expect(skew([10, 10])).toBe(0);
  expect(skew([0, 20])).toBe(1);
  expect(skew([5, 15])).toBe(0.5);
  expect(skew([7])).toBeNull();
  expect(skew([0, 0])).toBeNull();
});
