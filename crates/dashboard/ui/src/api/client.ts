/** The one place that knows the REST API's paths. All are relative to the dashboard's own address. */

import type * as c from "./checkpoint-types";
import type * as h from "./history-types";
import { body, json, send } from "./http";
import type * as o from "./observe-types";
import type * as t from "./types";

const enc = encodeURIComponent;
const job = (id: string) => `jobs/${enc(id)}`;
const vertex = (id: string, v: string) => `${job(id)}/vertices/${enc(v)}`;
const get = (names: readonly string[]) => `get=${names.map(enc).join(",")}`;

/** What of a history is asked for, as the query of its address. */
function historyQuery(query: h.HistoryQuery): string {
  const parts = [
    query.get ? `get=${query.get.map(enc).join(",")}` : "",
    query.vertices ? `vertices=${query.vertices.map(enc).join(",")}` : "",
    query.from !== undefined ? `from=${query.from}` : "",
  ].filter(Boolean);
  return parts.length > 0 ? `?${parts.join("&")}` : "";
}

type Signal = AbortSignal | undefined;
const s = (signal: Signal): RequestInit => (signal ? { signal } : {});

export const api = {
  config: (signal?: Signal) => json<t.Config>("config", s(signal)),
  overview: (signal?: Signal) => json<t.ClusterOverview>("overview", s(signal)),

  jobs: async (signal?: Signal) => (await json<{ jobs: t.JobSummary[] }>("jobs/overview", s(signal))).jobs,
  job: (id: string, signal?: Signal) => json<t.Job>(job(id), s(signal)),
  exceptions: (id: string, max: number, signal?: Signal) =>
    json<t.JobExceptions>(`${job(id)}/exceptions?maxExceptions=${max}`, s(signal)),
  jobConfig: (id: string, signal?: Signal) => json<t.JobConfig>(`${job(id)}/config`, s(signal)),
  cancel: async (id: string) => {
    await send(`${job(id)}?mode=cancel`, { method: "PATCH", ...body({}) });
  },

  jobMetrics: (id: string, names: readonly string[], signal?: Signal) => json<t.Metric[]>(`${job(id)}/metrics?${get(names)}`, s(signal)),

  clusterHistory: (query: h.HistoryQuery, signal?: Signal) => json<h.History>(`history${historyQuery(query)}`, s(signal)),
  jobHistory: (id: string, query: h.HistoryQuery, signal?: Signal) => json<h.History>(`${job(id)}/history${historyQuery(query)}`, s(signal)),
  processHistory: (process: Process, query: h.HistoryQuery, signal?: Signal) => json<h.History>(`${processPath(process)}/history${historyQuery(query)}`, s(signal)),
  /** Every line that the history of a job has, without values. */
  jobHistoryList: async (id: string, signal?: Signal) => (await json<{ series: h.HistoryInfo[] }>(`${job(id)}/history?list=true`, s(signal))).series,

  jobLogs: (id: string, query: o.JobLogQuery, signal?: Signal) =>
    json<o.JobLog>(`${job(id)}/logs?${new URLSearchParams(Object.entries(query).flatMap(([name, value]) => (value === "" ? [] : [[name, String(value)]])))}`, s(signal)),

  requirements: (id: string, signal?: Signal) => json<o.ResourceRequirements>(`${job(id)}/resource-requirements`, s(signal)),
  rescale: async (id: string, requirements: o.ResourceRequirements) => {
    await send(`${job(id)}/resource-requirements`, { method: "PUT", ...body(requirements) });
  },
  rescales: (id: string, signal?: Signal) => json<o.Rescale[]>(`${job(id)}/rescales/history`, s(signal)),
  rescaleDetail: (id: string, rescale: string, signal?: Signal) => json<o.Rescale>(`${job(id)}/rescales/details/${enc(rescale)}`, s(signal)),

  checkpoints: (id: string, signal?: Signal) => json<c.Checkpoints>(`${job(id)}/checkpoints`, s(signal)),
  checkpointConfig: (id: string, signal?: Signal) => json<c.CheckpointConfig>(`${job(id)}/checkpoints/config`, s(signal)),
  checkpoint: (id: string, n: number, signal?: Signal) => json<c.Checkpoint>(`${job(id)}/checkpoints/details/${n}`, s(signal)),
  vertexCheckpoint: (id: string, n: number, v: string, signal?: Signal) =>
    json<c.VertexCheckpoint>(`${job(id)}/checkpoints/details/${n}/subtasks/${enc(v)}`, s(signal)),

  // Each begins an operation under an id that the caller chooses: the same id twice is one operation.
  takeCheckpoint: (id: string, triggerId: string, checkpointType: "CONFIGURED" | "FULL") =>
    begin(`${job(id)}/checkpoints`, { triggerId, checkpointType }),
  takeSavepoint: (id: string, triggerId: string, directory: string | null) =>
    begin(`${job(id)}/savepoints`, { triggerId, "target-directory": directory, "cancel-job": false }),
  stop: (id: string, triggerId: string, directory: string | null, drain: boolean) =>
    begin(`${job(id)}/stop`, { triggerId, targetDirectory: directory, drain }),
  checkpointOperation: (id: string, triggerId: string) =>
    json<c.Operation<{ checkpointId: number }>>(`${job(id)}/checkpoints/${enc(triggerId)}`),
  savepointOperation: (id: string, triggerId: string) =>
    json<c.Operation<{ location: string }>>(`${job(id)}/savepoints/${enc(triggerId)}`),

  vertex: (id: string, v: string, signal?: Signal) => json<t.VertexDetail>(vertex(id, v), s(signal)),
  attempt: (id: string, v: string, subtask: number, attempt: number, signal?: Signal) =>
    json<t.Subtask>(`${vertex(id, v)}/subtasks/${subtask}/attempts/${attempt}`, s(signal)),
  subtaskTimes: (id: string, v: string, signal?: Signal) =>
    json<t.SubtaskTimes>(`${vertex(id, v)}/subtasktimes`, s(signal)),
  vertexTaskManagers: (id: string, v: string, signal?: Signal) =>
    json<t.VertexTaskManagers>(`${vertex(id, v)}/taskmanagers`, s(signal)),
  subtaskMetrics: (id: string, v: string, names: readonly string[], signal?: Signal) =>
    json<t.AggregatedMetric[]>(`${vertex(id, v)}/subtasks/metrics?${get(names)}`, s(signal)),
  /** Names of the metrics that the subtasks of a vertex have. */
  subtaskMetricNames: async (id: string, v: string, signal?: Signal) => (await json<t.Metric[]>(`${vertex(id, v)}/subtasks/metrics`, s(signal))).map((metric) => metric.id),
  /** Metrics of single subtasks: names are `<subtask>.<metric>`. */
  vertexMetrics: (id: string, v: string, names: readonly string[], signal?: Signal) => json<t.Metric[]>(`${vertex(id, v)}/metrics?${get(names)}`, s(signal)),
  accumulators: async (id: string, v: string, signal?: Signal) => (await json<{ "user-accumulators": o.Accumulator[] }>(`${vertex(id, v)}/accumulators`, s(signal)))["user-accumulators"],
  subtaskAccumulators: async (id: string, v: string, signal?: Signal) =>
    (await json<{ subtasks: o.SubtaskAccumulators[] }>(`${vertex(id, v)}/subtasks/accumulators`, s(signal))).subtasks,
  flameGraph: (id: string, v: string, type: o.FlameGraphType, subtask: number | null, signal?: Signal) =>
    json<o.FlameGraph>(`${vertex(id, v)}/flamegraph?type=${type}${subtask === null ? "" : `&subtaskindex=${subtask}`}`, s(signal)),
  watermarks: (id: string, v: string, signal?: Signal) => json<t.Metric[]>(`${vertex(id, v)}/watermarks`, s(signal)),
  backPressure: (id: string, v: string, signal?: Signal) =>
    json<t.BackPressure>(`${vertex(id, v)}/backpressure`, s(signal)),

  taskManagers: async (signal?: Signal) =>
    (await json<{ taskmanagers: t.TaskManager[] }>("taskmanagers", s(signal))).taskmanagers,
  taskManager: (id: string, signal?: Signal) => json<t.TaskManagerDetail>(`taskmanagers/${enc(id)}`, s(signal)),

  leader: (signal?: Signal) => json<t.Leadership>("leader", s(signal), "self"),
  jobManagerConfig: (signal?: Signal) => json<t.ConfigEntry[]>("jobmanager/config", s(signal)),
  environment: (signal?: Signal) => json<t.Environment>("jobmanager/environment", s(signal)),

  artifacts: async (signal?: Signal) => (await json<{ files: t.Artifact[] }>("jars", s(signal))).files,
  deleteArtifact: async (id: string) => {
    await send(`jars/${enc(id)}`, { method: "DELETE" });
  },
  plan: async (id: string, request: t.RunRequest, signal?: Signal) =>
    (await json<{ plan: t.Plan }>(`jars/${enc(id)}/plan`, { method: "POST", ...body(request), ...s(signal) })).plan,
  run: async (id: string, request: t.RunRequest) =>
    (await json<{ jobid: string }>(`jars/${enc(id)}/run`, { method: "POST", ...body(request) })).jobid,

  /** Log files of a process: the JobManager, or the TaskManager with the given id. */
  logFiles: async (process: Process, signal?: Signal) =>
    (await json<{ logs: t.LogFile[] }>(`${processPath(process)}/logs`, s(signal))).logs,
  logLevel: async (process: Process, signal?: Signal) => (await json<{ filter: string }>(`${processPath(process)}/log-level`, s(signal))).filter,
  setLogLevel: async (process: Process, filter: string) => {
    await send(`${processPath(process)}/log-level`, { method: "PUT", ...body({ filter }) });
  },
  threadDump: async (process: Process, signal?: Signal) => (await json<{ threadInfos: o.ThreadInfo[] }>(`${processPath(process)}/thread-dump`, s(signal))).threadInfos,
  profiles: async (process: Process, signal?: Signal) => (await json<{ profilingList: o.Profile[] }>(`${processPath(process)}/profiler`, s(signal))).profilingList,
  profileTree: (process: Process, file: string, signal?: Signal) => json<o.FlameNode>(profilePath(process, file), s(signal)),
  profile: (process: Process, mode: o.ProfileMode, duration: number) => json<o.Profile>(`${processPath(process)}/profiler`, { method: "POST", ...body({ mode, duration }) }),
};

async function begin(path: string, request: object): Promise<void> {
  await send(path, { method: "POST", ...body(request) });
}

/** Whose logs: `null` is the JobManager. */
export type Process = { taskManager: string } | null;

function processPath(process: Process): string {
  return process === null ? "jobmanager" : `taskmanagers/${enc(process.taskManager)}`;
}

/** Which text of a process: its log, its standard output, or a file of its log folder by name. */
export type LogSource = "log" | "stdout" | { file: string };

/** The address of a profile's file. */
export function profilePath(process: Process, file: string): string {
  return `${processPath(process)}/profiler/${enc(file)}`;
}

/** The address of a log, for reading and for downloading. */
export function logPath(process: Process, source: LogSource): string {
  const tail = typeof source === "string" ? source : `logs/${enc(source.file)}`;
  return `${processPath(process)}/${tail}`;
}
