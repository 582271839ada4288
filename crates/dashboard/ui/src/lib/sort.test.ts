import { expect, it } from "vitest";
import { sortBy } from "./sort";

it("sorts texts as people do, without touching its input", () => {
  const rows = [{ n: "task 10" }, { n: "task 2" }];
  expect(sortBy(rows, (row) => row.n, "ascending").map((row) => row.n)).toEqual(["task 2", "task 10"]);
  expect(sortBy([3, 1, 2], (n) => n, "descending")).toEqual([3, 2, 1]);
  expect(rows[0]?.n).toBe("task 10");
});
