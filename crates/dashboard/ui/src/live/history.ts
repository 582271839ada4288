import { ApiError } from "../api/errors";
import type { History, HistoryQuery } from "../api/history-types";
import { BoundedMap } from "../lib/bounded-map";
import { HistoryStore } from "../lib/history";
import { isMissing, optional } from "./endpoints";
import { usePoll } from "./poll";

/** The server takes a value this often; asking more often tells nothing new. */
const EVERY_MS = 5000;

/** Histories by key, so that a page one comes back to goes on where it was. */
const stores = new BoundedMap(() => new HistoryStore(), 40);

/** Of what ended long ago nothing is remembered: that is no failure. */
function unknown(error: unknown): null {
  if (error instanceof ApiError && error.status === 404) return null;
  throw error;
}

export interface KnownHistory {
  /** Null until something is known, and if this server keeps no history. */
  store: HistoryStore | null;
  /** Changes when the store does. */
  version: number;
  /** Whether the first answer has come. */
  loaded: boolean;
  /** Whether the server keeps a history; true until it is known that it does not. */
  kept: boolean;
}

/**
 * Follows a history of the server: all of it at first, then what is new.
 *
 * `key` names what is asked for; another query needs another key.
 */
export function useHistory(key: string, ask: (query: HistoryQuery, signal: AbortSignal) => Promise<History>, query: HistoryQuery = {}, { settled = false, enabled = true } = {}): KnownHistory {
  const { data } = usePoll(
    `history/${key}`,
    async (signal) => {
      const store = stores.get(key);
      const from = store.end > 0 ? store.end : query.from;
      const answer = await optional("history", () => ask({ ...query, from }, signal)).catch(unknown);
      if (answer && !signal.aborted) store.add(answer);
      return store.times.length > 0 ? { store, version: store.version } : { store: null, version: 0 };
    },
    { every: EVERY_MS, enabled, until: () => settled || isMissing("history") },
  );
  return { store: data?.store ?? null, version: data?.version ?? 0, loaded: data !== null, kept: !isMissing("history") };
}
