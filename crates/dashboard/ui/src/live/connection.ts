import { signal } from "@preact/signals";
import type { Loss, Lost } from "../lib/leadership";

/** Set while requests fail. */
export const connectionLost = signal<Lost | null>(null);

/** Milliseconds that the server's clock is ahead of this browser's. Small differences count as none. */
let serverOffset = 0;

/** Below this the answer's whole seconds and its travel time say more than the clocks. */
const OFFSET_NOISE_MS = 2500;

export function connectionFailed(reason: string, loss: Loss): void {
  connectionLost.value = { since: connectionLost.peek()?.since ?? Date.now(), reason, loss };
}

/** The process answers; that does not say that it or another one leads. */
export function connectionReached(): void {
  if (connectionLost.peek()?.loss === "silent") connectionLost.value = null;
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
