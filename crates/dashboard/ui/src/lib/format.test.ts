import { describe, expect, it } from "vitest";
import { ago, bytes, count, duration, percent, plural, rate, roundDuration, shortId } from "./format";

describe("format", () => {
  it("reads sizes in binary units", () => {
    expect([0, 1023, 1024, 1536, 10_485_760, 1.5 * 1024 ** 4].map(bytes)).toEqual(["0 B", "1023 B", "1 KiB", "1.5 KiB", "10 MiB", "1.5 TiB"]);
  });

  it("marks sizes that are not known", () => {
    expect([-1, NaN].map(bytes)).toEqual(["–", "–"]);
  });

  it("shows small counts in full and large ones short", () => {
    expect([0, 9999, 10_000, 999_400, 999_960, 1_234_567, 2e9].map(count)).toEqual(["0", "9,999", "10 k", "999 k", "1 M", "1.23 M", "2 G"]);
  });

  it("keeps fractions of slow rates", () => {
    expect([0, 0.4, 4.25, 87.46, 420.2, 84_000].map(rate)).toEqual(["0", "0.4", "4.25", "87.5", "420", "84 k"]);
  });

  it("never shows something as nothing", () => {
    expect([0, 0.001, 0.42, 1, 1.7].map(percent)).toEqual(["0%", "<1%", "42%", "100%", "100%"]);
  });

  it("names the two largest units of a duration", () => {
    expect([0, 850, 4240, 59_999, 200_000, 7_500_000, 273_600_000].map(duration)).toEqual(["0 ms", "850 ms", "4.2 s", "59 s", "3 m 20 s", "2 h 5 m", "3 d 4 h"]);
    expect(duration(-1)).toBe("–");
    expect([600_000, 4000, 1500, 90_000, 3_600_000, 500].map(roundDuration)).toEqual(["10 m", "4 s", "1.5 s", "1 m 30 s", "1 h", "500 ms"]);
  });

  it("rounds ages", () => {
    expect([0, 12_400, 300_000, 7_200_000, 200_000_000].map(ago)).toEqual(["just now", "12 s ago", "5 m ago", "2 h ago", "2 d ago"]);
  });

  it("counts words and cuts ids", () => {
    expect([plural(1, "slot"), plural(3, "slot")]).toEqual(["1 slot", "3 slots"]);
    expect([shortId("2efff7fb0f9f04726989cc7c7eb9cb92"), shortId("host:1")]).toEqual(["2efff7fb", "host:1"]);
  });
});

it("leaves hours out where days are many", () => {
  expect([99.5 * 86_400_000, 20_780.8 * 86_400_000].map(duration)).toEqual(["99 d 12 h", "20,780 d"]);
});
