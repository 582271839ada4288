import { expect, it } from "vitest";
import { jobOf, threadGroups, threadRow } from "./threads";

const thread = (threadName: string, text: string) => ({ threadName, stringifiedThreadInfo: `"${threadName}" ${text}\n\n` });
const JOB = "7288ac31887d2eaff57a194b2cb607eb";

it("says of a thread what is not its name", () => {
  expect(threadRow(thread("main", "Id=1 WAITING\n\tat park\n\tat run"))).toEqual({ name: "main", state: "Id=1 WAITING", process: "", cpu: null, rest: "at park\nat run" });
  expect(threadRow({ threadName: "worker", stringifiedThreadInfo: "sleeping" })).toMatchObject({ state: "sleeping", rest: "" });
});

it("groups by process, the busiest first, and names subtasks that wait without a thread", () => {
  const groups = threadGroups([
    thread("tokio", "Id=1 WAITING\n\t-  process: TaskManager\n\t-  CPU time: 10 ms"),
    thread("(no thread)", `Id=0 WAITING\n\t-  process: task host of job ${JOB}\n\t-  CPU time: 0 ms\n\t-  subtask: map (1/2)\n\tat waiting for input`),
    thread("slot", `Id=3 RUNNABLE\n\t-  process: task host of job ${JOB}\n\t-  CPU time: 5 ms\n\t-  subtask: map (2/2)\n\tat work`),
    thread("io", "Id=2 WAITING\n\t-  process: TaskManager\n\t-  CPU time: 90 ms"),
  ]);
  expect(groups.map(({ process, rows }) => [process, rows.map(({ name, state, cpu }) => [name, state, cpu])])).toEqual([
    ["TaskManager", [["io", "Id=2 WAITING", 90], ["tokio", "Id=1 WAITING", 10]]],
    [`task host of job ${JOB}`, [["slot: map (2/2)", "Id=3 RUNNABLE", 5], ["map (1/2)", "waiting for input", null]]],
  ]);
  expect(jobOf(groups[1]?.process ?? "")).toBe(JOB);
  expect(jobOf("TaskManager")).toBeNull();
});
