import { describe, expect, it } from "vitest";
import type { Leadership } from "../api/types";
import { type Lost, aloneText, dashboardAt, seen, standbyHint, standingOf, stateTone, troubleOf } from "./leadership";

const member = (id: string, port: number) => ({ "instance-id": id, "rpc-address": `host:${port - 1958}`, "rest-address": `host:${port}` });
const told = (state: Leadership["state"], leader: Leadership["leader"]): Leadership => ({ leader, self: member("b", 8082), state });
const OTHER = { ...member("a", 8081), epoch: 7 };
const SELF = { ...member("b", 8082), epoch: 8 };
const lost = (loss: Lost["loss"]): Lost => ({ since: 5, reason: "the reason.", loss });

describe("standingOf", () => {
  it("tells a standby from one that is about to lead and from nobody", () => {
    expect(standingOf(told("LEADING", SELF))).toBe("leading");
    expect(standingOf(told("STANDBY", OTHER))).toBe("standby");
    expect(standingOf(told("STANDBY", SELF))).toBe("taking-over");
    expect(standingOf(told("STANDBY", null))).toBe("none");
  });

  it("believes its state rather than who is said to lead, which may be old", () => {
    expect(standingOf(told("LEADING", null))).toBe("leading");
    expect(standingOf(told("SUSPENDED", OTHER))).toBe("suspended");
    expect(standingOf(told("SUSPENDED", null))).toBe("suspended");
  });
});

it("counts since when it stands so, whoever leads", () => {
  const first = seen(null, told("STANDBY", OTHER), 10);
  expect(first).toMatchObject({ standing: "standby", since: 10 });
  const second = seen(first, told("STANDBY", { ...OTHER, epoch: 9 }), 20);
  expect(second).toMatchObject({ standing: "standby", since: 10, told: { leader: { epoch: 9 } } });
  expect(seen(second, told("STANDBY", null), 30)).toMatchObject({ standing: "none", since: 30 });
});

it("gives each state a color of its own", () => {
  expect((["LEADING", "STANDBY", "SUSPENDED"] as const).map(stateTone)).toEqual(["running", "finished", "warning"]);
  expect(stateTone("NEWER" as "LEADING")).toBe("neutral");
});

it("links to the dashboards of others, the way this one is reached", () => {
  expect(dashboardAt("host:8081", "http:")).toBe("http://host:8081/#/jobmanager");
  expect(dashboardAt("[::1]:8081", "https:")).toBe("https://[::1]:8081/#/jobmanager");
  for (const none of ["", "host", "host:", "user@host:1", "host:1/x", "host\\x:1", "a b:1"]) expect(dashboardAt(none, "http:")).toBeNull();
});

describe("aloneText", () => {
  const text = (...settings: [string, string][]) => aloneText(settings.map(([key, value]) => ({ key, value })));

  it("says nothing of clusters with several JobManagers", () => {
    expect(text(["high-availability.type", "etcd"])).toBeNull();
    expect(text(["high-availability", "ETCD"])).toBeNull();
  });

  it("says that jobs end with it", () => {
    const ends = "There is one JobManager, and its jobs end with it";
    expect(text(["high-availability.type", "none"])).toContain(ends);
    expect(text(["recovery.mode", "NONE"], ["high-availability.storageDir", "/ha"])).toContain(ends);
    expect(text(["jobmanager.rpc.port", "0"])).toContain(ends);
    // The newest name wins.
    expect(text(["high-availability", "etcd"], ["high-availability.type", "none"])).toContain(ends);
  });

  it("says that jobs survive it, and where", () => {
    const survive = "There is one JobManager. Its jobs survive it, in file:///ha: started again, it goes on with them.";
    expect(text(["high-availability.storageDir", "file:///ha"])).toBe(survive);
    expect(text(["high-availability.type", "File"], ["recovery.zookeeper.storageDir", "file:///ha"], ["jobmanager.rpc.port", "0"])).toBe(survive);
  });

  it("takes a directory that nobody has named for one against accidents only", () => {
    expect(text()).toContain("Its jobs survive if it is killed");
    expect(text(["jobmanager.rpc.port", "6123"])).toContain("Stopped in good order it cancels them");
  });
});

it("tags pages of a standby, and no others", () => {
  const hints = (["LEADING", "SUSPENDED", "STANDBY"] as const).flatMap((state) => [SELF, OTHER, null].map((leader) => standbyHint(seen(null, told(state, leader), 1))));
  expect(hints.filter((hint) => hint !== null)).toEqual([
    "This page comes from a standby and shows the data of the leader, host:8081.",
    "This page comes from a standby; no JobManager leads just now.",
  ]);
  expect(standbyHint(null)).toBeNull();
});

describe("troubleOf", () => {
  it("says nothing while all is well", () => {
    expect(troubleOf(null, null)).toBeNull();
    expect(troubleOf(null, seen(null, told("LEADING", SELF), 1))).toBeNull();
    expect(troubleOf(null, seen(null, told("STANDBY", OTHER), 1))).toBeNull();
  });

  it("puts a lost connection first: what was told of leading is old then", () => {
    for (const state of [null, seen(null, told("SUSPENDED", SELF), 1)]) {
      expect(troubleOf(lost("silent"), state)).toEqual({ title: "Connection lost, retrying.", detail: "the reason. What you see is from before.", short: "Offline", since: 5 });
    }
  });

  it("says that it is suspended although it answers", () => {
    const state = seen(null, told("SUSPENDED", SELF), 3);
    const trouble = { title: "This JobManager can't reach etcd in time.", detail: "Nothing is deployed or stored until it does; what runs goes on.", short: "Suspended", since: 3 };
    expect(troubleOf(null, state)).toEqual(trouble);
    // It refuses changes, which is no other trouble.
    expect(troubleOf(lost("unavailable"), state)).toEqual(trouble);
  });

  it("says that nobody leads, since the first request that failed", () => {
    const state = seen(null, told("STANDBY", null), 9);
    expect(troubleOf(null, state)).toMatchObject({ title: "No JobManager leads just now.", short: "No leader", since: 9 });
    expect(troubleOf(lost("unavailable"), state)).toMatchObject({ title: "No JobManager leads just now.", since: 5 });
    expect(troubleOf(null, seen(null, told("STANDBY", SELF), 9))).toMatchObject({ title: "This JobManager is about to lead." });
  });

  it("names the leader that does not answer its standby", () => {
    expect(troubleOf(lost("unavailable"), seen(null, told("STANDBY", OTHER), 1))).toMatchObject({ title: "The JobManager that leads, host:8081, does not answer.", short: "No leader", since: 5 });
    const hidden = seen(null, told("STANDBY", { ...OTHER, "rest-address": "" }), 1);
    expect(troubleOf(lost("unavailable"), hidden)?.title).toContain("host:6123");
  });

  it("hands on the reason where nothing is known of who leads", () => {
    const trouble = { title: "The JobManager cannot answer just now, retrying.", detail: "the reason. What you see is from before.", short: "Waiting", since: 5 };
    expect(troubleOf(lost("unavailable"), null)).toEqual(trouble);
    expect(troubleOf(lost("unavailable"), seen(null, told("LEADING", SELF), 1))).toEqual(trouble);
  });
});
