import { describe, expect, it } from "vitest";
import { endOf, merged, spans, ticks } from "./timeline";

describe("timeline", () => {
  const running = { CREATED: 100, SCHEDULED: 110, DEPLOYING: 120, INITIALIZING: 130, RUNNING: 150, FAILED: 0 };

  it("lets each state last until the next, the last one until now", () => {
    expect(spans(running, 300).map((span) => [span.state, span.from, span.to])).toEqual([
      ["CREATED", 100, 110], ["SCHEDULED", 110, 120], ["DEPLOYING", 120, 130], ["INITIALIZING", 130, 150], ["RUNNING", 150, 300],
    ]);
  });

  it("ends with the final state", () => {
    const ended = { ...running, FINISHED: 200 };
    expect(spans(ended, 300).at(-1)).toEqual({ state: "RUNNING", from: 150, to: 200 });
    expect(endOf(ended)).toEqual({ state: "FINISHED", at: 200 });
    expect(endOf(running)).toBeNull();
  });

  it("merges subtasks: first in, last out, and a failure counts most", () => {
    expect(merged([{ RUNNING: 20, CANCELED: 90 }, { RUNNING: 10, FAILED: 80 }])).toEqual({ RUNNING: 10, FAILED: 90 });
    expect(merged([{ RUNNING: 20, FINISHED: 90 }, { RUNNING: 10 }])).toEqual({ RUNNING: 10 });
    expect(merged([])).toEqual({});
  });

  it("puts few round marks on the axis", () => {
    expect(ticks(61_500, 6)).toEqual([0, 15_000, 30_000, 45_000, 60_000]);
    expect(ticks(0.5, 6)).toEqual([0]);
    expect(ticks(40 * 864e5, 6).length).toBeLessThanOrEqual(7);
  });
});
