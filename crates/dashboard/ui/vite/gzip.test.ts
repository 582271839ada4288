import { randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { BUDGET, compress } from "./gzip";

it("compresses what is worth it", () => {
  const text = "flott ".repeat(1000);
  const files = compress([{ fileName: "a.js", content: text }, { fileName: "small.svg", content: "<svg/>" }], BUDGET);
  expect(files.map(({ fileName }) => fileName)).toEqual(["a.js.gz"]);
  expect(gunzipSync(files[0]?.content ?? "").toString()).toBe(text);
});

it("fails a build that is over its budget, and the budget is what was promised", () => {
  const noise = randomBytes(6000);
  expect(() => compress([{ fileName: "a.js", content: noise }, { fileName: "b.css", content: noise }], 11_000)).toThrow(/over its budget of 11000/);
  expect(compress([{ fileName: "a.js", content: noise }], 11_000).length).toBe(1);
  expect(BUDGET).toBeLessThan(300_000);
});
