import { type Signal, signal } from "@preact/signals";

/** A choice of the viewer that outlives the page, where the browser lets it. Anything that `read` refuses counts as none. */
export function remembered<T>(key: string, fallback: T, read: (value: unknown) => T | null): Signal<T> & { set: (value: T) => void } {
  const state = signal(fallback);
  try {
    const text = localStorage.getItem(key);
    if (text !== null) state.value = read(JSON.parse(text)) ?? fallback;
  } catch {
    // Storage is blocked, or holds what another version wrote.
  }
  return Object.assign(state, {
    set(value: T) {
      state.value = value;
      try {
        localStorage.setItem(key, JSON.stringify(value));
      } catch {
        // Storage is blocked or full: the choice holds until the page is closed.
      }
    },
  });
}
