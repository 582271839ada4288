// Metrics of subtasks as they are now: those of Flink's tasks and operators, and two of a user's own.
import * as world from "./world.mjs";

const operators = (vx) => vx.lines.map((line) => line.replace(/^[ +-]*/, ""));

/** Values of one subtask by metric. */
function values(j, i, k, now) {
  const vx = j.vertices[i];
  const s = world.subtasks(j, i, now)[k];
  const load = world.load(j, i, now);
  const share = (1 + (vx.skew ?? 0.03) * Math.cos(k * 2.2)) / vx.parallelism;
  const live = j.end ? 0 : 1;
  const out = {
    numRecordsIn: s.metrics["read-records"], numRecordsOut: s.metrics["write-records"], numBytesIn: s.metrics["read-bytes"], numBytesOut: s.metrics["write-bytes"],
    numRecordsInPerSecond: load.in * share, numRecordsOutPerSecond: (vx.out ?? 0) * share * live, numBytesInPerSecond: load.in * vx.rec * share, numBytesOutPerSecond: (vx.out ?? 0) * vx.rec * share * live,
    busyTimeMsPerSecond: load.busy * (1 - k / vx.parallelism / 5) * 1000, backPressuredTimeMsPerSecond: load.bp * (1 - k / vx.parallelism / 5) * 1000, idleTimeMsPerSecond: Math.max(0, 1 - load.bp - load.busy) * 1000,
    isBackPressured: load.bp > 0.5 ? 1 : 0, checkpointAlignmentTime: 11_000_000 + k * 200_000, checkpointStartDelayNanos: 3_000_000,
    "Shuffle.Netty.Input.Buffers.inputQueueLength": vx.in ? Math.round(8 * load.busy) : 0, "Shuffle.Netty.Output.Buffers.outPoolUsage": load.bp,
    ...(vx.wm ? { currentInputWatermark: now - vx.wm - k * 40 } : {}),
  };
  for (const name of operators(vx)) {
    Object.assign(out, { [`${name}.numRecordsIn`]: s.metrics["read-records"], [`${name}.numRecordsOut`]: s.metrics["write-records"] });
    if (name.startsWith("session")) Object.assign(out, { [`${name}.numLateRecordsDropped`]: Math.floor((now - j.begin) / 160_000) });
    if (name === "tokenize") Object.assign(out, { [`${name}.malformedLines`]: Math.floor((now - j.begin) / 36_000), [`${name}.averageLength`]: 7.4 });
  }
  return out;
}

/** `GET …/subtasks/metrics`: names, or what they are over the subtasks. */
export function aggregated(j, i, query, now) {
  const wanted = query.get("get")?.split(",").filter(Boolean);
  if (!wanted) return Object.keys(values(j, i, 0, now)).map((id) => ({ id }));
  if (j.end) return [];
  const all = Array.from({ length: j.vertices[i].parallelism }, (_, k) => values(j, i, k, now));
  return wanted.filter((id) => id in all[0]).map((id) => {
    const numbers = all.map((of) => of[id]);
    const sum = numbers.reduce((a, b) => a + b, 0);
    return { id, min: Math.min(...numbers), max: Math.max(...numbers), avg: sum / numbers.length, sum, skew: sum > 0 ? Math.min(100, (100 * numbers.reduce((all, n) => all + Math.abs(n - sum / numbers.length), 0)) / sum) : 0 };
  });
}

/** `GET …/metrics`: `<subtask>.<metric>`. */
export function plain(j, i, query, now) {
  const wanted = query.get("get")?.split(",").filter(Boolean);
  if (!wanted) return Array.from({ length: j.vertices[i].parallelism }, (_, k) => Object.keys(values(j, i, 0, now)).map((id) => ({ id: `${k}.${id}` }))).flat();
  return wanted.flatMap((id) => {
    const k = Number(id.slice(0, id.indexOf(".")));
    const value = k < j.vertices[i].parallelism ? values(j, i, k, now)[id.slice(id.indexOf(".") + 1)] : undefined;
    return value === undefined ? [] : [{ id, value: String(value) }];
  });
}
