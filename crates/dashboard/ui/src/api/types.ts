/** Shapes of the REST API, as far as the dashboard reads them. Times are epoch milliseconds, sizes bytes. */

export type JobStatus =
  | "INITIALIZING"
  | "CREATED"
  | "RUNNING"
  | "RESTARTING"
  | "FAILING"
  | "FAILED"
  | "CANCELLING"
  | "CANCELED"
  | "FINISHED"
  | "SUSPENDED"
  | "RECONCILING";

export type ExecutionState =
  | "CREATED"
  | "SCHEDULED"
  | "DEPLOYING"
  | "INITIALIZING"
  | "RUNNING"
  | "FINISHED"
  | "CANCELING"
  | "CANCELED"
  | "FAILED"
  | "RECONCILING";

export interface Config {
  "refresh-interval": number;
  "flink-version": string;
  "flink-revision": string;
  features?: { "web-submit"?: boolean; "web-cancel"?: boolean; "web-rescale"?: boolean };
}

export interface ClusterOverview {
  taskmanagers: number;
  "slots-total": number;
  "slots-available": number;
  "jobs-running": number;
  "jobs-finished": number;
  "jobs-cancelled": number;
  "jobs-failed": number;
  "flink-version": string;
  "flink-commit": string;
}

export interface JobSummary {
  jid: string;
  name: string;
  jobType?: string;
  "start-time": number;
  /** -1 while the job runs. */
  "end-time": number;
  duration: number;
  state: JobStatus;
  "last-modification": number;
  tasks: Record<string, number>;
}

export interface IoMetrics {
  "read-bytes": number;
  "write-bytes": number;
  "read-records": number;
  "write-records": number;
  /** Milliseconds, summed over the subtasks. Flink writes the string "NaN" for unknown. */
  "accumulated-backpressured-time": number | string;
  "accumulated-idle-time": number | string;
  "accumulated-busy-time": number | string;
}

export interface Vertex {
  id: string;
  name: string;
  maxParallelism: number;
  parallelism: number;
  status: ExecutionState;
  "start-time": number;
  "end-time": number;
  duration: number;
  tasks: Partial<Record<ExecutionState, number>>;
  metrics: IoMetrics;
}

export interface PlanInput {
  id: string;
  num: number;
  exchange?: string;
  ship_strategy?: string;
}

export interface PlanNode {
  id: string;
  parallelism: number;
  operator?: string;
  /** Lines separated by `<br/>`; chained operators as `+- name`. */
  description: string;
  inputs?: PlanInput[];
}

export interface Plan {
  jid?: string;
  name: string;
  type?: string;
  nodes: PlanNode[];
}

export interface Job {
  jid: string;
  name: string;
  state: JobStatus;
  "job-type"?: string;
  schedulerType?: string;
  "start-time": number;
  "end-time": number;
  duration: number;
  maxParallelism: number;
  now: number;
  timestamps: Partial<Record<JobStatus, number>>;
  vertices: Vertex[];
  "status-counts": Partial<Record<ExecutionState, number>>;
  /** Missing while the job is initializing. */
  plan?: Plan | null;
  /** How it was started, to start it again; Flink has no such field. */
  submission?: {
    jarId: string | null;
    entryClass: string | null;
    programArgsList: string[];
    parallelism: number;
    savepointPath: string | null;
  };
}

export interface ExceptionEntry {
  exceptionName: string;
  stacktrace: string;
  timestamp: number;
  taskName?: string | null;
  endpoint?: string | null;
  taskManagerId?: string | null;
  concurrentExceptions?: ExceptionEntry[];
  /** The stacktrace by its parts; Flink has no such field. */
  rootCause?: {
    kind?: string;
    message: string;
    /** What was being done, outermost last. */
    context?: string[];
    operator?: string | null;
    /** Where in the user's source. */
    location?: string | null;
    stderrTail?: string | null;
  };
}

export interface JobExceptions {
  exceptionHistory: { entries: ExceptionEntry[]; truncated: boolean };
}

export interface JobConfig {
  jid: string;
  name: string;
  "execution-config"?: {
    "restart-strategy": string;
    "job-parallelism": number;
    "object-reuse-mode": boolean;
    "user-config": Record<string, string>;
  };
}

export interface Subtask {
  subtask: number;
  status: ExecutionState;
  attempt: number;
  endpoint: string;
  "start-time": number;
  "end-time": number;
  duration: number;
  metrics: IoMetrics;
  "taskmanager-id": string;
}

export interface VertexDetail {
  id: string;
  name: string;
  parallelism: number;
  maxParallelism: number;
  now: number;
  subtasks: Subtask[];
}

export interface SubtaskTimes {
  id: string;
  name: string;
  now: number;
  subtasks: {
    subtask: number;
    endpoint: string;
    duration: number;
    timestamps: Partial<Record<ExecutionState, number>>;
  }[];
}

export interface VertexTaskManagers {
  taskmanagers: {
    endpoint: string;
    "taskmanager-id": string;
    status: ExecutionState;
    "start-time": number;
    "end-time": number;
    duration: number;
    metrics: IoMetrics;
    "status-counts": Partial<Record<ExecutionState, number>>;
  }[];
}

export interface BackPressure {
  status: "ok" | "deprecated";
  subtasks?: {
    subtask: number;
    backpressureLevel?: "ok" | "low" | "high";
    /** Shares of time, 0 to 1. */
    ratio: number;
    idleRatio: number;
    busyRatio: number;
  }[];
}

export interface AggregatedMetric {
  id: string;
  min?: number;
  max?: number;
  avg?: number;
  sum?: number;
  skew?: number;
}

export interface Metric {
  id: string;
  value?: string;
}

export interface ResourceProfile {
  cpuCores: number;
  /** MiB, unlike every other size. */
  taskHeapMemory: number;
  managedMemory: number;
  networkMemory: number;
}

export interface TaskManager {
  id: string;
  path: string;
  dataPort: number;
  /** Despite its name the time of the last heartbeat. */
  timeSinceLastHeartbeat: number;
  slotsNumber: number;
  freeSlots: number;
  assignedTasks?: number;
  totalResource?: ResourceProfile;
  freeResource?: ResourceProfile;
  hardware: { cpuCores: number; physicalMemory: number; freeMemory: number; managedMemory: number };
  memoryConfiguration?: Record<string, number | null>;
}

export interface TaskManagerDetail extends TaskManager {
  allocatedSlots?: { jobId: string; resource?: ResourceProfile; assignedTasks?: number }[];
  metrics?: Partial<Record<string, unknown>>;
  taskHosts?: TaskHost[];
}

/** The process of one job on a TaskManager. */
export interface TaskHost {
  jobId: string;
  pid: number;
  subtasks: number;
  residentBytes: number;
  peakResidentBytes: number;
  cpuTimeMs: number;
  threads: number;
}

export interface JobManagerAddress {
  /** Another one with each start of the process. */
  "instance-id": string;
  "rpc-address": string;
  /** `host:port`; empty if it serves no REST. */
  "rest-address": string;
}

/** What the JobManager that is asked knows of who leads; it answers this itself. */
export interface Leadership {
  leader: (JobManagerAddress & { epoch: number }) | null;
  self: JobManagerAddress;
  /** Those that are there and do not lead. */
  standbys?: JobManagerAddress[];
  state: "LEADING" | "STANDBY" | "SUSPENDED";
  /** What is wrong just now with what keeps the jobs. */
  problems?: { kind: string; text: string }[];
}

export interface ConfigEntry {
  key: string;
  value: string;
}

export interface Environment {
  jvm?: { version: string; arch: string; options: string[] };
  classpath?: string[];
  process?: { id: number; host: string; kernel: string; cores: number; memory: number; executable: string; workingDirectory: string; variables: { key: string; value: string }[] };
}

export interface LogFile {
  name: string;
  size: number;
  mtime?: number;
}

export interface Artifact {
  id: string;
  name: string;
  uploaded: number;
  entry: { name: string; description: string | null }[];
}

export interface RunRequest {
  entryClass?: string;
  programArgsList?: string[];
  parallelism?: number;
  savepointPath?: string;
  allowNonRestoredState?: boolean;
  claimMode?: ClaimMode;
}

/** Whose the files of a savepoint are once a job began with it. */
export type ClaimMode = "NO_CLAIM" | "CLAIM";
