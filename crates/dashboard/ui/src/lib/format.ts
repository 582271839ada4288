/** Numbers, sizes and times as people read them. Exact values go into titles. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Three significant digits at most: `0`, `4.2`, `87.5`, `312`. */
function short(value: number): string {
  if (value === 0) return "0";
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return value.toFixed(digits).replace(/\.0+$|(\.\d*[1-9])0+$/, "$1");
}

/** Powers of two up to a TiB: the steps of an axis of sizes. */
export const BYTE_STEPS: number[] = Array.from({ length: 41 }, (_, i) => 2 ** i);

/** Steps of an axis of things that are counted. */
export const WHOLE_STEPS: number[] = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8].flatMap((n) => [n, 2 * n, 5 * n]);

/** Steps of an axis of durations, in milliseconds: round ones in seconds, minutes, hours and days too. */
export const DURATION_STEPS: number[] = [
  ...[1, 10, 100, 1000].flatMap((n) => [n, 2 * n, 5 * n]),
  ...[10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200].map((s) => s * 1000),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000].map((d) => d * 86_400_000),
];

/** `1536` to `1.5 KiB`. */
export function bytes(value: number): string {
  if (!Number.isFinite(value) || value < 0) return "–";
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${short(value)} ${UNITS[unit]}`;
}

/** `1234567` to `1.23 M`; up to 9,999 in full. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) < 10_000) return grouped(Math.round(value));
  for (const [size, name] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    // 999,950 and more would round up to "1000 k".
    if (Math.abs(value) >= size * 0.9995) return `${short(value / size)} ${name}`;
  }
  return grouped(value);
}

/** Records per second: fractions matter only when there are few. */
export function rate(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return value < 100 ? short(value) : count(value);
}

/** With thousands separators: `1,234,567`. */
export function grouped(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 2 });
}

/** A share of 0 to 1 as `42%`; what is not zero never reads as zero. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return "–";
  const value = Math.min(100, Math.max(0, share * 100));
  if (value > 0 && value < 1) return "<1%";
  return `${Math.round(value)}%`;
}

/** Milliseconds as the two largest units: `850 ms`, `4.2 s`, `3 m 20 s`, `2 h 5 m`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} m ${s % 60} s`;
  const h = Math.floor(m / 60);
  if (h < 24) return `${h} h ${m % 60} m`;
  const d = Math.floor(h / 24);
  return d < 100 ? `${d} d ${h % 24} h` : `${grouped(d)} d`;
}

/** A duration that someone chose, so that it mostly is a round one: `10 m`, `4 s`, `1.5 s`. */
export function roundDuration(ms: number): string {
  return duration(ms).replace(/ 0 [smh]$/, "").replace(/\.0 /, " ");
}

/** How long ago, rounded so that it does not flicker: `just now`, `12 s ago`, `5 m ago`. */
export function ago(ms: number): string {
  if (ms < 1500) return "just now";
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s ago`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} m ago`;
  const h = Math.floor(m / 60);
  if (h < 48) return `${h} h ago`;
  return `${Math.floor(h / 24)} d ago`;
}

const two = (n: number) => String(n).padStart(2, "0");

/** Local clock time, with the date unless it is today's. */
export function clockTime(time: number, now: number): string {
  const t = new Date(time);
  const clock = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
  return t.toDateString() === new Date(now).toDateString() ? clock : `${isoDate(t)} ${clock}`;
}

/** The local date: `2026-11-23`. */
export function isoDate(time: number | Date): string {
  const t = new Date(time);
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
}

/** Local time to the millisecond with its offset, for titles. */
export function exactTime(time: number): string {
  const t = new Date(time);
  const offset = -t.getTimezoneOffset();
  const zone = `UTC${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  const clock = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${String(t.getMilliseconds()).padStart(3, "0")}`;
  return `${isoDate(t)} ${clock} ${zone}`;
}

/** `1 slot`, `3 slots`. */
export function plural(n: number, word: string): string {
  return `${grouped(n)} ${word}${n === 1 ? "" : "s"}`;
}

/** The first eight characters of a long id. */
export function shortId(id: string): string {
  return id.length > 12 ? id.slice(0, 8) : id;
}
