import { describe, expect, it } from "vitest";
import type { IoMetrics, Job } from "../api/types";
import { totalRate } from "./cluster";
import { JobHistory, WHOLE_JOB, emitted, jobTotals } from "./throughput";

function io(read: number, write: number, busy: number | string = 0): IoMetrics {
  return {
    "read-bytes": 0, "write-bytes": 0, "read-records": read, "write-records": write,
    "accumulated-backpressured-time": 0, "accumulated-idle-time": 0, "accumulated-busy-time": busy,
  };
}

function job(now: number, source: IoMetrics, sink: IoMetrics): Job {
  const vertex = (id: string, metrics: IoMetrics) => ({
    id, name: id, maxParallelism: 128, parallelism: 2, status: "RUNNING" as const, "start-time": 0, "end-time": -1, duration: 0, tasks: {}, metrics,
  });
  return {
    jid: "j", name: "j", state: "RUNNING", "start-time": 0, "end-time": -1, duration: 0, maxParallelism: -1, now, timestamps: {}, "status-counts": {},
    vertices: [vertex("source", source), vertex("sink", sink)],
    plan: { name: "j", nodes: [{ id: "sink", parallelism: 2, description: "sink", inputs: [{ id: "source", num: 0 }] }, { id: "source", parallelism: 2, description: "source" }] },
  };
}

describe("jobTotals", () => {
  it("takes the side that sources and sinks count", () => {
    expect(jobTotals(job(0, io(0, 500), io(480, 0)))).toEqual({ entering: 500, leaving: 480 });
    expect(jobTotals(job(0, io(100, 500), io(480, 20)))).toEqual({ entering: 100, leaving: 20 });
  });

  it("sums what all vertices emit", () => {
    expect(emitted(job(0, io(0, 500), io(480, 20)))).toBe(520);
  });
});

describe("JobHistory", () => {
  it("turns polls into rates and shares of time", () => {
    const history = new JobHistory();
    history.add(job(1000, io(0, 0, 0), io(0, 0, "NaN")));
    history.add(job(2000, io(0, 800, 1000), io(700, 0, "NaN")));
    // Two subtasks were at work for 1000 ms together, in one second: half of their time.
    expect(history.vertex("source")).toEqual({ recordsIn: 0, recordsOut: 800, bytesIn: 0, bytesOut: 0, busy: 0.5, backpressured: 0 });
    expect(history.vertex("sink").busy).toBeNull();
    expect(history.series.get(WHOLE_JOB)?.lines).toEqual([[null, 800], [null, 700]]);
    expect(history.emittedPerSecond()).toBe(800);
  });

  it("ignores an answer that came twice or late", () => {
    const history = new JobHistory();
    history.add(job(2000, io(0, 10), io(0, 0)));
    history.add(job(2000, io(0, 20), io(0, 0)));
    history.add(job(1000, io(0, 5), io(0, 0)));
    expect(history.series.get("source")?.times).toEqual([2000]);
  });
});

describe("totalRate", () => {
  it("is zero without jobs and unknown until one is measured", () => {
    expect(totalRate([])).toBe(0);
    expect(totalRate([null, null])).toBeNull();
    expect(totalRate([null, 5, 7])).toBe(12);
  });
});
