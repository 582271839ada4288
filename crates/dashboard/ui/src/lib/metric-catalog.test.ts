import { expect, it } from "vitest";
import { compareNames, matches, meaningOf, readingOf, splitName } from "./metric-catalog";

it("reads what it knows by name, whatever operator it is of", () => {
  expect(readingOf("numBytesInPerSecond").format(2048)).toBe("2 KiB/s");
  expect(readingOf("busyTimeMsPerSecond").format(420)).toBe("42%");
  expect(readingOf("count words.numRecordsOut").format(1_200_000)).toBe("1.2 M");
  expect(readingOf("checkpointStartDelayNanos").format(3_000_000)).toBe("3 ms");
  expect(readingOf("currentInputWatermark").format(0)).toBe("1970-01-01 00:00:00");
});

it("reads what it does not know by its unit, else as a number", () => {
  expect(readingOf("tokenize.lengths", "bytes").format(1024)).toBe("1 KiB");
  expect(readingOf("tokenize.misses").format(12_345)).toBe("12.3 k");
  expect(readingOf("tokenize.average").format(7.4321)).toBe("7.43");
  expect(readingOf("tokenize.hitsPerSecond").format(3)).toBe("3/s");
});

it("says what metrics mean", () => {
  expect(meaningOf("Map.numLateRecordsDropped")).toContain("too late");
  expect(meaningOf("tokenize.malformedLines")).toBe("A metric of tokenize");
  expect(splitName("Shuffle.Netty.Input.numBytesInLocal")).toEqual({ scope: "Shuffle.Netty.Input", name: "numBytesInLocal" });
});

it("finds metrics by name, by meaning and by vertex", () => {
  expect(matches("backpress", "softBackPressuredTimeMsPerSecond")).toBe(true);
  expect(matches("too late", "window.numLateRecordsDropped")).toBe(true);
  expect(matches("words late", "numLateRecordsDropped", "count words")).toBe(true);
  expect(matches("nosuch", "numRecordsIn")).toBe(false);
});

it("lists tasks' metrics first", () => {
  expect(["Shuffle.x", "Map.a", "b", "a"].sort(compareNames)).toEqual(["a", "b", "Map.a", "Shuffle.x"]);
});
