/** Values that a line is wide at least: fewer must not look like a long course. */
const NARROWEST = 60;

/** The last `count` values at most, from the first known one on. A young line takes the whole width once it has some points. */
export function newest(values: readonly (number | null)[], count: number): (number | null)[] {
  const known = values.findIndex((value) => value !== null);
  const last = values.slice(known === -1 ? values.length : known).slice(-count);
  return [...Array<null>(Math.max(0, Math.min(count, NARROWEST) - last.length)).fill(null), ...last];
}

/** A line as SVG path inside a box; gaps where values are missing. Empty when there is nothing to draw. `most`: the value at the upper edge. */
export function sparkPath(values: readonly (number | null)[], width: number, height: number, most?: number): string {
  if (values.length < 2) return "";
  const top = (most ?? Math.max(...values.map((value) => value ?? 0))) || 1;
  const step = width / (values.length - 1);
  let path = "";
  let pen = false;
  values.forEach((value, i) => {
    if (value === null) {
      pen = false;
      return;
    }
    const y = height - (value / top) * (height - 2) - 1;
    path += `${pen ? "L" : "M"}${(i * step).toFixed(1)},${y.toFixed(1)}`;
    pen = true;
  });
  return path;
}
