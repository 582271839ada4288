// Jobs and TaskManagers that move with the clock.

const EXECUTION = ["CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING", "FINISHED", "CANCELING", "CANCELED", "FAILED", "RECONCILING"];
const JOB = ["INITIALIZING", "CREATED", "RUNNING", "RESTARTING", "FAILING", "FAILED", "CANCELLING", "CANCELED", "FINISHED", "SUSPENDED", "RECONCILING"];

export const started = Date.now();

/** A repeatable id of 32 hex digits. */
export function id(seed) {
  let h = 2166136261;
  let out = "";
  for (let i = 0; out.length < 32; i++) {
    for (const c of `${seed}${i}`) h = Math.imul(h ^ c.charCodeAt(0), 16777619) >>> 0;
    out += h.toString(16).padStart(8, "0");
  }
  return out.slice(0, 32);
}

const v = (name, lines, parallelism, inputs, load) => ({ name, lines, parallelism, inputs, ...load });

const wordCount = [
  v("Source: lines -> tokenize", ["Source: lines", "+- tokenize"], 4, [], { out: 412_000, busy: 0.38, bp: 0.52, rec: 9.4 }),
  v("count words", ["count words"], 4, [[0, "HASH"]], { in: 412_000, out: 61_000, busy: 0.93, bp: 0.02, rec: 11, skew: 0.4 }),
  v("Sink: files", ["Sink: files"], 2, [[1, "REBALANCE"]], { in: 61_000, busy: 0.22, bp: 0, rec: 14 }),
];
const fraud = [
  v("Source: transactions", ["Source: transactions"], 4, [], { out: 84_000, busy: 0.21, bp: 0.04, rec: 62 }),
  v("Source: rules", ["Source: rules"], 1, [], { out: 0.4, busy: 0.001, bp: 0, rec: 120 }),
  v("enrich -> filter <suspicious>", ["enrich", "+- filter <suspicious>"], 4, [[0, "REBALANCE"], [1, "BROADCAST"]], { in: 84_000, out: 12_400, busy: 0.57, bp: 0.11, rec: 70 }),
  v("session per account", ["session per account", "+- score", "+- round"], 4, [[2, "HASH"]], { in: 12_400, out: 920, busy: 0.71, bp: 0, rec: 76, wm: 1800 }),
  v("Sink: alerts", ["Sink: alerts"], 1, [[3, "REBALANCE"]], { in: 920, busy: 0.05, bp: 0, rec: 80, wm: 2100 }),
  v("Sink: audit log", ["Sink: audit log"], 4, [[2, "REBALANCE"], [3, "FORWARD"]], { in: 13_320, busy: 0.12, bp: 0, rec: 80 }),
];
const small = [v("Source: numbers -> sum -> Sink: print", ["Source: numbers", "+- sum", "   +- Sink: print"], 1, [], { out: 0, busy: 0.4, bp: 0, rec: 8 })];

const stderrTail = `2026-11-23T01:12:07.114Z WARN  orders: amount has 3 decimal places, rounding
thread 'count words (3/4)' panicked at examples/orders/src/main.rs:48:27:
cannot parse "1e9x" as an amount: invalid digit found in string
stack backtrace:
   0: orders::parse_amount
             at ./examples/orders/src/main.rs:48:27
   1: flott_runtime::operators::map::Map<F>::process
   2: flott_runtime::chain::Chain::push`;
const cause = `cannot parse "1e9x" as an amount: invalid digit found in string
  operator: parse amounts
  subtask: count words (3/4), attempt 1
  host: worker-2.local:41873-5b21e0
  at examples/orders/src/main.rs:48:27
  last lines of stderr:
${stderrTail.replace(/^/gm, "    ")}`;

const job = (name, state, vertices, begin, end, more = {}) => ({
  id: id(name + begin), name, state, vertices, begin: started + begin, end: end === null ? null : started + end, ...more,
});

export const jobs = [
  job("fraud-detection", "RUNNING", fraud, -3_712_000, null),
  job("word-count", "RUNNING", wordCount, -93_000, null),
  job("orders-hourly", "RESTARTING", wordCount, -341_000, null, { failing: true }),
  job("orders-backfill", "FAILED", wordCount, -610_000, -588_500, { failing: true }),
  job("numbers", "FINISHED", small, -1_200_000, -1_199_640),
  job("word-count", "FINISHED", wordCount, -1_900_000, -1_838_200),
  job("sessionize clicks by visitor and campaign, nightly", "CANCELED", fraud, -9_900_000, -5_400_000),
  job("numbers", "FINISHED", small, -90_200_000, -90_199_240),
];

const wide = [
  v("Source: clicks", ["Source: clicks"], 50, [], { out: 900_000, busy: 0.4, bp: 0.3, rec: 90 }),
  v("sessions", ["sessions", "+- enrich"], 100, [[0, "HASH"]], { in: 900_000, out: 40_000, busy: 0.8, bp: 0.1, rec: 80, wm: 2400, skew: 0.5 }),
  v("Sink: lake", ["Sink: lake"], 50, [[1, "REBALANCE"]], { in: 40_000, busy: 0.3, bp: 0, rec: 90, wm: 2600 }),
];
const widest = wide.map((vx, i) => (i === 1 ? { ...vx, parallelism: 200 } : vx));

/** Adds many wide jobs: what the dashboard must show without stutter. */
export function pretendMany(count) {
  for (let i = 0; i < count; i++) jobs.unshift(job(`clicks-${i + 1}`, "RUNNING", i === 0 ? widest : wide, -3_000_000 - i * 7000, null));
}

const zero = (states) => Object.fromEntries(states.map((s) => [s, 0]));

/** The state of a job's executions. */
function executionState(j, index) {
  if (j.state === "FAILED") return index === 1 ? "FAILED" : "CANCELED";
  if (j.state === "RESTARTING") return "SCHEDULED";
  if (j.state === "CANCELLING") return "CANCELING";
  return { RUNNING: "RUNNING", FINISHED: "FINISHED", CANCELED: "CANCELED" }[j.state] ?? "CREATED";
}

const wave = (t, seed) => 1 + 0.18 * Math.sin(t / 9000 + seed) + 0.06 * Math.sin(t / 1700 + seed * 3);

export function seconds(j, now) {
  return Math.max(0, ((j.end ?? now) - j.begin) / 1000 - 0.3);
}

function io(j, vx, share, now) {
  // The integral of a rate that swings slowly around its mean.
  const s = seconds(j, now);
  const swing = j.end ? s : s + 0.18 * 9 * (1 - Math.cos(s / 9)) * 0.9;
  const records = (perSecond) => Math.round((perSecond ?? 0) * swing * share);
  return {
    "read-bytes": Math.round(records(vx.in) * vx.rec), "read-bytes-complete": true,
    "write-bytes": Math.round(records(vx.out) * vx.rec), "write-bytes-complete": true,
    "read-records": records(vx.in), "read-records-complete": true,
    "write-records": records(vx.out), "write-records-complete": true,
    "accumulated-backpressured-time": Math.round(vx.bp * s * 1000 * share * vx.parallelism),
    "accumulated-idle-time": Math.round((1 - vx.bp - vx.busy) * s * 1000 * share * vx.parallelism),
    "accumulated-busy-time": vx.busy * s * 1000 * share * vx.parallelism,
  };
}

export function taskManagers() {
  return ["worker-1.local:40115-9c01aa", "worker-2.local:41873-5b21e0", "worker-3.local:39022-7af301"];
}

export const vertexId = (j, index) => id(`${j.id}v${index}`);

export function plan(j) {
  return planOf(j.name, j.vertices, (i) => vertexId(j, i), j.id);
}

export function planOf(name, vertices, idOf, jid) {
  const nodes = vertices.map((vx, i) => ({
    id: idOf(i), operator: "", parallelism: vx.parallelism, operator_strategy: "",
    description: vx.lines.map((l) => `${l.replaceAll("<", "&lt;").replaceAll(">", "&gt;")}<br/>`).join(""), optimizer_properties: {},
    ...(vx.inputs.length ? { inputs: vx.inputs.map(([from, strategy], num) => ({ id: idOf(from), num, exchange: "pipelined_bounded", ship_strategy: strategy })) } : {}),
  }));
  return { jid, name, type: "STREAMING", nodes: nodes.reverse() };
}
export const plans = { wordCount, fraud };

export function summary(j, now) {
  const total = j.vertices.reduce((n, x) => n + x.parallelism, 0);
  const tasks = { total, ...Object.fromEntries(EXECUTION.map((s) => [s.toLowerCase(), 0])) };
  j.vertices.forEach((x, i) => { tasks[executionState(j, i).toLowerCase()] += x.parallelism; });
  return {
    jid: j.id, name: j.name, jobType: "STREAMING", schedulerType: "Adaptive", "start-time": j.begin, "end-time": j.end ?? -1,
    duration: (j.end ?? now) - j.begin, state: j.state, "last-modification": j.end ?? j.begin + 400, tasks, "pending-operators": 0,
  };
}

export function detail(j, now) {
  const counts = zero(EXECUTION);
  const vertices = j.vertices.map((vx, i) => {
    const status = executionState(j, i);
    counts[status] += vx.parallelism;
    return {
      id: vertexId(j, i), slotSharingGroupId: id("default"), name: vx.name, maxParallelism: 128, parallelism: vx.parallelism, status,
      "start-time": j.begin + 120 + i * 9, "end-time": j.end ?? -1, duration: (j.end ?? now) - j.begin - 120,
      tasks: { ...zero(EXECUTION), [status]: vx.parallelism }, metrics: io(j, vx, 1, now),
    };
  });
  const timestamps = { ...zero(JOB), INITIALIZING: j.begin, CREATED: j.begin + 30, RUNNING: j.begin + 110 };
  if (j.state === "RESTARTING") timestamps.RESTARTING = now - 4000;
  if (j.end) timestamps[j.state] = j.end;
  return {
    jid: j.id, "application-id": j.id, name: j.name, isStoppable: false, state: j.state, "job-type": "STREAMING", schedulerType: "Adaptive",
    "start-time": j.begin, "end-time": j.end ?? -1, duration: (j.end ?? now) - j.begin, maxParallelism: -1, now, timestamps,
    vertices: vertices.reverse(), "status-counts": counts, plan: plan(j), "pending-operators": 0,
  };
}

function place(k) {
  const tm = taskManagers()[k % 3];
  return { endpoint: tm.replace(/-[^-]*$/, ""), "taskmanager-id": tm };
}

export function subtasks(j, index, now) {
  const vx = j.vertices[index];
  return Array.from({ length: vx.parallelism }, (_, k) => {
    const status = j.state === "FAILED" && index === 1 && k !== 2 ? "CANCELED" : executionState(j, index);
    const share = (1 + (vx.skew ?? 0.03) * Math.cos(k * 2.2)) / vx.parallelism;
    const begin = j.begin + 130 + index * 9 + k * 3;
    return {
      subtask: k, status, attempt: j.failing ? 2 : 0, ...place(k + index), "start-time": begin, start_time: begin, "end-time": j.end ?? -1,
      duration: (j.end ?? now) - begin, metrics: io(j, vx, share, now), "status-duration": { RUNNING: now - begin },
    };
  });
}

export function times(j, index, now) {
  return subtasks(j, index, now).map((s) => {
    const t = zero(EXECUTION);
    Object.assign(t, { CREATED: j.begin + 30, SCHEDULED: j.begin + 60, DEPLOYING: s["start-time"], INITIALIZING: s["start-time"] + 60 + s.subtask * 30, RUNNING: s["start-time"] + 150 + s.subtask * 40 });
    if (j.end) t[s.status] = j.end - s.subtask * 40;
    return { subtask: s.subtask, endpoint: s.endpoint, duration: s.duration, timestamps: t };
  });
}

export function load(j, index, now) {
  const vx = j.vertices[index];
  const w = wave(now, index);
  const running = j.state === "RUNNING" ? 1 : 0;
  return { busy: Math.min(1, vx.busy * w) * running, bp: Math.min(1, vx.bp * w) * running, in: (vx.in ?? 0) * w * running };
}

export function exceptions(j) {
  if (!j.failing) return [];
  const at = (j.end ?? Date.now() - 4000);
  const entry = (time, attempt) => ({
    exceptionName: "PANIC", stacktrace: cause, timestamp: time, failureLabels: {},
    taskName: `count words (3/4) - execution #${attempt}`, endpoint: "worker-2.local:41873", taskManagerId: "worker-2.local:41873-5b21e0", concurrentExceptions: [],
    rootCause: { kind: "PANIC", message: cause.split("\n")[0], context: [], operator: "parse amounts", location: "examples/orders/src/main.rs:48:27", stderrTail },
  });
  const lost = { ...entry(at - 31_000, 0), exceptionName: "TASK_MANAGER_LOST", stacktrace: "TaskManager worker-3.local:39022-7af301 was lost: its connection was reset", taskName: "Sink: files (2/2) - execution #0", endpoint: "worker-3.local:39022", taskManagerId: "worker-3.local:39022-7af301", rootCause: { kind: "TASK_MANAGER_LOST", message: "TaskManager worker-3.local:39022-7af301 was lost: its connection was reset", context: [] } };
  const cut = { ...lost, exceptionName: "CONNECTION_LOST", stacktrace: "connection reset by peer", taskName: "count words (4/4) - execution #0", endpoint: "worker-1.local:40115", taskManagerId: "worker-1.local:40115-9c01aa", rootCause: { kind: "CONNECTION_LOST", message: "connection reset by peer", context: [] } };
  return [entry(at, 2), entry(at - 11_000, 1), { ...lost, concurrentExceptions: [cut] }];
}
