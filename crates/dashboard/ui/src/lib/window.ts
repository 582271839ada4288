/** Lines drawn beyond each edge, so that fast scrolling shows no gap. */
const MARGIN = 20;

/** Which rows `[from, to)` of equal height are in sight. */
export function visibleRange(top: number, height: number, row: number, count: number): { from: number; to: number } {
  const from = Math.max(0, Math.floor(top / row) - MARGIN);
  const to = Math.min(count, Math.ceil((top + height) / row) + MARGIN);
  return { from: Math.min(from, count), to: Math.max(to, Math.min(from, count)) };
}
