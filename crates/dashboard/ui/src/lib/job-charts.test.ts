import { expect, it } from "vitest";
import { HistoryStore } from "./history";
import { chartColumns, jobCharts } from "./job-charts";

const HOUR = 3_600_000;

function store(series: Record<string, [string | undefined, (number | null)[]]>): HistoryStore {
  const history = new HistoryStore();
  history.add({ interval: 5000, end: 15_000, series: Object.entries(series).map(([key, [vertex, values]]) => ({ id: key.split("@")[0] as string, ...(vertex ? { vertex } : {}), values })) });
  return history;
}

it("draws what a job has, and leaves out what it has not", () => {
  const charts = jobCharts(store({ numRecordsInPerSecond: [undefined, [1, 2, 3]], numRecordsOutPerSecond: [undefined, [1, 1, 1]], numRestarts: [undefined, [0, 0, 0]] }), [], null, HOUR);
  expect(charts.map(({ id }) => id)).toEqual(["throughput"]);
  expect(charts[0]?.format(2000)).toBe("2,000/s");
});

it("shows restarts once there were any", () => {
  expect(jobCharts(store({ numRestarts: [undefined, [0, 1, 1]] }), [], null, HOUR).map(({ id }) => id)).toEqual(["restarts"]);
});

it("takes the load of a job from its most loaded vertex", () => {
  const history = store({ "busyTimeMsPerSecond@a": ["a", [100, 900, 100]], "busyTimeMsPerSecond@b": ["b", [200, 100, null]] });
  const [load] = jobCharts(history, ["a", "b"], null, HOUR);
  expect(load?.data.lines[0]).toEqual([200, 900, 100]);
  expect(load?.top).toBe(1000);
  expect(jobCharts(history, ["a", "b"], "b", HOUR)[0]?.data.lines[0]).toEqual([200, 100, null]);
});

it("does not magnify a small lag", () => {
  const [lag] = jobCharts(store({ watermarkLag: ["a", [3, 4, 5]] }), ["a"], "a", HOUR);
  expect(lag?.top).toBe(1000);
});

it("tells no lag where event time has nothing to do with the clock", () => {
  expect(jobCharts(store({ watermarkLag: ["a", [1.7e12, 1.7e12]] }), ["a"], "a", HOUR)).toEqual([]);
});

it("shows latency where it is measured", () => {
  const history = store({ "latency@a": ["a", [3, 4]], "latency@b": ["b", [9, 2]] });
  const [whole] = jobCharts(history, ["a", "b"], null, HOUR);
  expect([whole?.id, whole?.data.lines[0], whole?.format(9)]).toEqual(["latency", [9, 4], "9 ms"]);
  expect(jobCharts(history, ["a", "b"], "b", HOUR)[0]?.data.lines[0]).toEqual([9, 2]);
});

it("leaves out bytes that nobody made, and single values", () => {
  expect(jobCharts(store({ numBytesInPerSecond: ["a", [0, 0]], numBytesOutPerSecond: ["a", [0, 0]] }), ["a"], "a", HOUR)).toEqual([]);
  expect(jobCharts(store({ numRecordsInPerSecond: ["a", [null, 7]] }), ["a"], "a", HOUR)).toEqual([]);
});

it("fills rows with charts", () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8].map(chartColumns)).toEqual([1, 2, 3, 4, 3, 3, 4, 4]);
});
