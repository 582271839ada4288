import { describe, expect, it } from "vitest";
import { inGroup, isSettled, isTerminal, tone } from "./states";

describe("states", () => {
  it("colors every spelling of canceling alike", () => {
    expect([tone("CANCELLING"), tone("CANCELING"), tone("CANCELED")]).toEqual(["canceled", "canceled", "canceled"]);
    expect(tone("SOMETHING_NEW")).toBe("neutral");
  });

  it("knows which jobs are over and which run", () => {
    expect(isTerminal("FAILING")).toBe(false);
    expect(isSettled({ state: "FINISHED", now: 5000, "end-time": 4900 })).toBe(false);
    expect(isSettled({ state: "FINISHED", now: 9000, "end-time": 4900 })).toBe(true);
    expect(isSettled({ state: "RUNNING", now: 9000, "end-time": -1 })).toBe(false);
    expect(inGroup("RESTARTING", "running")).toBe(true);
    expect(inGroup("FAILED", "running")).toBe(false);
    expect(inGroup("CANCELLING", "canceled")).toBe(true);
  });
});
