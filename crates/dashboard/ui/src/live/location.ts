import { computed, signal } from "@preact/signals";
import { parseRoute } from "../lib/route";

const hash = signal(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

/** The page that the address names. */
export const current = computed(() => parseRoute(hash.value));

/** Changes the query of the address without a new entry in the history: filters are not pages. */
export function setQuery(name: string, value: string): void {
  const [path = "", search = ""] = location.hash.split("?", 2);
  const query = new URLSearchParams(search);
  if (value === "") query.delete(name);
  else query.set(name, value);
  const text = query.toString();
  history.replaceState(null, "", `${path || "#/"}${text ? `?${text}` : ""}`);
  hash.value = location.hash;
}
