import type { ConfigEntry, JobManagerAddress, Leadership } from "../api/types";
import type { Tone } from "./states";

/**
 * What the JobManager that this page was loaded from has to do with leading. `taking-over`: it was elected and does not answer
 * for the jobs yet. `none`: it does not lead, and nobody else does.
 */
export type Standing = "leading" | "standby" | "taking-over" | "suspended" | "none";

export function standingOf({ leader, self, state }: Leadership): Standing {
  if (state === "SUSPENDED") return "suspended";
  if (state === "LEADING") return "leading";
  if (leader === null) return "none";
  return leader["instance-id"] === self["instance-id"] ? "taking-over" : "standby";
}

/** What was told of who leads, and since when this JobManager stands so. */
export interface Seen {
  told: Leadership;
  standing: Standing;
  /** By this browser's clock. */
  since: number;
}

/** Takes what was told now. */
export function seen(before: Seen | null, told: Leadership, now: number): Seen {
  const standing = standingOf(told);
  return { told, standing, since: before?.standing === standing ? before.since : now };
}

/** The color of what a JobManager does. */
export function stateTone(state: Leadership["state"]): Tone {
  return ({ LEADING: "running", STANDBY: "finished", SUSPENDED: "warning" } as const)[state] ?? "neutral";
}

/** What it means for who reads this page. */
export const MEANING: Record<Standing, string> = {
  leading: "It leads. If it goes away, a standby takes over; what runs goes on.",
  standby: "It stands by: this dashboard shows the leader's data, on this page too.",
  "taking-over": "It is about to lead and takes over the jobs.",
  suspended: "It can't reach etcd in time: nothing is deployed or stored until it does. What runs goes on.",
  none: "No JobManager leads just now. What runs goes on, and one takes over by itself.",
};

/** The dashboard of the JobManager at `host:port`; null if that is no address of one. `protocol` as in `https:`. */
export function dashboardAt(address: string, protocol: string): string | null {
  return /^[^\s/?#@\\]+:\d+$/.test(address) ? `${protocol}//${address}/#/jobmanager` : null;
}

/** The value of a key, or of the older names that it may be written by. */
function setting(settings: readonly ConfigEntry[], ...keys: string[]): string | null {
  for (const key of keys) {
    const found = settings.find((entry) => entry.key === key);
    if (found) return found.value;
  }
  return null;
}

/** Says of a cluster with one JobManager whether its jobs survive it; null if the configuration asks for several. */
export function aloneText(settings: readonly ConfigEntry[]): string | null {
  const type = setting(settings, "high-availability.type", "high-availability", "recovery.mode") ?? "file";
  const old = ["high-availability.zookeeper.storageDir", "recovery.zookeeper.storageDir"];
  const directory = setting(settings, "high-availability.storageDir", ...old);
  switch (type.toLowerCase()) {
    case "none":
      return "There is one JobManager, and its jobs end with it, as high-availability.type is none.";
    case "file":
      if (directory !== null) return `There is one JobManager. Its jobs survive it, in ${directory}: started again, it goes on with them.`;
      if (setting(settings, "jobmanager.rpc.port") === "0") {
        return "There is one JobManager, and its jobs end with it, as jobmanager.rpc.port is 0 and high-availability.storageDir is unset.";
      }
      return "There is one JobManager. Its jobs survive if it is killed: started again, it goes on with them. Stopped in good order it cancels them, unless high-availability.storageDir is set.";
    default:
      return null;
  }
}

/** What the header's tag says of a page of a standby; null if it is none. */
export function standbyHint(seen: Seen | null): string | null {
  if (seen?.standing === "none") return "This page comes from a standby; no JobManager leads just now.";
  if (seen?.standing !== "standby") return null;
  return `This page comes from a standby and shows the data of the leader, ${nameOf(seen.told.leader)}.`;
}

/** By which address people know a JobManager. */
function nameOf(manager: JobManagerAddress | null): string {
  return manager?.["rest-address"] || manager?.["rpc-address"] || "another JobManager";
}

/** How requests fail: nobody answers, or somebody answers that it can't. */
export type Loss = "silent" | "unavailable";

/** Requests that fail: since when, how, and what is known about why. */
export interface Lost {
  since: number;
  reason: string;
  loss: Loss;
}

/** Why the whole dashboard does not show or do what it should. */
export interface Trouble {
  title: string;
  detail: string;
  /** In a word or two, for the header. */
  short: string;
  since: number;
}

const OLD = "What you see is from before.";

/** What is wrong with who answers and who leads; null if nothing is. */
export function troubleOf(lost: Lost | null, seen: Seen | null): Trouble | null {
  if (lost?.loss === "silent") {
    return { title: "Connection lost, retrying.", detail: `${lost.reason} ${OLD}`, short: "Offline", since: lost.since };
  }
  const since = Math.min(lost?.since ?? Infinity, seen?.since ?? Infinity);
  switch (seen?.standing) {
    case "suspended":
      return {
        title: "This JobManager can't reach etcd in time.",
        detail: "Nothing is deployed or stored until it does; what runs goes on.",
        short: "Suspended",
        since: seen.since,
      };
    case "none":
      return {
        title: "No JobManager leads just now.",
        detail: `Until one does, nothing is shown anew or changed; what runs goes on. ${OLD}`,
        short: "No leader",
        since,
      };
    case "taking-over":
      return { title: "This JobManager is about to lead.", detail: `It takes over the jobs. ${OLD}`, short: "No leader", since };
  }
  if (lost === null) return null;
  if (seen?.standing === "standby") {
    return {
      title: `The JobManager that leads, ${nameOf(seen.told.leader)}, does not answer.`,
      detail: `If it stays away, another one takes over by itself; what runs goes on. ${OLD}`,
      short: "No leader",
      since: lost.since,
    };
  }
  return { title: "The JobManager cannot answer just now, retrying.", detail: `${lost.reason} ${OLD}`, short: "Waiting", since: lost.since };
}
