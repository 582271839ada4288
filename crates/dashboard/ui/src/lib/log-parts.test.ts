import { expect, it } from "vitest";
import { logParts, stateIn } from "./log-parts";

it("takes a line apart", () => {
  expect(logParts("2026-11-23 21:00:06,419 INFO  flott_taskmanager::host::messages [] - task state changed subtask=1")).toEqual({
    date: "2026-11-23 ", head: "21:00:06,419 INFO  ", module: "messages", path: "flott_taskmanager::host::messages", text: "task state changed subtask=1",
  });
  expect(logParts("2026-11-23 21:00:06,419 WARN  a::b lost a connection")).toMatchObject({ module: "b", text: "lost a connection" });
  expect(logParts("2026-11-23 21:00:06,419 WARN  no module")).toMatchObject({ module: "", text: "no module" });
  expect(logParts("  at x")).toMatchObject({ head: "", text: "  at x" });
});

it("finds the state that a line tells of", () => {
  expect(stateIn("task state changed state=FAILED attempt=2")).toEqual({ before: "task state changed state=", state: "FAILED", after: " attempt=2" });
  expect(stateIn("nothing")).toBeNull();
});
