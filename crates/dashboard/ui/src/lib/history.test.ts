import { expect, it } from "vitest";
import type { History } from "../api/history-types";
import { HISTORY_POINTS, HistoryStore, hasValues, recent } from "./history";

const answer = (end: number, values: Record<string, (number | null)[]>): History => ({
  interval: 5000,
  end,
  series: Object.entries(values).map(([key, line]) => {
    const [vertex, id] = key.includes("/") ? key.split("/") : [undefined, key];
    return { id: id as string, ...(vertex ? { vertex } : {}), unit: "records/s", aggregation: "sum" as const, values: line };
  }),
});

it("takes a whole history, and adds what came since", () => {
  const store = new HistoryStore();
  store.add(answer(20_000, { in: [1, 2], "v/in": [3, null] }));
  expect(store.times).toEqual([15_000, 20_000]);
  expect(store.end).toBe(20_000);
  store.add(answer(25_000, { in: [4], "v/in": [5] }));
  expect(store.times).toEqual([15_000, 20_000, 25_000]);
  expect(store.line("in")).toEqual([1, 2, 4]);
  expect(store.line("in", "v")).toEqual([3, null, 5]);
  expect(store.newest("in", "v")).toBe(5);
});

it("takes the newer answer where two overlap", () => {
  const store = new HistoryStore();
  store.add(answer(20_000, { in: [1, 2] }));
  store.add(answer(25_000, { in: [9, 4] }));
  expect(store.times).toEqual([15_000, 20_000, 25_000]);
  expect(store.line("in")).toEqual([1, 9, 4]);
});

it("takes moments that are nearly the same as one", () => {
  const store = new HistoryStore();
  store.add(answer(20_000, { in: [1, 2] }));
  store.add(answer(25_007, { in: [3, 4] }));
  expect(store.times).toEqual([15_000, 20_007, 25_007]);
  expect(store.line("in")).toEqual([1, 3, 4]);
});

it("changes nothing for an answer without values", () => {
  const store = new HistoryStore();
  store.add(answer(20_000, { in: [1, 2] }));
  store.add(answer(20_000, { in: [] }));
  expect(store.times).toEqual([15_000, 20_000]);
  expect(store.line("in")).toEqual([1, 2]);
});

it("fills what it does not know of a line that comes or goes", () => {
  const store = new HistoryStore();
  store.add(answer(10_000, { in: [1] }));
  store.add(answer(15_000, { out: [2] }));
  expect(store.line("in")).toEqual([1, null]);
  expect(store.line("out")).toEqual([null, 2]);
  expect(store.line("nosuch")).toEqual([null, null]);
  expect(store.has("nosuch")).toBe(false);
});

it("forgets what is older than an hour", () => {
  const store = new HistoryStore();
  store.add(answer(HISTORY_POINTS * 5000, { in: Array.from({ length: HISTORY_POINTS }, (_, i) => i) }));
  store.add(answer((HISTORY_POINTS + 2) * 5000, { in: [-1, -2] }));
  expect(store.times.length).toBe(HISTORY_POINTS);
  expect(store.line("in").slice(0, 1)).toEqual([2]);
  expect(store.line("in").slice(-2)).toEqual([-1, -2]);
});

it("knows the largest of some vertices", () => {
  const store = new HistoryStore();
  store.add(answer(15_000, { "a/busy": [1, null, 3], "b/busy": [2, null, null] }));
  expect(store.largest("busy", ["a", "b", "unknown"])).toEqual([2, null, 3]);
  expect(store.largest("nosuch", ["a"])).toEqual([null, null, null]);
});

it("shows a span from the first value that is known", () => {
  const data = { times: [5000, 10_000, 15_000, 20_000], lines: [[null, null, 3, 4]] };
  expect(recent(data, 3_600_000)).toEqual({ times: [15_000, 20_000], lines: [[3, 4]] });
  expect(recent(data, 0)).toEqual({ times: [20_000], lines: [[4]] });
  expect(hasValues(recent({ times: [5000], lines: [[null]] }, 1000))).toBe(false);
});
