import { remembered } from "./remembered";

/** Times that charts may show. */
export const SPANS = [
  { ms: 300_000, title: "5 m" },
  { ms: 900_000, title: "15 m" },
  { ms: 3_600_000, title: "1 h" },
] as const;

const LONGEST = 3_600_000;

/** How far back charts go, on every page. */
export const span = remembered<number>("flott.span", LONGEST, (value) => SPANS.find(({ ms }) => ms === value)?.ms ?? null);
