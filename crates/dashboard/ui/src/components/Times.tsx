import { ago, clockTime, duration, exactTime, grouped } from "../lib/format";
import { now } from "../live/clock";

/** A point in time: clock time, exact in the title. */
export function When({ time }: { time: number }) {
  if (time <= 0) return <span class="muted">–</span>;
  return (
    <time dateTime={new Date(time).toISOString()} title={exactTime(time)}>
      {clockTime(time, now.value)}
    </time>
  );
}

/** How long ago something was. */
export function Ago({ time }: { time: number }) {
  if (time <= 0) return <span class="muted">–</span>;
  return (
    <time dateTime={new Date(time).toISOString()} title={exactTime(time)}>
      {ago(now.value - time)}
    </time>
  );
}

/** The duration of what began at `start`; counts on while `end` is not set (0 or less). */
export function Elapsed({ start, end }: { start: number; end: number }) {
  if (start <= 0) return <span class="muted">–</span>;
  const ms = Math.max(0, (end > 0 ? end : now.value) - start);
  return <span title={`${grouped(ms)} ms`}>{duration(ms)}</span>;
}
