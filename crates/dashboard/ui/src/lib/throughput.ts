import type { IoMetrics, Job, Vertex } from "../api/types";
import { graphModel } from "./plan";
import { RateMeter, Series } from "./rates";

/** Shares of time (0 to 1) and rates of a vertex as far as two polls tell them. */
export interface VertexRates {
  recordsIn: number | null;
  recordsOut: number | null;
  bytesIn: number | null;
  bytesOut: number | null;
  busy: number | null;
  backpressured: number | null;
}

export const NO_RATES: VertexRates = { recordsIn: null, recordsOut: null, bytesIn: null, bytesOut: null, busy: null, backpressured: null };

/** The key of a job's own lines beside those of its vertices. */
export const WHOLE_JOB = "";

/**
 * What the polls of one job add up to. Pages share it, so that a chart goes on where the user left it.
 */
export class JobHistory {
  private readonly meter = new RateMeter();
  /** Records per second `[in, out]`, by vertex id and for the whole job. */
  readonly series = new Map<string, Series>();
  private readonly vertexRates = new Map<string, VertexRates>();
  private lastNow = 0;

  /** Adds an answer of `GET jobs/:id`. */
  add(job: Job): void {
    if (job.now <= this.lastNow) return;
    this.lastNow = job.now;
    const { entering, leaving } = jobTotals(job);
    this.line(WHOLE_JOB).push(job.now, [
      this.meter.sample("job:in", entering, job.now),
      this.meter.sample("job:out", leaving, job.now),
    ]);
    this.meter.sample("job:emitted", emitted(job), job.now);
    for (const vertex of job.vertices) this.addVertex(vertex, job.now);
  }

  private addVertex(vertex: Vertex, now: number): void {
    const { id, metrics } = vertex;
    const recordsIn = this.meter.sample(`${id}:in`, metrics["read-records"], now);
    const recordsOut = this.meter.sample(`${id}:out`, metrics["write-records"], now);
    const share = (kind: "busy" | "backpressured") => {
      const total = milliseconds(metrics, kind);
      const perSecond = total === null ? null : this.meter.sample(`${id}:${kind}`, total, now);
      return perSecond === null ? null : Math.min(1, perSecond / 1000 / Math.max(1, vertex.parallelism));
    };
    this.line(id).push(now, [recordsIn, recordsOut]);
    const bytesIn = this.meter.sample(`${id}:bytes-in`, metrics["read-bytes"], now);
    const bytesOut = this.meter.sample(`${id}:bytes-out`, metrics["write-bytes"], now);
    this.vertexRates.set(id, { recordsIn, recordsOut, bytesIn, bytesOut, busy: share("busy"), backpressured: share("backpressured") });
  }

  vertex(id: string): VertexRates {
    return this.vertexRates.get(id) ?? NO_RATES;
  }

  /** Records per second that all vertices emit. */
  emittedPerSecond(): number | null {
    return this.meter.rate("job:emitted");
  }

  private line(key: string): Series {
    let series = this.series.get(key);
    if (!series) {
      series = new Series(2);
      this.series.set(key, series);
    }
    return series;
  }
}

function milliseconds(metrics: IoMetrics, kind: "busy" | "backpressured"): number | null {
  const value = Number(metrics[`accumulated-${kind}-time`]);
  return Number.isFinite(value) && value >= 0 ? value : null;
}

/**
 * Records that entered and left the job as a whole.
 *
 * Sources and sinks may count only the side that faces other vertices: a source that counts no reads is
 * taken by what it emitted, a sink that counts no writes by what it received.
 */
export function jobTotals(job: Job): { entering: number; leaving: number } {
  const metrics = new Map(job.vertices.map((vertex) => [vertex.id, vertex.metrics]));
  let entering = 0;
  let leaving = 0;
  for (const node of graphModel(job.plan).nodes) {
    const m = metrics.get(node.id);
    if (!m) continue;
    if (node.isSource) entering += m["read-records"] || m["write-records"];
    if (node.isSink) leaving += m["write-records"] || m["read-records"];
  }
  return { entering, leaving };
}

/** Records that all vertices emitted (the sum of numRecordsOut). */
export function emitted(job: Job): number {
  return job.vertices.reduce((sum, vertex) => sum + vertex.metrics["write-records"], 0);
}

const histories = new Map<string, JobHistory>();
const HISTORIES = 64;

/** The history of a job, the same for every page. */
export function historyOf(jobId: string): JobHistory {
  let history = histories.get(jobId);
  if (!history) {
    history = new JobHistory();
    histories.set(jobId, history);
    if (histories.size > HISTORIES) {
      const oldest = histories.keys().next().value;
      if (oldest !== undefined) histories.delete(oldest);
    }
  }
  return history;
}
