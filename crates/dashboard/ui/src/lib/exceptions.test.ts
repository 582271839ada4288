import { describe, expect, it } from "vitest";
import { groupFailures, headline, taskOf, findFailures, lastPanic } from "./exceptions";

const entry = (timestamp: number, stacktrace: string, taskName: string | null = "map (1/2) - execution #3") => ({
  exceptionName: "UserCodePanicked", stacktrace, timestamp, taskName, endpoint: "host:1", taskManagerId: "host:1-ab",
});

describe("headline", () => {
  it("is the first line of a plain cause", () => {
    expect(headline({ exceptionName: "X", stacktrace: "\ncannot parse \"a\"\noperator: map" })).toBe('cannot parse "a"');
  });

  it("is the innermost cause of a chain", () => {
    const stacktrace = "job failed\n\tat a\nCaused by: task failed\n\tat b\nCaused by: disk full\n\tat c";
    expect(headline({ exceptionName: "X", stacktrace })).toBe("disk full");
  });

  it("falls back to the name", () => {
    expect(headline({ exceptionName: "TaskManagerLost", stacktrace: "" })).toBe("TaskManagerLost");
    expect(headline({ exceptionName: "", stacktrace: " \n" })).toBe("The job failed without a message.");
  });
});

describe("groupFailures", () => {
  it("takes repeats at other subtasks, and with other numbers, as the same failure", () => {
    const [failure, other] = groupFailures([entry(10, "cannot digest record 7", "map (1/4) - execution #0"), entry(20, "cannot digest record 9", "map (3/4) - execution #1"), entry(5, "disk full")]);
    expect(failure?.headline).toBe("cannot digest record 9");
    expect(failure?.occurrences.map(({ subtask, headline: text }) => [subtask, text])).toEqual([["3/4", "cannot digest record 9"], ["1/4", "cannot digest record 7"]]);
    expect(other?.headline).toBe("disk full");
  });

  it("counts repeats of a crash loop, newest first", () => {
    const failures = groupFailures([entry(10, "boom\nmore"), entry(30, "boom\nmore", "map (1/2) - execution #4"), entry(20, "other")]);
    expect(failures.map((failure) => [failure.headline, failure.occurrences.map(({ timestamp, attempt }) => [timestamp, attempt])])).toEqual([
      ["boom", [[30, 4], [10, 3]]],
      ["other", [[20, 3]]],
    ]);
    expect(failures[0]).toMatchObject({ detail: "more", task: "map (1/2)", timestamp: 30 });
  });

  it("keeps failures of different tasks apart", () => {
    expect(groupFailures([entry(1, "boom", "map (1/2)"), entry(2, "boom", "sink (1/2)"), entry(3, "boom", null)])).toHaveLength(3);
  });

  it("does not repeat the headline in the detail, and shows a chain whole", () => {
    expect(groupFailures([entry(1, "boom")])[0]?.detail).toBe("");
    expect(groupFailures([entry(1, "a\nCaused by: b\n  at x")])[0]?.detail).toBe("a\nCaused by: b\n  at x");
  });
});

it("takes a cause by its parts where they are given", () => {
  const rootCause = { message: "index out of bounds\nthe len is 3", context: ["while reading part-0"], operator: "count", location: "src/main.rs:4:2", stderrTail: "a\nb\n" };
  expect(groupFailures([{ ...entry(1, "index out of bounds\n  operator: count"), rootCause }])[0]).toMatchObject({
    headline: "index out of bounds",
    detail: "the len is 3\nwhile reading part-0\nlast lines of stderr:\na\nb",
    operator: "count",
    location: "src/main.rs:4:2",
  });
  const empty = { message: "" };
  expect(groupFailures([{ ...entry(1, "boom"), rootCause: empty }])[0]).toMatchObject({ headline: "boom", operator: null });
});

it("takes the attempt off a task", () => {
  expect(taskOf("Source: gen (1/1) - execution #21")).toBe("Source: gen (1/1)");
  expect(taskOf(undefined)).toBeNull();
});

it("finds failures by message, task and host", () => {
  const entry = (message: string, taskName: string, endpoint: string) => ({ exceptionName: "E", stacktrace: message, timestamp: 1, taskName, endpoint, taskManagerId: `${endpoint}-1` });
  const failures = groupFailures([entry("disk full", "sink (1/2)", "host-a:1"), entry("bad number", "map (1/2)", "host-b:1")]);
  expect(findFailures(failures, "").length).toBe(2);
  expect(findFailures(failures, "DISK").map(({ headline }) => headline)).toEqual(["disk full"]);
  expect(findFailures(failures, "map host-b").length).toBe(1);
  expect(findFailures(failures, "map host-a").length).toBe(0);
});

it("keeps of the output what belongs to the last panic", () => {
  const one = "thread 'slot' (7) panicked at src/a.rs:1:2:\nboom\nstack backtrace:\n   0: x";
  expect(lastPanic(`   4: y\nnote: more\n\n${one.replace("boom", "before")}\n\n${one}`)).toBe(one);
  expect(lastPanic("no panic here")).toBe("no panic here");
});
