import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { api } from "../api/client";
import type { Leadership } from "../api/types";
import { connectionLost } from "./connection";
import { leadership, trouble, watchLeadership } from "./leadership";

const A = { "instance-id": "a", "rpc-address": "host:6123", "rest-address": "host:8081" };
const B = { "instance-id": "b", "rpc-address": "host:6124", "rest-address": "host:8082" };
const NO_LEADER = { errors: ["Service temporarily unavailable due to an ongoing leader election."] };

/** What the pretended JobManager tells, and whether it can answer the rest. */
let told: Leadership;
let answers: boolean;
let calls: string[];
let tab: { hidden: boolean; listeners: Set<() => void> };
let stop = () => {};

beforeEach(() => {
  vi.useFakeTimers();
  told = { leader: { ...A, epoch: 1 }, self: B, state: "STANDBY" };
  answers = true;
  calls = [];
  tab = { hidden: false, listeners: new Set() };
  vi.stubGlobal("document", {
    get hidden() {
      return tab.hidden;
    },
    addEventListener: (_: string, listener: () => void) => tab.listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => tab.listeners.delete(listener),
  });
  vi.stubGlobal("fetch", async (path: string) => {
    calls.push(path);
    if (path === "leader") return Response.json(told);
    return answers ? Response.json({}) : Response.json(NO_LEADER, { status: 503 });
  });
});

afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  leadership.value = null;
  connectionLost.value = null;
});

async function watch() {
  stop = watchLeadership();
  await vi.advanceTimersByTimeAsync(0);
}

it("tells who leads and asks now and then", async () => {
  told = { leader: { ...B, epoch: 1 }, self: B, state: "LEADING" };
  await watch();
  expect(leadership.value).toMatchObject({ standing: "leading", told });
  expect(trouble.value).toBeNull();
  await vi.advanceTimersByTimeAsync(9000);
  expect(calls).toEqual(["leader", "leader", "leader", "leader"]);
});

it("notices that it is suspended, and that it is so no more", async () => {
  told = { leader: { ...B, epoch: 1 }, self: B, state: "LEADING" };
  await watch();
  told = { ...told, state: "SUSPENDED" };
  await vi.advanceTimersByTimeAsync(3000);
  expect(trouble.value?.short).toBe("Suspended");
  told = { ...told, state: "LEADING" };
  await vi.advanceTimersByTimeAsync(1000);
  expect(trouble.value).toBeNull();
});

it("goes through a failover by itself: the leader is silent, nobody leads, another one does", async () => {
  await watch();
  answers = false;
  await api.jobs().catch(() => {});
  await vi.advanceTimersByTimeAsync(0);
  expect(trouble.value?.title).toBe("The JobManager that leads, host:8081, does not answer.");
  told = { ...told, leader: null };
  await vi.advanceTimersByTimeAsync(1000);
  expect(trouble.value?.title).toBe("No JobManager leads just now.");
  told = { ...told, leader: { ...B, epoch: 2 } };
  await vi.advanceTimersByTimeAsync(1000);
  expect(trouble.value?.title).toBe("This JobManager is about to lead.");
  told = { ...told, state: "LEADING" };
  answers = true;
  await vi.advanceTimersByTimeAsync(1000);
  expect(trouble.value).toBeNull();
});

it("notices a silent leader, and that it answers again, on pages that ask for nothing themselves", async () => {
  await watch();
  answers = false;
  await vi.advanceTimersByTimeAsync(3000);
  expect(trouble.value?.title).toBe("The JobManager that leads, host:8081, does not answer.");
  await vi.advanceTimersByTimeAsync(2000);
  expect(trouble.value).not.toBeNull();
  answers = true;
  await vi.advanceTimersByTimeAsync(1000);
  expect(trouble.value).toBeNull();
});

it("does not blame a new leader for the old one's silence", async () => {
  await watch();
  calls = [];
  told = { leader: { ...B, epoch: 2 }, self: B, state: "LEADING" };
  answers = false;
  await api.jobs().catch(() => {});
  await vi.advanceTimersByTimeAsync(0);
  expect(trouble.value).toBeNull();
  expect(calls).toEqual(["jobs/overview", "leader"]);
});

it("rests while the tab is hidden, and asks at once when it is shown", async () => {
  await watch();
  calls = [];
  tab.hidden = true;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(calls).toEqual([]);
  tab.hidden = false;
  tab.listeners.forEach((listener) => listener());
  await vi.advanceTimersByTimeAsync(0);
  expect(calls).toEqual(["leader", "overview"]);
  stop();
  expect(tab.listeners.size).toBe(0);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(calls).toEqual(["leader", "overview"]);
});
