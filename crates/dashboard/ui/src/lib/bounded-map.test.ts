import { expect, it } from "vitest";
import { BoundedMap } from "./bounded-map";

it("makes each value once, and forgets the oldest", () => {
  let made = 0;
  const map = new BoundedMap(() => ++made, 2);
  expect([map.get("a"), map.get("b"), map.get("a")]).toEqual([1, 2, 1]);
  expect(map.get("c")).toBe(3);
  expect(map.get("b")).toBe(2);
  expect(map.get("a")).toBe(4);
});
