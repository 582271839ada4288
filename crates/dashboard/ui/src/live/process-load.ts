import { api } from "../api/client";
import { BoundedMap } from "../lib/bounded-map";
import { HistoryStore } from "../lib/history";
import { serverNow } from "./connection";
import { isMissing, optional } from "./endpoints";
import { usePoll } from "./poll";

/** What a list shows of a TaskManager's use of its machine. */
export interface ProcessLoad {
  /** Share of the machine's cores, 0 to 1. */
  cpu: number | null;
  /** Resident bytes. */
  memory: number | null;
  /** The share of the cores over the last minutes. */
  course: readonly (number | null)[];
}

const EVERY_MS = 5000;
const COURSE_MS = 900_000;
/** A list asks for so many at most, the first ones. */
const ASKED = 40;

const stores = new BoundedMap(() => new HistoryStore(), 100);

/** CPU and memory of TaskManagers with their task hosts, as the server remembers them; empty if it does not. */
export function useTaskManagerLoad(ids: readonly string[]): ReadonlyMap<string, ProcessLoad> {
  const asked = ids.slice(0, ASKED);
  const { data } = usePoll(
    "taskmanager-load",
    async (signal) => {
      const oldest = serverNow() - COURSE_MS;
      const known = await Promise.allSettled(
        asked.map(async (id) => {
          const store = stores.get(id);
          const answer = await optional("history", () => api.processHistory({ taskManager: id }, { get: ["cpuLoad", "memoryUsed"], from: Math.max(store.end, oldest) }, signal));
          if (answer) store.add(answer);
          const load: ProcessLoad = { cpu: store.newest("cpuLoad"), memory: store.newest("memoryUsed"), course: store.line("cpuLoad").slice(-COURSE_MS / EVERY_MS) };
          return [id, load] as const;
        }),
      );
      return new Map(known.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])));
    },
    { every: EVERY_MS, enabled: asked.length > 0 && !isMissing("history") },
  );
  return data ?? NONE;
}

const NONE: ReadonlyMap<string, ProcessLoad> = new Map();
