import { BYTE_STEPS, DURATION_STEPS, bytes, count, duration, percent, rate } from "./format";

/** How the values of a metric read. */
export interface Reading {
  format: (value: number) => string;
  /** The unit in words; empty for plain numbers. */
  unit: string;
  /** The top of an axis where values are shares. */
  top?: number;
  /** Steps of an axis that are not decimal. */
  steps?: number[];
}

const NUMBER: Reading = { format: (value) => (Math.abs(value) < 100 && !Number.isInteger(value) ? value.toPrecision(3) : count(value)), unit: "" };
const RECORDS: Reading = { format: count, unit: "records" };
const RECORD_RATE: Reading = { format: (value) => `${rate(value)}/s`, unit: "records/s" };
const PER_SECOND: Reading = { format: (value) => `${rate(value)}/s`, unit: "per second" };
const BYTES: Reading = { format: bytes, unit: "bytes", steps: BYTE_STEPS };
const BYTE_RATE: Reading = { format: (value) => `${bytes(value)}/s`, unit: "bytes/s", steps: BYTE_STEPS };
const MILLISECONDS: Reading = { format: duration, unit: "ms", steps: DURATION_STEPS };
const NANOSECONDS: Reading = { format: (value) => duration(value / 1e6), unit: "ns" };
/** Milliseconds of each second: a share of time. */
const TIME_SHARE: Reading = { format: (value) => percent(value / 1000), unit: "share of time", top: 1000 };
const SHARE: Reading = { format: percent, unit: "share", top: 1 };
const EVENT_TIME: Reading = { format: (value) => (Math.abs(value) < 8.64e15 ? new Date(value).toISOString().slice(0, 19).replace("T", " ") : "none"), unit: "event time (UTC)" };
const YES_NO: Reading = { format: (value) => (value >= 0.5 ? "yes" : "no"), unit: "yes or no", top: 1 };

const UNITS: Record<string, Reading> = {
  records: RECORDS, "records/s": RECORD_RATE, bytes: BYTES, "bytes/s": BYTE_RATE, ms: MILLISECONDS, "ms/s": TIME_SHARE, ns: NANOSECONDS, "/s": PER_SECOND, ratio: SHARE, share: SHARE,
};

/** What Flink's well-known metrics mean, by the last part of their names. */
const KNOWN: Record<string, [Reading, string]> = {
  numRecordsIn: [RECORDS, "Records received since the start of the attempt"],
  numRecordsOut: [RECORDS, "Records emitted since the start of the attempt"],
  numRecordsInPerSecond: [RECORD_RATE, "Records received per second"],
  numRecordsOutPerSecond: [RECORD_RATE, "Records emitted per second"],
  numBytesIn: [BYTES, "Bytes received since the start of the attempt"],
  numBytesOut: [BYTES, "Bytes emitted since the start of the attempt"],
  numBytesInPerSecond: [BYTE_RATE, "Bytes received per second"],
  numBytesOutPerSecond: [BYTE_RATE, "Bytes emitted per second"],
  numBytesInLocal: [BYTES, "Bytes received from subtasks in the same process"],
  numBytesInRemote: [BYTES, "Bytes received over the network"],
  numBuffersIn: [NUMBER, "Batches received"],
  numBuffersOut: [NUMBER, "Batches sent"],
  numBuffersInPerSecond: [PER_SECOND, "Batches received per second"],
  numBuffersOutPerSecond: [PER_SECOND, "Batches sent per second"],
  busyTimeMsPerSecond: [TIME_SHARE, "Share of time at work"],
  idleTimeMsPerSecond: [TIME_SHARE, "Share of time without anything to do"],
  backPressuredTimeMsPerSecond: [TIME_SHARE, "Share of time waiting for the next vertex to take records"],
  softBackPressuredTimeMsPerSecond: [TIME_SHARE, "Share of time waiting for credit, able to do other things"],
  hardBackPressuredTimeMsPerSecond: [TIME_SHARE, "Share of time waiting for credit, blocked"],
  isBackPressured: [YES_NO, "Whether it waits for the next vertex now"],
  accumulateBusyTimeMs: [MILLISECONDS, "Time at work since the start"],
  accumulateIdleTimeMs: [MILLISECONDS, "Time without anything to do since the start"],
  accumulateBackPressuredTimeMs: [MILLISECONDS, "Time waiting for the next vertex since the start"],
  maxSoftBackPressureTimeMs: [MILLISECONDS, "Longest wait for credit, able to do other things"],
  maxHardBackPressureTimeMs: [MILLISECONDS, "Longest wait for credit, blocked"],
  latency: [MILLISECONDS, "How long records take from their source to this vertex, told by markers"],
  watermarkLag: [MILLISECONDS, "How far event time is behind the wall clock"],
  currentInputWatermark: [EVENT_TIME, "Lowest watermark received"],
  currentOutputWatermark: [EVENT_TIME, "Last watermark emitted"],
  currentFetchEventTimeLag: [MILLISECONDS, "Age of records when they are fetched"],
  currentEmitEventTimeLag: [MILLISECONDS, "Age of records when the source emits them"],
  watermarkAlignmentDrift: [MILLISECONDS, "How far a source is ahead of its alignment group"],
  numLateRecordsDropped: [RECORDS, "Records dropped because they came too late"],
  checkpointAlignmentTime: [NANOSECONDS, "Time from the first to the last barrier of the last checkpoint"],
  checkpointStartDelayNanos: [NANOSECONDS, "Time from the trigger of the last checkpoint to its barrier"],
  inputQueueLength: [NUMBER, "Batches that wait to be taken in"],
  outputQueueLength: [NUMBER, "Batches that wait to be sent"],
  inPoolUsage: [SHARE, "Used share of what may wait at the inputs"],
  outPoolUsage: [SHARE, "Used share of what may wait at the outputs"],
  numFiredTimers: [NUMBER, "Timers that have fired"],
  numFiredTimersPerSecond: [PER_SECOND, "Timers that fire per second"],
  pendingRecords: [RECORDS, "Records that the source knows of and has not read"],
  numRecordsInErrors: [RECORDS, "Records that the source could not read"],
  numRecordsOutErrors: [RECORDS, "Records that the sink could not write"],
  numRecordsSend: [RECORDS, "Records that the sink has handed on"],
  numBytesSend: [BYTES, "Bytes that the sink has handed on"],
  mailboxQueueSize: [NUMBER, "Tasks that wait for the subtask's thread"],
  numRestarts: [NUMBER, "Restarts since the job was submitted"],
  lastCheckpointDuration: [MILLISECONDS, "From the trigger of the last checkpoint to its completion"],
  lastCheckpointSize: [BYTES, "Written by the last checkpoint"],
  lastCheckpointFullSize: [BYTES, "All state in the last checkpoint"],
  numberOfCompletedCheckpoints: [NUMBER, "Checkpoints completed"],
  numberOfFailedCheckpoints: [NUMBER, "Checkpoints failed"],
  numberOfInProgressCheckpoints: [NUMBER, "Checkpoints under way"],
  cpuLoad: [SHARE, "Share of the machine's cores in use"],
  memoryUsed: [BYTES, "Resident memory, with task hosts"],
};

/** The metric at the end of a name, and the operator or group before it. */
export function splitName(id: string): { scope: string; name: string } {
  const at = id.lastIndexOf(".");
  return at === -1 ? { scope: "", name: id } : { scope: id.slice(0, at), name: id.slice(at + 1) };
}

/** How a metric reads: what its name says, else what its unit says, else a plain number. */
export function readingOf(id: string, unit = ""): Reading {
  const { name } = splitName(id);
  const known = KNOWN[name]?.[0];
  if (known) return known;
  if (UNITS[unit]) return UNITS[unit];
  if (/PerSecond$/.test(name)) return PER_SECOND;
  if (/Bytes?$/.test(name)) return BYTES;
  return NUMBER;
}

/** What a metric means; of one that nobody knows whose it is. */
export function meaningOf(id: string): string {
  const { scope, name } = splitName(id);
  const known = KNOWN[name]?.[1];
  if (known) return known;
  return scope === "" ? "" : `A metric of ${scope}`;
}

/** Whether `search` is in a metric's name, meaning or unit, word by word. */
export function matches(search: string, id: string, more = ""): boolean {
  const text = `${id} ${meaningOf(id)} ${readingOf(id).unit} ${more}`.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** Lines worth looking at first come first: of tasks, then of operators. */
export function compareNames(a: string, b: string): number {
  const rank = (id: string) => (splitName(id).scope === "" ? 0 : id.startsWith("Shuffle.") ? 2 : 1);
  return rank(a) - rank(b) || a.localeCompare(b, "en", { numeric: true });
}
