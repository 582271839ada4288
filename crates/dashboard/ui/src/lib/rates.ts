/** Rates out of counters that are polled at uneven times, and their history while the tab is open. */

/** Points kept of a line: ten minutes at one a second. */
export const HISTORY = 600;

/** Polls closer together than this give rates that jump; the earlier one is kept as the base. */
const SHORTEST_MS = 300;

/**
 * Rates are over this time: the server learns most totals once a second, so that two polls that are closer together may see the
 * same one, and the next two twice as much.
 */
const WINDOW_MS = 4000;

interface Line {
  /** Totals of the window, and the last one before it. Never empty. */
  known: { time: number; total: number }[];
  rate: number | null;
}

/** Turns growing totals into rates per second, line by line. */
export class RateMeter {
  private readonly lines = new Map<string, Line>();

  constructor(private readonly window = WINDOW_MS) {}

  /** Takes a total that was true at `time` (ms); returns the rate per second, null until two totals are known. */
  sample(key: string, total: number, time: number): number | null {
    const line = this.lines.get(key);
    const last = line?.known.at(-1);
    if (!line || !last || total < last.total || time < last.time) {
      // A total that fell was reset by a restart: what went before says nothing about now.
      this.lines.set(key, { known: [{ time, total }], rate: null });
      return null;
    }
    if (time - last.time >= SHORTEST_MS) {
      line.known.push({ time, total });
      while (line.known[1] && line.known[1].time <= time - this.window) line.known.shift();
      const base = line.known[0] ?? last;
      line.rate = ((total - base.total) * 1000) / (time - base.time);
    }
    return line.rate;
  }

  /** The newest rate of a line. */
  rate(key: string): number | null {
    return this.lines.get(key)?.rate ?? null;
  }

  forget(key: string): void {
    this.lines.delete(key);
  }
}

/** Some lines over common times, bounded in length. */
export class Series {
  readonly times: number[] = [];
  readonly lines: (number | null)[][];

  constructor(
    count: number,
    private readonly limit = HISTORY,
  ) {
    this.lines = Array.from({ length: count }, () => []);
  }

  /** Adds one value per line; a time that is not after the last one is ignored. */
  push(time: number, values: readonly (number | null)[]): void {
    const newest = this.times.at(-1);
    if (newest !== undefined && time <= newest) return;
    this.times.push(time);
    this.lines.forEach((line, i) => line.push(values[i] ?? null));
    if (this.times.length > this.limit) {
      this.times.shift();
      for (const line of this.lines) line.shift();
    }
  }
}
