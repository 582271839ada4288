import { computed, effect, signal } from "@preact/signals";
import { api } from "../api/client";
import { type Seen, seen, troubleOf } from "../lib/leadership";
import { pollInterval } from "./config";
import { connectionLost, connectionWorks } from "./connection";

/** Who leads, as the JobManager tells that this page was loaded from; null until it has. */
export const leadership = signal<Seen | null>(null);

/** What the banner says; null while all is well. */
export const trouble = computed(() => troubleOf(connectionLost.value, leadership.value));

/** How often it is asked who leads while all is well. Requests that fail have it asked at once. */
const QUIET_MS = 3000;

/** Keeps `leadership` up to date while the tab is visible; returns what stops that. */
export function watchLeadership(): () => void {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;

  const tick = async () => {
    clearTimeout(timer);
    if (running || document.hidden) return; // the visibility listener starts it again
    running = true;
    try {
      await look(abort.signal);
    } catch {
      // That it does not answer is noted by the request itself.
    } finally {
      running = false;
      if (!abort.signal.aborted) timer = setTimeout(() => void tick(), trouble.peek() ? pollInterval.peek() : QUIET_MS);
    }
  };
  const visible = () => {
    if (!document.hidden) void tick();
  };
  const unavailable = computed(() => connectionLost.value?.loss === "unavailable");
  const stop = effect(() => {
    if (unavailable.value) void tick();
  });
  document.addEventListener("visibilitychange", visible);
  void tick();
  return () => {
    abort.abort();
    clearTimeout(timer);
    stop();
    document.removeEventListener("visibilitychange", visible);
  };
}

async function look(signal: AbortSignal): Promise<void> {
  const told = await api.leader(signal);
  if (signal.aborted) return;
  const before = leadership.peek();
  if (JSON.stringify(before?.told) !== JSON.stringify(told)) {
    leadership.value = seen(before, told, Date.now());
    // Requests that failed say nothing of one who leads since; if it fails, too, they will say so.
    if (before !== null) connectionWorks();
  }
  // Not every page has something to ask for. Without this such a one would not notice a leader that is silent, which its
  // standby does not know of, nor that it answers again.
  if (leadership.peek()?.standing === "standby" || connectionLost.peek()?.loss === "unavailable") await api.overview(signal);
}
