import { describe, expect, it } from "vitest";
import { RateMeter, Series } from "./rates";

describe("RateMeter", () => {
  it("needs two totals", () => {
    const meter = new RateMeter();
    expect(meter.sample("a", 100, 1000)).toBeNull();
    expect(meter.sample("a", 300, 2000)).toBe(200);
    expect(meter.sample("a", 350, 2500)).toBe(100);
    expect(meter.rate("a")).toBe(100);
  });

  it("starts anew when a restart resets the total", () => {
    const meter = new RateMeter();
    meter.sample("a", 5000, 1000);
    meter.sample("a", 6000, 2000);
    expect(meter.sample("a", 10, 3000)).toBeNull();
    expect(meter.sample("a", 60, 4000)).toBe(50);
  });

  it("waits when polls come too close together", () => {
    const meter = new RateMeter();
    meter.sample("a", 0, 1000);
    meter.sample("a", 100, 2000);
    expect(meter.sample("a", 900, 2010)).toBe(100);
    expect(meter.sample("a", 1000, 3000)).toBe(900);
  });

  it("keeps lines apart and forgets", () => {
    const meter = new RateMeter();
    meter.sample("a", 0, 0);
    meter.sample("a", 10, 1000);
    expect(meter.rate("b")).toBeNull();
    meter.forget("a");
    expect(meter.rate("a")).toBeNull();
  });
});

describe("Series", () => {
  it("is bounded and ignores what is not newer", () => {
    const series = new Series(2, 3);
    for (const time of [1, 2, 2, 1, 3, 4]) series.push(time, [time * 10, null]);
    expect(series.times).toEqual([2, 3, 4]);
    expect(series.lines).toEqual([[20, 30, 40], [null, null, null]]);
  });
});
