/** Shapes of the REST API for looking into what runs: logs of a job, profiles, threads, rescaling. */

export interface JobLogLine {
  /** Epoch milliseconds. */
  time: number;
  level: string;
  /** `jobmanager`, or the id of a TaskManager. */
  source: string;
  /** May have several lines. */
  text: string;
}

/** Oldest first. */
export interface JobLog {
  lines: JobLogLine[];
  /** Whether there are more than were asked for. */
  truncated: boolean;
  /** TaskManagers that did not tell. */
  unavailable?: string[];
}

export interface JobLogQuery {
  lines: number;
  /** The least level; empty for all. */
  level: string;
  search: string;
}

export type FlameGraphType = "on_cpu" | "off_cpu" | "full";

export interface FlameNode {
  name: string;
  /** Samples in this frame and in those that it called. */
  value: number;
  children?: FlameNode[];
}

export interface FlameGraph {
  /** When sampling ended; -1: the job has ended, -2: switched off, -3: the first samples are still to come. */
  endTimestamp: number;
  data?: FlameNode | null;
  /** Why functions are not known everywhere; Flink has no such field. */
  problem?: string | null;
}

export interface ThreadInfo {
  threadName: string;
  stringifiedThreadInfo: string;
}

export type ProfileMode = "CPU" | "ALLOC" | "LOCK" | "WALL" | "ITIMER";

export interface Profile {
  status: "RUNNING" | "FINISHED" | "FAILED";
  mode: ProfileMode;
  triggerTime: number;
  finishedTime: number | null;
  /** Seconds. */
  duration: number | null;
  message: string | null;
  outputFile: string | null;
}

/** Bounds of the parallelism by vertex. */
export type ResourceRequirements = Record<string, { parallelism: { lowerBound: number; upperBound: number } }>;

export interface RescaledVertex {
  jobVertexName?: string | null;
  desiredParallelism?: number | null;
  preRescaleParallelism?: number | null;
  postRescaleParallelism?: number | null;
}

export interface Rescale {
  rescaleUuid: string;
  /** By vertex id; empty in listings of Flink's. */
  vertices: Record<string, RescaledVertex>;
  startTimestampInMillis: number | null;
  endTimestampInMillis: number | null;
  /** Null while it is under way. */
  terminalState: "COMPLETED" | "FAILED" | "IGNORED" | null;
  triggerCause: string | null;
  terminatedReason: string | null;
  /** Why it came to nothing, or what it could not do; Flink has no such field. */
  message?: string | null;
}

export interface Accumulator {
  name: string;
  type: string;
  value: string;
}

export interface SubtaskAccumulators {
  subtask: number;
  attempt: number;
  endpoint: string;
  "user-accumulators": Accumulator[];
}
