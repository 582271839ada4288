import { describe, expect, it } from "vitest";
import { RateMeter, Series } from "./rates";

describe("RateMeter", () => {
  it("needs two totals", () => {
    const meter = new RateMeter();
    expect(meter.sample("a", 100, 1000)).toBeNull();
    expect(meter.sample("a", 300, 2000)).toBe(200);
    expect(meter.sample("a", 400, 3000)).toBe(150);
    expect(meter.rate("a")).toBe(150);
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
    expect(meter.sample("a", 1000, 3000)).toBe(500);
  });

  it("evens out totals that the server learns more rarely than it is asked", () => {
    const meter = new RateMeter();
    const rates = Array.from({ length: 40 }, (_, i) => meter.sample("a", Math.floor(i / 2) * 1000, i * 500));
    expect(rates.slice(8).every((rate) => rate !== null && Math.abs(rate - 1000) <= 250)).toBe(true);
  });

  it("notices within seconds that nothing moves any more", () => {
    const meter = new RateMeter();
    for (let i = 0; i <= 10; i++) meter.sample("a", i * 100, i * 1000);
    for (let i = 11; i <= 13; i++) meter.sample("a", 1000, i * 1000);
    expect(meter.sample("a", 1000, 14_000)).toBe(0);
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
