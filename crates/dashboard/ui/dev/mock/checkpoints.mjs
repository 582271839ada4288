// Checkpoints that a pretended job takes as the clock goes on, and what users ask for besides.
import { id, vertexId } from "./world.mjs";

const HISTORY = 10;
const MIB = 1024 * 1024;
const OFF = -1;

/** How a job takes them; word-count takes none. */
export const interval = (j) => (j.name === "word-count" || j.name === "numbers" ? OFF : j.name === "orders-hourly" ? 5000 : 4000);

const end = (j, now) => Math.min(now, j.end ?? now);
const asked = new Map();
const operations = new Map();

const wave = (n, seed) => (Math.sin(n * 1.7 + seed) + Math.sin(n * 0.31 + seed) + 2) / 4;

/** Some fail, more of a job that fails itself. */
const fails = (j, n) => n % (j.failing ? 4 : 23) === 3;

function parts(j, n) {
  return j.vertices.flatMap((vx, v) =>
    Array.from({ length: vx.parallelism }, (_, k) => {
      const share = (1 + 0.3 * wave(n + k, v)) / vx.parallelism;
      const full = Math.round((v === 0 ? 4000 : 38 * MIB * (1 + n / 400)) * share);
      const sync = 1 + Math.round(2 * wave(n, k));
      const delay = v * 4 + Math.round(3 * wave(n, k + 2));
      const align = v === 0 ? 0 : Math.round(22 * wave(n + k, v));
      const asynchronous = Math.round((v === 0 ? 6 : 240) * (0.4 + wave(n, k + v)));
      return { v, k, full, written: Math.round(full * (n % 8 === 1 ? 1 : 0.06 + 0.1 * wave(n, v))), sync, delay, align, asynchronous, total: delay + align + sync + asynchronous };
    }),
  );
}

const sum = (list, of) => list.reduce((total, x) => total + of(x), 0);
const most = (list, of) => Math.max(0, ...list.map(of));

const message = (n) => `the object store answered 503 Service Unavailable
  while writing s3://flott/checkpoints/shared/${id(n).slice(0, 12)}
  operator: count words
  subtask: count words (3/4)
Caused by: no space left on device`;

function totals(list, acknowledged, trigger) {
  const done = list.filter(acknowledged);
  return {
    latest_ack_timestamp: done.length ? trigger + most(done, (p) => p.total) : -1,
    checkpointed_size: sum(done, (p) => p.written), state_size: sum(done, (p) => p.full),
    end_to_end_duration: done.length ? most(done, (p) => p.total) : -1, alignment_buffered: 0, processed_data: sum(done, (p) => p.align * 300), persisted_data: 0,
    num_subtasks: list.length, num_acknowledged_subtasks: done.length,
  };
}

/** All that were triggered until now, oldest first, as `{n, trigger, kind, path}`. */
function triggered(j, now) {
  const every = interval(j);
  const first = j.begin + 1000;
  const own = every === OFF ? [] : Array.from({ length: Math.max(0, Math.floor((end(j, now) - first) / every) + 1) }, (_, i) => ({ n: i + 1, trigger: first + i * every, kind: "CHECKPOINT" }));
  const extra = asked.get(j.id) ?? [];
  return [...own, ...extra].sort((a, b) => a.trigger - b.trigger).map((c, i) => ({ ...c, n: i + 1 }));
}

function view(j, c, now, newest, withTasks) {
  const list = parts(j, c.n).map((p) => ({ ...p, total: p.total + (c.slow ?? 0) }));
  const failed = c.kind === "CHECKPOINT" && fails(j, c.n);
  const took = failed ? 900 : most(list, (p) => p.total);
  const over = now >= c.trigger + took;
  const acknowledged = (p) => (failed ? p.v === 0 : now >= c.trigger + p.total);
  const status = !over ? "IN_PROGRESS" : failed ? "FAILED" : "COMPLETED";
  const savepoint = c.kind.endsWith("SAVEPOINT");
  const numbers = totals(list, acknowledged, c.trigger);
  return {
    className: status.toLowerCase(), id: c.n, status, is_savepoint: savepoint, savepointFormat: savepoint ? "CANONICAL" : null, trigger_timestamp: c.trigger, ...numbers,
    end_to_end_duration: status === "IN_PROGRESS" ? now - c.trigger : took, checkpoint_type: c.n % 9 === 5 && !savepoint ? "UNALIGNED_CHECKPOINT" : c.kind,
    tasks: withTasks ? Object.fromEntries(j.vertices.map((_, v) => [vertexId(j, v), { id: c.n, status, ...totals(list.filter((p) => p.v === v), acknowledged, c.trigger) }])) : {},
    ...(status === "COMPLETED" ? { external_path: savepoint ? c.path : `file:///var/lib/flott/checkpoints/${j.id}/chk-${c.n}`, discarded: !savepoint && c.n < newest - 1 } : {}),
    ...(status === "FAILED" ? { failure_timestamp: c.trigger + took, failure_message: message(c.n) } : {}),
  };
}

export function all(j, now) {
  const list = triggered(j, now);
  return list.map((c) => view(j, c, now, list.length, false)).reverse();
}

export function one(j, n, now) {
  const list = triggered(j, now);
  const c = list.find((x) => x.n === n);
  return c && view(j, c, now, list.length, true);
}

export function vertex(j, n, v, now) {
  const c = triggered(j, now).find((x) => x.n === n);
  const whole = one(j, n, now);
  if (!whole) return null;
  const list = parts(j, n).filter((p) => p.v === v).map((p) => ({ ...p, total: p.total + (c.slow ?? 0) }));
  const failed = whole.status === "FAILED";
  return {
    ...whole.tasks[vertexId(j, v)],
    subtasks: list.map((p) =>
      failed ? p.v !== 0 : now < c.trigger + p.total)
      .map((pending, k) => {
        const p = list[k];
        if (pending) return { className: "pending", index: k, status: "pending_or_failed" };
        return {
          className: "completed", index: k, ack_timestamp: c.trigger + p.total, end_to_end_duration: p.total, checkpointed_size: p.written, state_size: p.full,
          checkpoint: { sync: p.sync, async: p.asynchronous }, alignment: { buffered: 0, processed: p.align * 300, persisted: 0, duration: p.align }, start_delay: p.delay,
          unaligned_checkpoint: whole.checkpoint_type === "UNALIGNED_CHECKPOINT", aborted: false, status: "completed", finished: false,
        };
      }),
  };
}

function statistics(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (p) => (sorted.length < 2 ? "NaN" : sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]);
  return { min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0, avg: Math.round(sum(sorted, (x) => x) / Math.max(1, sorted.length)), p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), p999: at(0.999) };
}

const restored = (j, list) => {
  const from = j.failing && list.find((c) => c.status === "COMPLETED");
  return from ? { id: from.id, restore_timestamp: Date.now() - 3000, is_savepoint: false, external_path: from.external_path } : null;
};

export function overview(j, now) {
  const list = all(j, now);
  const is = (status) => list.filter((c) => c.status === status);
  const done = is("COMPLETED");
  const of = (key) => statistics(done.map((c) => c[key]));
  const keys = ["checkpointed_size", "state_size", "end_to_end_duration", "alignment_buffered", "processed_data", "persisted_data"];
  return {
    counts: { restored: restored(j, list) ? 2 : 0, total: list.length, in_progress: is("IN_PROGRESS").length, completed: done.length, failed: is("FAILED").length },
    summary: Object.fromEntries(keys.map((key) => [key, of(key)])),
    latest: { completed: done.find((c) => !c.is_savepoint) ?? null, savepoint: done.find((c) => c.is_savepoint) ?? null, failed: is("FAILED")[0] ?? null, restored: restored(j, list) },
    history: list.slice(0, HISTORY),
  };
}

export const config = (j) => ({
  mode: "exactly_once", interval: interval(j), timeout: 600_000, min_pause: 500, max_concurrent: 1, externalization: { enabled: true, delete_on_cancellation: false },
  state_backend: "HashMapStateBackend", checkpoint_storage: "FileSystemCheckpointStorage", unaligned_checkpoints: true, tolerable_failed_checkpoints: 3, aligned_checkpoint_timeout: 30_000,
  checkpoints_after_tasks_finish: true, state_changelog_enabled: false, changelog_periodic_materialization_interval: -1, changelog_storage: "none",
  incremental: true, num_retained: 2, directory: `file:///var/lib/flott/checkpoints/${j.id}`,
});

/** Figures as metrics. */
export function metrics(j, now) {
  const last = all(j, now).find((c) => c.status === "COMPLETED");
  return { numRestarts: j.failing ? 2 : 0, lastCheckpointCompletedTimestamp: last?.latest_ack_timestamp ?? -1, lastCheckpointDuration: last?.end_to_end_duration ?? -1, lastCheckpointSize: last?.checkpointed_size ?? -1 };
}

const SLOW = 1500;

/** Begins what a user asks for. A directory named /full has no space left. */
export function begin(j, kind, body, then) {
  const trigger = body.triggerId ?? id(Math.random());
  if (operations.has(trigger)) return { status: 202, json: { "request-id": trigger } };
  const directory = body["target-directory"] ?? body.targetDirectory ?? "file:///var/lib/flott/savepoints";
  const fail = directory === "/full" || directory.startsWith("file:///proc") || j.state !== "RUNNING";
  const path = `${directory}/savepoint-${j.id.slice(0, 6)}-${trigger.slice(0, 12)}`;
  const now = Date.now();
  operations.set(trigger, { done: now + SLOW + 400, fail, path, job: j.id, at: now });
  if (!fail) asked.set(j.id, [...(asked.get(j.id) ?? []), { trigger: now, kind, path, slow: SLOW }]);
  if (!fail && then) setTimeout(() => Object.assign(j, { state: "FINISHED", end: Date.now() }), SLOW + 500);
  return { status: 202, json: { "request-id": trigger } };
}

export function operation(j, trigger, now) {
  const o = operations.get(trigger);
  if (!o || o.job !== j.id) return { status: 404, json: { errors: [`There is no savepoint operation with triggerId=${trigger} for job ${j.id}.`] } };
  if (now < o.done) return { json: { status: { id: "IN_PROGRESS" }, operation: null } };
  const cause = { class: "CHECKPOINT_FAILED", "stack-trace": `no space left on device\n  while writing ${o.path}`, "serialized-throwable": "rO0ABXNy" };
  if (o.fail) return { json: { status: { id: "COMPLETED" }, operation: { "failure-cause": cause } } };
  const n = triggered(j, now).find((c) => c.trigger === o.at)?.n;
  return { json: { status: { id: "COMPLETED" }, operation: { location: o.path, checkpointId: n } } };
}
