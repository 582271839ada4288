export type Order = "ascending" | "descending";

/** A sorted copy; numbers by size, texts as people sort them (`task 2` before `task 10`). Equal rows keep their order. */
export function sortBy<T>(rows: readonly T[], value: (row: T) => number | string, order: Order): T[] {
  const sign = order === "ascending" ? 1 : -1;
  return [...rows].sort((a, b) => sign * compare(value(a), value(b)));
}

const texts = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compare(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return texts.compare(String(a), String(b));
}
