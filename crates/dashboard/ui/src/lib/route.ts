/** The pages, as they stand in the address after `#`. */

export const JOB_TABS = ["graph", "metrics", "timeline", "checkpoints", "exceptions", "logs", "configuration"] as const;
export type JobTab = (typeof JOB_TABS)[number];
/** Parts of a vertex's panel, as they stand in the query. */
export const VERTEX_VIEWS = ["subtasks", "taskmanagers", "backpressure", "state", "accumulators", "flamegraph"] as const;
export type VertexView = (typeof VERTEX_VIEWS)[number];
export const TM_TABS = ["slots", "log", "stdout", "files", "threads", "profiler"] as const;
export type TaskManagerTab = (typeof TM_TABS)[number];
export const JM_TABS = ["configuration", "environment", "log", "stdout", "files", "threads", "profiler"] as const;
export type JobManagerTab = (typeof JM_TABS)[number];

export type Route =
  | { page: "overview" }
  | { page: "jobs" }
  | { page: "job"; id: string; tab: JobTab; vertex: string | null }
  | { page: "taskmanagers" }
  | { page: "taskmanager"; id: string; tab: TaskManagerTab; file: string | null }
  | { page: "jobmanager"; tab: JobManagerTab; file: string | null }
  | { page: "submit" }
  | { page: "unknown"; path: string };

/** Spellings of Flink's dashboard: its links keep working, and the API hands some of them out. */
const FLINK_TABS: Record<string, string> = { logs: "log", config: "configuration", overview: "", "log-list": "files", "thread-dump": "threads" };

function oneOf<T extends string>(tabs: readonly T[], word: string | undefined): T {
  const other = FLINK_TABS[word ?? ""];
  return tabs.find((tab) => tab === word) ?? tabs.find((tab) => tab === other) ?? (tabs[0] as T);
}

/** Reads an address such as `#/jobs/ID/exceptions?vertex=ID`. */
export function parseRoute(hash: string): { route: Route; query: URLSearchParams } {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  const query = new URLSearchParams(search);
  const words = path.split("/").filter(Boolean).map(decode);
  return { route: routeOf(words, query, path), query };
}

function routeOf(words: string[], query: URLSearchParams, path: string): Route {
  const [first, second, third, fourth] = words;
  switch (first) {
    case undefined:
    case "overview":
      return { page: "overview" };
    case "jobs":
      return second === undefined ? { page: "jobs" } : jobRoute(second, third, query);
    case "job":
      if (second === "running" || second === "completed") {
        return third === undefined ? { page: "jobs" } : jobRoute(third, fourth, query);
      }
      return { page: "jobs" };
    case "taskmanagers":
    case "task-manager":
      return second === undefined
        ? { page: "taskmanagers" }
        : { page: "taskmanager", id: second, tab: oneOf(TM_TABS, third), file: fourth ?? null };
    case "jobmanager":
    case "job-manager":
      return { page: "jobmanager", tab: oneOf(JM_TABS, second), file: third ?? null };
    case "submit":
      return { page: "submit" };
    default:
      return { page: "unknown", path };
  }
}

function jobRoute(id: string, tab: string | undefined, query: URLSearchParams): Route {
  return { page: "job", id, tab: oneOf(JOB_TABS, tab), vertex: query.get("vertex") };
}

function decode(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

const enc = encodeURIComponent;

/** What the address of the submit page may say. */
export type SubmitValue = "artifact" | "entry" | "args" | "parallelism" | "savepoint";

/** Addresses of the pages, for links. */
export const link = {
  overview: () => "#/overview",
  jobs: (group?: string) => (group ? `#/jobs?state=${enc(group)}` : "#/jobs"),
  job: (id: string, tab: JobTab = "graph", vertex?: string | null, view?: string | null) =>
    `#/jobs/${enc(id)}${tab === "graph" ? "" : `/${tab}`}${vertex ? `?vertex=${enc(vertex)}${view ? `&view=${enc(view)}` : ""}` : ""}`,
  taskManagers: () => "#/taskmanagers",
  taskManager: (id: string, tab: TaskManagerTab = "slots", file?: string) =>
    `#/taskmanagers/${enc(id)}${tab === "slots" ? "" : `/${tab}`}${file ? `/${enc(file)}` : ""}`,
  jobManager: (tab: JobManagerTab = "configuration", file?: string) =>
    `#/jobmanager${tab === "configuration" ? "" : `/${tab}`}${file ? `/${enc(file)}` : ""}`,
  /** With values that the form of the artifact begins with. */
  submit: (start: Partial<Record<SubmitValue, string>> = {}) => {
    const query = new URLSearchParams(Object.entries(start).filter(([, value]) => value !== "")).toString();
    return `#/submit${query ? `?${query}` : ""}`;
  },
};
