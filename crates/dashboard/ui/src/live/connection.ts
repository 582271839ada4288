import { signal } from "@preact/signals";

/** Set while the server does not answer: since when, and what is known about why. */
export const connectionLost = signal<{ since: number; reason: string } | null>(null);

/** Milliseconds that the server's clock is ahead of this browser's. Small differences count as none. */
let serverOffset = 0;

/** Below this the answer's whole seconds and its travel time say more than the clocks. */
const OFFSET_NOISE_MS = 2500;

export function connectionFailed(reason: string): void {
  connectionLost.value = { since: connectionLost.peek()?.since ?? Date.now(), reason };
}

export function connectionWorks(): void {
  if (connectionLost.peek() !== null) connectionLost.value = null;
}

/** Takes the `date` header of an answer, so that ages are right where clocks differ. */
export function noteServerTime(date: string | null): void {
  const server = date === null ? NaN : Date.parse(date);
  if (Number.isNaN(server)) return;
  const offset = server + 500 - Date.now();
  serverOffset = Math.abs(offset) > OFFSET_NOISE_MS ? offset : 0;
}

/** The time of the server now, in epoch milliseconds. */
export function serverNow(): number {
  return Date.now() + serverOffset;
}
