import { expect, it } from "vitest";
import { backPressureInWords, bottleneck, busiest } from "./back-pressure";
import type { GraphModel } from "./plan";

const loads = (...pairs: [number, number][]) => pairs.map(([busy, backpressured]) => ({ busy, backpressured }));

it("says who waits, and for how long", () => {
  expect(backPressureInWords(loads([0.1, 0.6], [0.1, 0.4]))).toContain("All 2 subtasks wait for the next vertices");
  expect(backPressureInWords(loads([0.1, 0.6], [0.1, 0]))).toContain("1 of 2 subtasks waits for the next vertices to take records, up to 60%");
  expect(backPressureInWords(loads([0.9, 0.02]))).toContain("its busiest subtask works 90% of the time");
  expect(backPressureInWords(loads([0.2, 0]))).toBe("Nothing holds it up, and it has time left.");
});

const model: GraphModel = {
  nodes: ["source", "count", "sink"].map((id) => ({ id, lines: [], parallelism: 1, isSource: id === "source", isSink: id === "sink" })),
  edges: [{ id: "1", from: "source", to: "count", label: "HASH" }, { id: "2", from: "count", to: "sink", label: "" }],
};
const map = (values: Record<string, [number, number]>) => new Map(Object.entries(values).map(([id, [busy, backpressured]]) => [id, { busy, backpressured }]));

it("finds what limits a job", () => {
  expect(bottleneck(model, map({ source: [0.3, 0.6], count: [0.95, 0], sink: [0.1, 0] }))).toEqual({ id: "count", busy: 0.95, holdsUp: ["source"] });
  expect(bottleneck(model, map({ source: [0.3, 0.6], count: [0.3, 0.7], sink: [0.98, 0] }))?.id).toBe("sink");
});

it("finds nothing where nothing waits", () => {
  expect(bottleneck(model, map({ source: [0.3, 0], count: [0.95, 0], sink: [0.1, 0] }))).toBeNull();
  expect(bottleneck(model, map({ source: [0.3, 0.2], count: [0.6, 0], sink: [0.1, 0] }))).toBeNull();
  expect(bottleneck(model, new Map())).toBeNull();
});

it("finds who works most", () => {
  expect(busiest(map({ source: [0.3, 0.6], count: [0.95, 0] }))).toEqual({ id: "count", busy: 0.95 });
  expect(busiest(new Map([["a", { busy: null }]]))).toBeNull();
});
