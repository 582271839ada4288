import type { AggregatedMetric, Job, Vertex } from "../api/types";
import { type GraphModel, graphModel, topological } from "./plan";
import type { VertexRates } from "./throughput";

/** What the graph and the vertex table show of a vertex. */
export interface VertexView {
  vertex: Vertex;
  rates: VertexRates;
  /** Shares of time of the busiest and the most held-up subtask, 0 to 1; null while unknown. */
  busy: number | null;
  backpressured: number | null;
  /** Lowest watermark (event time, ms); null without one. */
  watermark: number | null;
  /** How unevenly records are spread over the subtasks, 0 to 1; null while unknown, and of a single subtask. */
  skew: number | null;
  /** State in the latest completed checkpoint, bytes; null while unknown. */
  state: number | null;
}

/** The metrics asked for each vertex. */
export const LOAD_METRICS = [
  "busyTimeMsPerSecond",
  "backPressuredTimeMsPerSecond",
  "numRecordsIn",
  "numRecordsInPerSecond",
  "numRecordsOutPerSecond",
  "numBytesInPerSecond",
  "numBytesOutPerSecond",
] as const;
export type LoadMetric = (typeof LOAD_METRICS)[number];

/** The largest value over the subtasks of a per-second time, as a share of 0 to 1. */
export function shareOf(metrics: readonly AggregatedMetric[], id: LoadMetric): number | null {
  const max = Number(metrics.find((metric) => metric.id === id)?.max ?? NaN);
  return Number.isFinite(max) && max >= 0 ? Math.min(1, max / 1000) : null;
}

/** The data skew that the server tells of a metric, as a share of 0 to 1; null for a single subtask or before any record. */
export function skewOf(metrics: readonly AggregatedMetric[], id: LoadMetric, parallelism: number): number | null {
  const metric = metrics.find((one) => one.id === id);
  const value = Number(metric?.skew ?? NaN);
  if (parallelism < 2 || !Number.isFinite(value) || !(Number(metric?.sum ?? 0) > 0)) return null;
  return Math.min(1, Math.max(0, value / 100));
}

/** The rates that the server tells, which are there before two polls can be compared. */
export function ratesOf(metrics: readonly AggregatedMetric[]): Pick<VertexRates, "recordsIn" | "recordsOut" | "bytesIn" | "bytesOut"> {
  const sum = (id: LoadMetric) => {
    const value = Number(metrics.find((metric) => metric.id === id)?.sum ?? NaN);
    return Number.isFinite(value) && value >= 0 ? value : null;
  };
  return { recordsIn: sum("numRecordsInPerSecond"), recordsOut: sum("numRecordsOutPerSecond"), bytesIn: sum("numBytesInPerSecond"), bytesOut: sum("numBytesOutPerSecond") };
}

/** Vertices by id with the graph that they form, in the order of the flow. */
export function orderedVertices(job: Job): { model: GraphModel; vertices: Vertex[] } {
  const model = graphModel(job.plan);
  const byId = new Map(job.vertices.map((vertex) => [vertex.id, vertex]));
  const vertices = topological(model).flatMap((id) => byId.get(id) ?? []);
  return { model, vertices };
}

/** How loaded a share is; the borders of Flink's backpressure levels (10% and 50%). */
export function loadLevel(share: number | null): "none" | "low" | "high" {
  if (share === null || share <= 0.1) return "none";
  return share <= 0.5 ? "low" : "high";
}

/** Steps in which a vertex takes color, so that small changes do not make it flicker. */
const HEAT_STEP = 5;
/** The fullest color that text can still be read on, in percent. */
const FULL_HEAT = 30;

/** What a vertex is colored by: whatever it spends more of its time with, in percent of the color. */
export function heatOf(busy: number | null, backpressured: number | null): { kind: "busy" | "backpressured" | null; degree: number } {
  const share = Math.max(busy ?? 0, backpressured ?? 0);
  const degree = Math.round((share * 100) / HEAT_STEP) * HEAT_STEP * (FULL_HEAT / 100);
  if (degree === 0) return { kind: null, degree: 0 };
  return { kind: (backpressured ?? 0) > (busy ?? 0) ? "backpressured" : "busy", degree };
}
