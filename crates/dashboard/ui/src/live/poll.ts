import { useEffect, useRef, useState } from "preact/hooks";
import { ConnectionError } from "../api/errors";
import { pollInterval } from "./config";

/** What a page knows of something it polls. */
export interface Polled<T> {
  /** The newest answer; stays while later polls fail. Null until the first one. */
  data: T | null;
  /** Why the last poll failed, if it did. A lost connection is not reported here: the shell's banner says it. */
  error: unknown;
  /** Polls again at once, after an action of the user. */
  refresh: () => void;
}

interface Options<T> {
  /** Stop after an answer for which this holds: nothing will change any more. */
  until?: (data: T) => boolean;
  /** Milliseconds between polls instead of the page's interval. */
  every?: number;
  /** Whether the answer is kept for coming back to the page; large ones are not. */
  keep?: boolean;
  /** Poll only while true. */
  enabled?: boolean;
}

/** A server that refused will most likely refuse again: asked less often. */
const AFTER_ERROR_MS = 5000;

/** Newest answers by key, so that going back to a page shows it at once. */
const cache = new Map<string, unknown>();
const CACHE_ENTRIES = 100;

function remember(key: string, value: unknown): void {
  cache.delete(key);
  cache.set(key, value);
  if (cache.size > CACHE_ENTRIES) {
    const oldest = cache.keys().next().value;
    if (oldest !== undefined) cache.delete(oldest);
  }
}

/**
 * Polls `load` while the component is shown and the tab is visible, one request at a time.
 *
 * `key` names what is loaded: a new key starts anew. `load` may differ from call to call.
 */
export function usePoll<T>(key: string, load: (signal: AbortSignal) => Promise<T>, options: Options<T> = {}): Polled<T> {
  const [state, setState] = useState<{ key: string; data: T | null; error: unknown }>({ key: "", data: null, error: null });
  const latest = useRef({ load, options });
  latest.current = { load, options };
  const wake = useRef<() => void>(() => {});
  const enabled = options.enabled ?? true;

  useEffect(() => {
    if (!enabled) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let running = false;
    let again = false;
    let done = false;
    let refused = false;

    const tick = async () => {
      clearTimeout(timer);
      if (running) {
        again = true;
        return;
      }
      if (document.hidden) return; // the visibility listener starts it again
      running = true;
      try {
        const data = await latest.current.load(abort.signal);
        if (abort.signal.aborted) return;
        refused = false;
        if (latest.current.options.keep ?? true) remember(key, data);
        done = latest.current.options.until?.(data) ?? false;
        setState({ key, data, error: null });
      } catch (error) {
        if (abort.signal.aborted) return;
        refused = !(error instanceof ConnectionError);
        if (refused) {
          setState((old) => ({ key, data: old.key === key ? old.data : (cached(key) as T | null), error }));
        }
      } finally {
        running = false;
        if (!abort.signal.aborted && (again || !done)) {
          const pause = latest.current.options.every ?? pollInterval.peek();
          timer = setTimeout(() => void tick(), again ? 0 : refused ? Math.max(pause, AFTER_ERROR_MS) : pause);
          again = false;
        }
      }
    };
    const visible = () => {
      if (!document.hidden && !done) void tick();
    };
    wake.current = () => {
      done = false;
      void tick();
    };
    document.addEventListener("visibilitychange", visible);
    void tick();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", visible);
      wake.current = () => {};
    };
  }, [key, enabled]);

  const own = state.key === key;
  return {
    data: own ? state.data : (cached(key) as T | null),
    error: own ? state.error : null,
    refresh: () => wake.current(),
  };
}

function cached(key: string): unknown {
  return cache.get(key) ?? null;
}
