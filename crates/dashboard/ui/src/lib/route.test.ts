import { describe, expect, it } from "vitest";
import { link, parseRoute } from "./route";

const route = (hash: string) => parseRoute(hash).route;

describe("parseRoute", () => {
  it("reads what the links write", () => {
    expect(route(link.overview())).toEqual({ page: "overview" });
    expect(route(link.job("ab", "exceptions"))).toEqual({ page: "job", id: "ab", tab: "exceptions", vertex: null });
    expect(route(link.job("ab", "graph", "v/1"))).toEqual({ page: "job", id: "ab", tab: "graph", vertex: "v/1" });
    expect(route(link.taskManager("host:1-a/b", "files", "x y.log"))).toEqual({ page: "taskmanager", id: "host:1-a/b", tab: "files", file: "x y.log" });
    expect(route(link.jobManager("log"))).toEqual({ page: "jobmanager", tab: "log", file: null });
    expect(route(link.job("ab", "checkpoints"))).toMatchObject({ page: "job", tab: "checkpoints" });
    const again = parseRoute(link.submit({ artifact: "1_a", savepoint: "file:///sp/a b&c", args: "" }));
    expect(again.route).toEqual({ page: "submit" });
    expect(Object.fromEntries(again.query)).toEqual({ artifact: "1_a", savepoint: "file:///sp/a b&c" });
    expect(link.submit()).toBe("#/submit");
    expect(parseRoute(link.jobs("failed")).query.get("state")).toBe("failed");
  });

  it("starts at the overview and knows what it does not know", () => {
    expect(route("")).toEqual({ page: "overview" });
    expect(route("#/")).toEqual({ page: "overview" });
    expect(route("#/nosuch/x")).toEqual({ page: "unknown", path: "/nosuch/x" });
    expect(route("#/jobs/ab/nosuch")).toMatchObject({ page: "job", tab: "graph" });
    expect(route("#/jobs/%E0%A4%A")).toMatchObject({ page: "job", id: "%E0%A4%A" });
  });

  it("understands the addresses of Flink's dashboard", () => {
    expect(route("#/job/running/ab/overview")).toMatchObject({ page: "job", id: "ab", tab: "graph" });
    expect(route("#/job/completed/ab/exceptions")).toMatchObject({ page: "job", id: "ab", tab: "exceptions" });
    expect(route("#/job/running")).toEqual({ page: "jobs" });
    expect(route("#/job-manager/logs")).toEqual({ page: "jobmanager", tab: "log", file: null });
    expect(route("#/task-manager/tm1/stdout")).toMatchObject({ page: "taskmanager", id: "tm1", tab: "stdout" });
  });
});
