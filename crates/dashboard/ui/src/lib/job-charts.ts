import { BYTE_STEPS } from "./format";
import { type ChartData, type HistoryStore, hasValues, recent } from "./history";
import { readingOf } from "./metric-catalog";

/** A chart as it is drawn. */
export interface ChartSpec {
  id: string;
  title: string;
  names: string[];
  data: ChartData;
  format: (value: number) => string;
  top?: number | undefined;
  steps?: number[] | undefined;
  colors?: readonly string[] | undefined;
  /** Values hold until the next one. */
  stepped?: boolean;
}

const LOAD_COLORS = ["--busy", "--backpressured"] as const;
/** An axis of a lag that hardly moves must not magnify it. */
const LEAST_LAG_MS = 1000;

interface Plan {
  id: string;
  title: string;
  /** By name of the line: its metric, and whether it is the largest over all vertices. */
  lines: Record<string, { metric: string; overVertices?: boolean }>;
  more?: Pick<ChartSpec, "colors" | "stepped" | "top" | "steps">;
  /** Left out unless a value is above zero. */
  onlyIfAny?: boolean;
}

const OF_JOB: readonly Plan[] = [
  { id: "throughput", title: "Throughput", lines: { "Into the job": { metric: "numRecordsInPerSecond" }, "Out of the job": { metric: "numRecordsOutPerSecond" } } },
  {
    id: "load",
    title: "Load",
    lines: { "Busiest subtask": { metric: "busyTimeMsPerSecond", overVertices: true }, "Most backpressured": { metric: "backPressuredTimeMsPerSecond", overVertices: true } },
    more: { colors: LOAD_COLORS },
  },
  { id: "lag", title: "Watermark lag", lines: { "Furthest behind": { metric: "watermarkLag", overVertices: true } } },
  { id: "checkpoint-duration", title: "Checkpoint duration", lines: { "Last checkpoint": { metric: "lastCheckpointDuration" } }, more: { stepped: true } },
  { id: "checkpoint-size", title: "Checkpoint size", lines: { Written: { metric: "lastCheckpointSize" } }, more: { stepped: true, steps: BYTE_STEPS } },
  { id: "restarts", title: "Restarts", lines: { "Since submission": { metric: "numRestarts" } }, more: { stepped: true, colors: ["--failed"] }, onlyIfAny: true },
];

const OF_VERTEX: readonly Plan[] = [
  { id: "records", title: "Records", lines: { In: { metric: "numRecordsInPerSecond" }, Out: { metric: "numRecordsOutPerSecond" } } },
  {
    id: "load",
    title: "Load",
    lines: { "Busiest subtask": { metric: "busyTimeMsPerSecond" }, "Most backpressured": { metric: "backPressuredTimeMsPerSecond" } },
    more: { colors: LOAD_COLORS },
  },
  { id: "bytes", title: "Bytes", lines: { In: { metric: "numBytesInPerSecond" }, Out: { metric: "numBytesOutPerSecond" } } },
  { id: "lag", title: "Watermark lag", lines: { "Behind the clock": { metric: "watermarkLag" } } },
];

/** The charts of a whole job, or of one of its vertices; those without any value are left out. */
export function jobCharts(store: HistoryStore, vertices: readonly string[], vertex: string | null, span: number): ChartSpec[] {
  return (vertex === null ? OF_JOB : OF_VERTEX).flatMap(({ id, title, lines, more, onlyIfAny }) => {
    const metrics = Object.values(lines);
    const data = recent(
      { times: store.times, lines: metrics.map(({ metric, overVertices }) => (overVertices ? store.largest(metric, vertices) : store.line(metric, vertex))) },
      span,
    );
    if (!hasValues(data) || (onlyIfAny && !data.lines.some((line) => line.some((value) => (value ?? 0) > 0)))) return [];
    const reading = readingOf(metrics[0]?.metric ?? "");
    const largest = Math.max(0, ...data.lines.flatMap((line) => line.map((value) => value ?? 0)));
    const top = id === "lag" && largest < LEAST_LAG_MS ? LEAST_LAG_MS : reading.top;
    return [{ id, title, names: Object.keys(lines), data, format: reading.format, top, steps: reading.steps, ...more }];
  });
}
