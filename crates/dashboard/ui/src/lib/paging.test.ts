import { expect, it } from "vitest";
import { pageOf } from "./paging";

it("cuts rows into pages", () => {
  expect(pageOf(0, 0, 50)).toEqual({ page: 0, pages: 1, from: 0, to: 0 });
  expect(pageOf(120, 1, 50)).toEqual({ page: 1, pages: 3, from: 50, to: 100 });
  expect(pageOf(120, 2, 50)).toMatchObject({ from: 100, to: 120 });
});

it("stays on the last page when rows go", () => {
  expect(pageOf(60, 7, 50)).toMatchObject({ page: 1, from: 50, to: 60 });
});
