// Flame graphs, thread dumps and profiles.
import { id, started } from "./world.mjs";

const node = (name, value, children = []) => ({ name, value, children });

function onCpu(vx, k) {
  const user = vx.lines.map((line) => line.replace(/^[ +-]*/, ""));
  const n = Math.round(vx.busy * 1000 * (1 - k * 0.1)) + 40;
  const part = (share) => Math.round(n * share);
  return node("root", n, [
    node("flott_runtime::subtask::run", n, [
      node("flott_runtime::gate::next_batch", part(0.12), [node("flott_exchange::frame::decode", part(0.09), [node("core::hash::crc32c", part(0.05))]), node("alloc::vec::Vec<T>::with_capacity", part(0.02))]),
      node("flott_runtime::operators::chain::push_batch", part(0.72), [
        node(`${user[0]?.replace(/\W+/g, "_").toLowerCase()}::process`, part(0.51), [
          node("orders::parse_amount", part(0.28), [node("core::num::dec2flt::parse", part(0.15), [node("core::num::dec2flt::slow::parse_long_mantissa", part(0.06))]), node("<str as core::str::traits::FromStr>::from_str", part(0.08))]),
          node("orders::Order::normalize", part(0.14), [node("alloc::string::String::push_str", part(0.05)), node("alloc::fmt::format", part(0.06))]),
          ...Array.from({ length: 24 }, (_, i) => node(`orders::rules::rule_${i}::matches`, Math.max(1, part(0.003)))),
        ]),
        node("flott_state::keyed::KeyedState<K,V>::update", part(0.17), [node("hashbrown::map::HashMap<K,V,S>::entry", part(0.11)), node("serde::ser::Serialize::serialize", part(0.04))]),
      ]),
      node("flott_runtime::writer::EdgeWriter::emit", part(0.13), [node("flott_exchange::frame::encode", part(0.1), [node("core::hash::crc32c", part(0.06))])]),
    ]),
  ]);
}

const offCpu = (vx) => node("root", 1000, [
  node("waiting for input", Math.round(1000 * (1 - vx.busy - vx.bp)), [node("HASH 0 of count words", Math.round(700 * (1 - vx.busy - vx.bp)))]),
  node("backpressured", Math.round(1000 * vx.bp), [node("no credit of count words", Math.round(1000 * vx.bp))]),
  node("blocked in user code", 40, [node("orders::lookup::fetch", 40)]),
]);

export function flameGraph(j, i, query, now) {
  const type = query.get("type") ?? "full";
  const vx = j.vertices[i];
  if (j.end) return { endTimestamp: -1 };
  // As if the first samples were still being taken.
  if (now - started < 0 || (first(`${j.id}${i}`, now) && now - first(`${j.id}${i}`, now) < 1500)) return { endTimestamp: -3 };
  const k = Number(query.get("subtaskindex") ?? 0);
  const cpu = onCpu(vx, k);
  const off = offCpu(vx);
  const data = type === "on_cpu" ? cpu : type === "off_cpu" ? off : node("root", cpu.value + off.value, [...cpu.children, ...off.children]);
  return { endTimestamp: now - 900, data };
}

/** What was sampled of a process. */
export const profileTree = () => onCpu({ busy: 0.8, lines: ["count words"] }, 0);

const asked = new Map();
function first(key, now) {
  if (!asked.has(key)) asked.set(key, now);
  return asked.get(key);
}

export function threadDump(who) {
  const thread = (threadName, state, lines) => ({ threadName, stringifiedThreadInfo: `"${threadName}" Id=${4000 + threadName.length * 7} ${state}\n${lines.map((line) => `\t${line}`).join("\n")}\n` });
  return {
    threadInfos: [
      thread("main", "S (sleeping)", ["wchan futex_wait_queue", "cpu user 1.2 s, system 0.3 s"]),
      ...Array.from({ length: 4 }, (_, i) => thread(`tokio-runtime-worker-${i}`, i === 0 ? "R (running)" : "S (sleeping)", [`wchan ${i === 0 ? "0" : "ep_poll"}`, `cpu user ${(i * 3.1 + 0.4).toFixed(1)} s, system 0.2 s`])),
      ...(who === "taskmanager" ? Array.from({ length: 3 }, (_, i) => thread(`slot-${i}`, "R (running)", [`runs "count words (${i + 1}/4)": busy`, "cpu user 91.4 s, system 1.1 s"])) : []),
    ],
  };
}

const profiles = new Map();

/** Profiles of a process, newest first. */
export function profiler(key) {
  const now = Date.now();
  return {
    profilingList: (profiles.get(key) ?? []).map((p) => {
      const over = now >= p.triggerTime + p.duration * 1000;
      return { ...p, status: over ? "FINISHED" : "RUNNING", finishedTime: over ? p.triggerTime + p.duration * 1000 : null, outputFile: over ? `profile-${p.triggerTime}.html` : null };
    }),
  };
}

export function profile(key, { mode, duration }) {
  const p = { status: "RUNNING", mode, profilingMode: mode, triggerTime: Date.now(), finishedTime: null, duration, message: null, outputFile: null };
  profiles.set(key, [p, ...(profiles.get(key) ?? [])].slice(0, 10));
  return p;
}

// --- log levels ---------------------------------------------------------------------------------------------------

const filters = new Map();
export const filter = (key) => ({ filter: filters.get(key) ?? "info" });

/** Sets a filter; returns why it can't be. */
export function setFilter(key, text) {
  const wrong = String(text ?? "").split(",").find((part) => !/^([\w:]+=)?(off|error|warn|info|debug|trace)$/.test(part.trim()));
  if (wrong !== undefined) return `"${wrong}" is not a filter: expected a level (error, warn, info, debug, trace, off), or target=level`;
  filters.set(key, text);
  return null;
}

// --- rescaling ----------------------------------------------------------------------------------------------------

const history = new Map();

export function rescales(j) {
  const first = { rescaleUuid: id(`${j.id}r`), resourceRequirementsUuid: id(`${j.id}q`), rescaleAttemptId: 1, vertices: {}, slots: {}, schedulerStates: [], startTimestampInMillis: j.begin, endTimestampInMillis: j.begin + 340, terminalState: "COMPLETED", triggerCause: "INITIAL_SCHEDULE", terminatedReason: "SUCCEEDED" };
  return [...(history.get(j.id) ?? []), first];
}

export function recordRescale(j, vertices) {
  const now = Date.now();
  const entry = { rescaleUuid: id(`${j.id}${now}`), resourceRequirementsUuid: id(now), rescaleAttemptId: 1, vertices, slots: {}, schedulerStates: [], startTimestampInMillis: now, endTimestampInMillis: null, terminalState: null, triggerCause: "UPDATE_REQUIREMENT", terminatedReason: null };
  history.set(j.id, [entry, ...(history.get(j.id) ?? [])]);
  return (state, reason) => Object.assign(entry, { endTimestampInMillis: Date.now(), terminalState: state, terminatedReason: reason });
}
