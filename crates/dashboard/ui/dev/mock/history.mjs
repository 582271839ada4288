// The last hour of the pretended world, a value every five seconds.
import { interval, all } from "./checkpoints.mjs";
import * as world from "./world.mjs";

const INTERVAL = 5000;
const POINTS = 720;
const MIB = 1024 * 1024;

const grid = (time) => Math.floor(time / INTERVAL) * INTERVAL;
const end = (j, now) => grid(Math.min(now, j.end ?? now));

/** What a rate was at a time: it swings, fell once for two minutes, and is noisy. */
function course(t, seed) {
  const noise = (Math.imul(Math.floor(t / INTERVAL) ^ (seed * 7919), 2654435761) >>> 0) / 2 ** 32;
  const dip = (world.started - t) / 1000 > 1500 && (world.started - t) / 1000 < 1620 ? 0.35 : 1;
  return dip * (1 + 0.18 * Math.sin(t / 190_000 + seed) + 0.08 * Math.sin(t / 31_000 + seed * 3) + 0.08 * (noise - 0.5));
}

const operators = (vx) => vx.lines.map((line) => line.replace(/^[ +-]*/, ""));

/** Whether a job ran at a time. One that fails again and again has gaps. */
const runs = (j, t) => t >= j.begin + 1000 && t <= (j.end ?? Infinity) && !(j.failing && Math.floor(t / 60_000) % 3 === 2);

function vertexSeries(j, i) {
  const vx = j.vertices[i];
  const vertex = world.vertexId(j, i);
  const s = (id, unit, aggregation, at, standard = true) => ({ id, vertex, unit, aggregation, standard, at: (t) => (runs(j, t) ? at(t) : null) });
  const rate = (n) => (t) => (n ?? 0) * course(t, i);
  const share = (x) => (t) => Math.min(1000, 1000 * x * course(t, i + 5));
  return [
    s("numRecordsInPerSecond", "records/s", "sum", rate(vx.in)),
    s("numRecordsOutPerSecond", "records/s", "sum", rate(vx.out)),
    s("numBytesInPerSecond", "bytes/s", "sum", rate((vx.in ?? 0) * vx.rec)),
    s("numBytesOutPerSecond", "bytes/s", "sum", rate((vx.out ?? 0) * vx.rec)),
    s("busyTimeMsPerSecond", "ms/s", "max", share(vx.busy)),
    s("backPressuredTimeMsPerSecond", "ms/s", "max", share(vx.bp)),
    s("idleTimeMsPerSecond", "ms/s", "min", (t) => Math.max(0, 1000 - share(vx.busy + vx.bp)(t))),
    s("watermarkLag", "ms", "max", (t) => (vx.wm ? vx.wm * (2 - course(t, i)) : null)),
    ...(vx.wm ? [s("latency", "ms", "max", (t) => (3 + i * 4) * (2 - course(t, i)))] : []),
    ...operators(vx).flatMap((name, k) => [
      s(`${name}.numRecordsIn`, "records", "sum", (t) => (k === 0 && !vx.in ? 0 : ((vx.in ?? vx.out ?? 0) * (t - j.begin)) / 1000), false),
      s(`${name}.numRecordsOut`, "records", "sum", (t) => ((vx.out ?? 0) * (t - j.begin)) / 1000, false),
      ...(name.startsWith("session") ? [s(`${name}.numLateRecordsDropped`, "records", "sum", (t) => Math.floor((t - j.begin) / 40_000), false)] : []),
      ...(name === "tokenize" ? [s(`${name}.malformedLines`, "", "sum", (t) => Math.floor((t - j.begin) / 9000), false), s(`${name}.averageLength`, "", "max", (t) => 7.4 * course(t, 9), false)] : []),
    ]),
  ];
}

function jobSeries(j) {
  const s = (id, unit, aggregation, at) => ({ id, unit, aggregation, standard: true, at: (t) => (t >= j.begin && t <= (j.end ?? Infinity) ? at(t) : null) });
  const sum = (key, pick) => (t) => (runs(j, t) ? j.vertices.reduce((total, vx, i) => total + (pick(vx) ? (vx[key] ?? 0) * course(t, i) : 0), 0) : null);
  const done = interval(j) > 0 ? all(j, Date.now()).filter((c) => c.status === "COMPLETED") : [];
  const last = (of) => (t) => {
    const c = done.find((x) => x.latest_ack_timestamp <= t);
    return c ? of(c) : null;
  };
  return [
    s("numRecordsInPerSecond", "records/s", "sum", sum("out", (vx) => vx.inputs.length === 0)),
    s("numRecordsOutPerSecond", "records/s", "sum", sum("in", (vx) => !vx.out)),
    s("numRestarts", "", "max", (t) => (j.failing ? Math.min(2, Math.floor((t - j.begin) / 9000)) : 0)),
    s("lastCheckpointDuration", "ms", "max", last((c) => c.end_to_end_duration)),
    s("lastCheckpointSize", "bytes", "max", last((c) => c.checkpointed_size)),
  ];
}

/** An answer out of series that can be asked for any time. */
function answer(series, query, begin, last) {
  if (query.get("list") === "true") return { series: series.map(({ id, vertex, unit, aggregation }) => ({ id, vertex, unit, aggregation })) };
  const wanted = query.get("get")?.split(",").filter(Boolean);
  const vertices = query.get("vertices")?.split(",").filter(Boolean);
  const chosen = series.filter((s) => (wanted ? wanted.includes(s.id) : s.standard) && (!vertices || vertices.includes(s.vertex)));
  const from = Math.max(Number(query.get("from") ?? 0), grid(begin) - 1, last - POINTS * INTERVAL);
  const count = Math.max(0, Math.min(POINTS, Math.floor((last - from) / INTERVAL)));
  const times = Array.from({ length: count }, (_, i) => last - (count - 1 - i) * INTERVAL);
  const digits = (value) => (value === null ? null : Math.round(value * 100) / 100);
  return { interval: INTERVAL, end: last, series: chosen.map(({ id, vertex, unit, aggregation, at }) => ({ id, vertex, unit, aggregation, values: times.map((t) => digits(at(t))) })) };
}

export function ofJob(j, query, now) {
  return answer([...jobSeries(j), ...j.vertices.flatMap((_, i) => vertexSeries(j, i))], query, j.begin, end(j, now));
}

const processSeries = (seed, cores, memory) => [
  { id: "cpuLoad", unit: "", aggregation: "max", standard: true, at: (t) => Math.min(1, cores * course(t, seed)) },
  { id: "memoryUsed", unit: "bytes", aggregation: "max", standard: true, at: (t) => memory * MIB * (0.9 + 0.1 * course(t, seed + 2)) },
];

export const ofProcess = (seed, query, now) => answer(processSeries(seed, seed === 0 ? 0.04 : 0.31 + seed * 0.08, seed === 0 ? 64 : 310 + seed * 40), query, world.started - 3_600_000, grid(now));

export function ofCluster(query, now) {
  const running = (t) => world.jobs.filter((j) => t >= j.begin && t <= (j.end ?? Infinity));
  const total = (id) => (t) => running(t).reduce((sum, j) => sum + (jobSeries({ ...j, name: "word-count" }).find((s) => s.id === id)?.at(t) ?? 0), 0);
  const s = (id, unit, at) => ({ id, unit, aggregation: "sum", standard: true, at });
  const series = [
    s("slotsTotal", "", () => 12),
    s("slotsAvailable", "", (t) => Math.max(0, 12 - 4 * Math.min(3, running(t).length))),
    s("taskManagers", "", () => 3),
    s("jobsRunning", "", (t) => running(t).length),
    s("numRecordsInPerSecond", "records/s", total("numRecordsInPerSecond")),
    s("numRecordsOutPerSecond", "records/s", total("numRecordsOutPerSecond")),
    { ...processSeries(4, 0.42, 1)[0], aggregation: "avg" },
    { ...processSeries(4, 0.42, 1180)[1], aggregation: "sum" },
  ];
  return answer(series, query, world.started - 3_600_000, grid(now));
}
