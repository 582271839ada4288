import { expect, it } from "vitest";
import type { Vertex } from "../api/types";
import { MOST_PICKED, type Picked, firstPicks, offers, readPicked, resolvePicked } from "./picked-metrics";

const vertex = (id: string, name: string, parallelism = 4) => ({ id, name, parallelism }) as Vertex;
const pick = (more: Partial<Picked>): Picked => ({ id: "numRecordsIn", vertex: "a", vertexName: "count", how: "history", ...more });

it("reads what it has written, and refuses anything else", () => {
  const picked = [pick({}), pick({ how: "subtask-3" }), pick({ vertex: null, vertexName: null })];
  expect(readPicked(JSON.parse(JSON.stringify(picked)))).toEqual(picked);
  expect(readPicked({})).toBeNull();
  expect(readPicked([{ id: 3 }])).toBeNull();
  expect(readPicked([{ ...pick({}), how: "__proto__" }])).toBeNull();
  expect(readPicked(Array(100).fill(pick({})))?.length).toBe(MOST_PICKED);
});

it("finds vertices again by name, and subtasks that are gone not at all", () => {
  const vertices = [vertex("b", "count", 2)];
  expect(resolvePicked([pick({}), pick({ vertexName: "gone" })], vertices)).toEqual([pick({ vertex: "b" })]);
  expect(resolvePicked([pick({ how: "subtask-1" }), pick({ how: "subtask-2" })], vertices).map(({ how }) => how)).toEqual(["subtask-1", "max"]);
});

it("begins with what goes through the vertices", () => {
  expect(firstPicks([vertex("s", "Source"), vertex("a", "count")], new Set(["s"]), "history").map(({ id }) => id)).toEqual(["numRecordsOutPerSecond", "numRecordsInPerSecond"]);
});

it("offers what is remembered and what there is besides, once each, in the order of the flow", () => {
  const remembered = [{ id: "Map.x", vertex: "a", unit: "records", aggregation: "sum" as const }, { id: "numRestarts" }, { id: "old", vertex: "gone" }];
  const list = offers(remembered, new Map([["a", ["Map.x", "numRecordsIn"]]]), [vertex("s", "Source"), vertex("a", "count")]);
  expect(list.map(({ id, vertexName, remembered: how }) => [id, vertexName, how])).toEqual([["numRestarts", null, "sum"], ["numRecordsIn", "count", null], ["Map.x", "count", "sum"]]);
});
