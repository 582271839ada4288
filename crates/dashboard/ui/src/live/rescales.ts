import { signal } from "@preact/signals";

/** When the viewer asked for a job to be rescaled, by job: what became of it is shown on the job's page until it is put away. */
export const rescalesAsked = signal<ReadonlyMap<string, number>>(new Map());

export function rescaleAsked(jobId: string, at: number): void {
  rescalesAsked.value = new Map([...rescalesAsked.peek(), [jobId, at]]);
}

export function dismissRescale(jobId: string): void {
  rescalesAsked.value = new Map([...rescalesAsked.peek()].filter(([id]) => id !== jobId));
}
