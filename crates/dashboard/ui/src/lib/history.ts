import type { History, HistoryInfo } from "../api/history-types";

/** Points kept of a line: an hour at one in five seconds, as the server keeps. */
export const HISTORY_POINTS = 720;

/** Lines over common times, as charts draw them. */
export interface ChartData {
  /** Epoch milliseconds, rising. */
  readonly times: readonly number[];
  readonly lines: readonly (readonly (number | null)[])[];
}

/** Names a line: `vertex` is null for one of the whole job, process or cluster. */
export function lineKey(id: string, vertex: string | null = null): string {
  return `${vertex ?? ""}/${id}`;
}

/** What a server has told of its history, answer by answer. Each answer adds to the end; what is too old goes. */
export class HistoryStore {
  times: number[] = [];
  readonly infos = new Map<string, HistoryInfo>();
  /** Grows with every change. */
  version = 0;
  private readonly values = new Map<string, (number | null)[]>();

  /** The time of the newest value, 0 without one: from there on the server is asked next. */
  get end(): number {
    return this.times.at(-1) ?? 0;
  }

  add(answer: History): void {
    const count = answer.series[0]?.values.length ?? 0;
    const times = Array.from({ length: count }, (_, i) => answer.end - (count - 1 - i) * answer.interval);
    // A server that has begun anew may tell other values for times that are known: the newer answer is right. Its clock may
    // have been set meanwhile, so what is less than half an interval away counts as the same moment.
    const kept = times[0] === undefined ? this.times.length : lowerBound(this.times, times[0] - answer.interval / 2);
    const given = new Map(answer.series.map((series) => [lineKey(series.id, series.vertex ?? null), series]));
    for (const [key, { values: _, ...info }] of given) this.infos.set(key, info);
    const drop = Math.max(0, kept + count - HISTORY_POINTS);
    for (const key of new Set([...this.values.keys(), ...given.keys()])) {
      const old = this.values.get(key)?.slice(drop, kept) ?? Array<null>(Math.max(0, kept - drop)).fill(null);
      this.values.set(key, [...old, ...(given.get(key)?.values ?? Array<null>(count).fill(null))].slice(-HISTORY_POINTS));
    }
    this.times = [...this.times.slice(drop, kept), ...times].slice(-HISTORY_POINTS);
    this.version += 1;
  }

  has(id: string, vertex: string | null = null): boolean {
    return this.values.get(lineKey(id, vertex))?.some((value) => value !== null) ?? false;
  }

  line(id: string, vertex: string | null = null): readonly (number | null)[] {
    return this.values.get(lineKey(id, vertex)) ?? Array<null>(this.times.length).fill(null);
  }

  /** The newest known value of a line. */
  newest(id: string, vertex: string | null = null): number | null {
    return this.values.get(lineKey(id, vertex))?.findLast((value) => value !== null) ?? null;
  }

  /** The largest value at each time over the given vertices. */
  largest(id: string, vertices: readonly string[]): (number | null)[] {
    const lines = vertices.map((vertex) => this.values.get(lineKey(id, vertex)) ?? []);
    return this.times.map((_, i) => {
      let most: number | null = null;
      for (const line of lines) {
        const value = line[i];
        if (value != null && (most === null || value > most)) most = value;
      }
      return most;
    });
  }
}

/** The index of the first time that is not before `time`. */
function lowerBound(times: readonly number[], time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Leaves out the times before anything is known, and what is older than `span` milliseconds. */
export function recent(data: ChartData, span: number): ChartData {
  const last = data.times.at(-1);
  if (last === undefined) return data;
  const known = data.times.findIndex((_, i) => data.lines.some((line) => line[i] != null));
  const from = Math.max(known === -1 ? data.times.length : known, lowerBound(data.times, last - span));
  return { times: data.times.slice(from), lines: data.lines.map((line) => line.slice(from)) };
}

/** Whether there is anything to draw. */
export function hasValues(data: ChartData): boolean {
  return data.lines.some((line) => line.some((value) => value != null));
}
