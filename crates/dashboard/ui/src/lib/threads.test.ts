import { expect, it } from "vitest";
import { threadSummary } from "./threads";

it("says of a thread what is not its name", () => {
  expect(threadSummary({ threadName: "main", stringifiedThreadInfo: '"main" Id=1 WAITING\n\tat park\n\tat run\n\n' })).toEqual({ head: "Id=1 WAITING", rest: "at park\nat run" });
  expect(threadSummary({ threadName: "worker", stringifiedThreadInfo: "sleeping" })).toEqual({ head: "sleeping", rest: "" });
});
