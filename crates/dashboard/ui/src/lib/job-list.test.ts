import { expect, it } from "vitest";
import type { JobSummary } from "../api/types";
import { findJobs, jobTotals } from "./job-list";

const job = (jid: string, name: string, total: number, state = "RUNNING") => ({ jid, name, state, tasks: { total } }) as unknown as JobSummary;
const jobs = [job("a1", "orders hourly", 4), job("b2", "clicks", 6, "FAILED")];

it("finds jobs by name, id and state, word by word", () => {
  expect(findJobs(jobs, " ").length).toBe(2);
  expect(findJobs(jobs, "HOURLY orders").map(({ jid }) => jid)).toEqual(["a1"]);
  expect(findJobs(jobs, "failed").map(({ jid }) => jid)).toEqual(["b2"]);
  expect(findJobs(jobs, "b2 orders")).toEqual([]);
});

it("adds up what is known", () => {
  expect(jobTotals(jobs, new Map())).toEqual({ subtasks: 10, recordsIn: null });
  expect(jobTotals(jobs, new Map([["a1", { recordsIn: 5 }], ["b2", { recordsIn: null }]]))).toEqual({ subtasks: 10, recordsIn: 5 });
});
