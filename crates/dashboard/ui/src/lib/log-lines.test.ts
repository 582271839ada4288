import { describe, expect, it } from "vitest";
import { filterLog, markMatches, parseLog, jobLogLines } from "./log-lines";
import { visibleRange } from "./window";

const TEXT = `2026-11-22 23:33:18,531 INFO  flott - started
2026-11-22 23:33:19,000 ERROR flott - task host ended
  last lines of stderr: an INFO in the middle is no level here, it stands too far right
2026-11-22T23:33:20.000Z  WARN flott: \u001b[33mslow\u001b[0m
`;

describe("parseLog", () => {
  it("reads levels, and lets continuation lines belong to their entry", () => {
    expect(parseLog(TEXT.replace("an INFO", "x".repeat(60) + " INFO")).map((line) => line.level)).toEqual(["INFO", "ERROR", "ERROR", "WARN"]);
  });

  it("removes colors, and knows an empty log", () => {
    expect(parseLog(TEXT)[3]?.text).toBe("2026-11-22T23:33:20.000Z  WARN flott: slow");
    expect(parseLog("")).toEqual([]);
  });

  it("shows lines without any level too", () => {
    expect(parseLog("1> (the, 1)\n").map((line) => [line.text, line.level])).toEqual([["1> (the, 1)", null]]);
  });
});

describe("filterLog", () => {
  const lines = parseLog(TEXT.replace("an INFO", "an info"));
  it("filters by level and text, keeping line numbers", () => {
    expect(filterLog(lines, "", "WARN").map((line) => line.number)).toEqual([2, 3, 4]);
    expect(filterLog(lines, "TASK HOST", null).map((line) => line.number)).toEqual([2]);
    expect(filterLog(lines, "stderr", "ERROR").map((line) => line.number)).toEqual([3]);
    expect(filterLog(lines, "", null)).toHaveLength(4);
  });
});

describe("markMatches", () => {
  it("marks every match in any case", () => {
    expect(markMatches("Error: error", "ERROR").map((part) => [part.text, part.match])).toEqual([["Error", true], [": ", false], ["error", true]]);
    expect(markMatches("abc", "")).toEqual([{ text: "abc", match: false }]);
  });
});

describe("visibleRange", () => {
  it("covers what is in sight and a margin, inside the list", () => {
    expect(visibleRange(0, 100, 10, 1000)).toEqual({ from: 0, to: 30 });
    expect(visibleRange(5000, 100, 10, 1000)).toEqual({ from: 480, to: 530 });
    expect(visibleRange(9900, 100, 10, 1000)).toEqual({ from: 970, to: 1000 });
    // A filter made the list shorter while it was scrolled down.
    expect(visibleRange(9900, 100, 10, 5)).toEqual({ from: 5, to: 5 });
  });
});

it("makes lines of a job's log, each with who wrote it", () => {
  const time = new Date(2026, 10, 23, 9, 5, 7, 42).getTime();
  const lines = jobLogLines([
    { time, level: "WARN", source: "jobmanager", text: "x [job_id=j1] - broken job_id=j1 at=3\n  cause" },
    { time, level: "INFO", source: "tm-1", text: "2026-11-23 09:05:07,042 INFO  x - whole line" },
    { time, level: "FATAL", source: "tm-1", text: "odd" },
  ], "j1");
  expect(lines.map(({ text, level, tag }) => [text, level, tag])).toEqual([
    ["2026-11-23 09:05:07,042 WARN  x broken at=3", "WARN", "jobmanager"],
    ["  cause", "WARN", ""],
    ["2026-11-23 09:05:07,042 INFO  x - whole line", "INFO", "tm-1"],
    ["2026-11-23 09:05:07,042 FATAL odd", null, "tm-1"],
  ]);
});
