import { BYTE_STEPS, WHOLE_STEPS } from "./format";
import { type ChartData, type HistoryStore, recent } from "./history";
import { readingOf } from "./metric-catalog";
import { isOfNow } from "./watermark";

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
  { id: "throughput", title: "Throughput", lines: { In: { metric: "numRecordsInPerSecond" }, Out: { metric: "numRecordsOutPerSecond" } } },
  {
    id: "load",
    title: "Load of the busiest subtask",
    lines: { Busy: { metric: "busyTimeMsPerSecond", overVertices: true }, Backpressured: { metric: "backPressuredTimeMsPerSecond", overVertices: true } },
    more: { colors: LOAD_COLORS },
  },
  { id: "lag", title: "Watermark lag", lines: { "Furthest behind": { metric: "watermarkLag", overVertices: true } } },
  { id: "latency", title: "Latency", lines: { "Slowest, from the sources": { metric: "latency", overVertices: true } } },
  { id: "checkpoint-duration", title: "Checkpoint duration", lines: { "Last checkpoint": { metric: "lastCheckpointDuration" } }, more: { stepped: true } },
  { id: "checkpoint-size", title: "Checkpoint size", lines: { Written: { metric: "lastCheckpointSize" } }, more: { stepped: true, steps: BYTE_STEPS } },
  { id: "restarts", title: "Restarts", lines: { "Since submission": { metric: "numRestarts" } }, more: { stepped: true, colors: ["--failed"], steps: WHOLE_STEPS }, onlyIfAny: true },
];

const OF_VERTEX: readonly Plan[] = [
  { id: "records", title: "Records", lines: { In: { metric: "numRecordsInPerSecond" }, Out: { metric: "numRecordsOutPerSecond" } } },
  {
    id: "load",
    title: "Load of the busiest subtask",
    lines: { Busy: { metric: "busyTimeMsPerSecond" }, Backpressured: { metric: "backPressuredTimeMsPerSecond" } },
    more: { colors: LOAD_COLORS },
  },
  { id: "bytes", title: "Bytes", lines: { In: { metric: "numBytesInPerSecond" }, Out: { metric: "numBytesOutPerSecond" } }, onlyIfAny: true },
  { id: "lag", title: "Watermark lag", lines: { "Behind the clock": { metric: "watermarkLag" } } },
  { id: "latency", title: "Latency", lines: { "From the sources to here": { metric: "latency" } } },
];

/** A single value is no course yet. */
function isCourse(data: ChartData): boolean {
  return data.lines.some((line) => line.filter((value) => value != null).length > 1);
}

/** The charts of a whole job, or of one of its vertices; those without any value are left out. */
export function jobCharts(store: HistoryStore, vertices: readonly string[], vertex: string | null, span: number): ChartSpec[] {
  return (vertex === null ? OF_JOB : OF_VERTEX).flatMap(({ id, title, lines, more, onlyIfAny }) => {
    const metrics = Object.values(lines);
    const data = recent(
      { times: store.times, lines: metrics.map(({ metric, overVertices }) => (overVertices ? store.largest(metric, vertices) : store.line(metric, vertex))) },
      span,
    );
    if (!isCourse(data) || (onlyIfAny && !data.lines.some((line) => line.some((value) => (value ?? 0) > 0)))) return [];
    const reading = readingOf(metrics[0]?.metric ?? "");
    const largest = Math.max(0, ...data.lines.flatMap((line) => line.map((value) => value ?? 0)));
    // Event time of long ago: how far it is behind would only ever be told in years.
    if (id === "lag" && !isOfNow(largest)) return [];
    const top = id === "lag" && largest < LEAST_LAG_MS ? LEAST_LAG_MS : reading.top;
    return [{ id, title, names: Object.keys(lines), data, format: reading.format, top, steps: reading.steps, ...more }];
  });
}

/** How many charts stand beside each other where there is room: so many that no row is left nearly empty. */
export function chartColumns(count: number): number {
  if (count <= 4) return Math.max(1, count);
  return count % 3 === 0 || count === 5 ? 3 : 4;
}
