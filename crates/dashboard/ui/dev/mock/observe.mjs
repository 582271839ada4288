// Paths of what one looks into a running job and its processes with: history, logs, profiles, rescaling.
import * as history from "./history.mjs";
import { jobLog } from "./logs.mjs";
import * as metrics from "./metrics.mjs";
import * as profiles from "./profiles.mjs";
import * as world from "./world.mjs";

/** What the server pretends not to have. */
const without = new Set();
const KINDS = { history: /\/history$/, logs: /\/jobs\/[^/]+\/logs$/, loglevel: /\/log-level$/, rescale: /\/(resource-requirements|rescales\/.*)$/, flamegraph: /\/flamegraph$/, threads: /\/thread-dump$/, profiler: /\/profiler/ };

/** Whether a path is one of those that it pretends not to have. */
export const isMissing = (path) => [...without].some((kind) => KINDS[kind].test(path) && !(kind === "history" && path.includes("/rescales/")));

export function observeRoutes({ ok, fail, body, withJob, withVertex, withTaskManager, re, J, V }) {
  const TM = "^/taskmanagers/([^/]+)";
  const level = (key, r) => {
    const refused = profiles.setFilter(key, body(r).filter);
    return refused ? fail(400, refused) : ok(profiles.filter(key));
  };
  const rescaled = (j, wanted) => {
    const named = j.vertices.map((_, i) => world.vertexId(j, i));
    const missing = named.filter((v) => !(v in wanted));
    if (missing.length > 0) return fail(400, ...missing.map((v) => `Job vertex [${v}] is missing in the request.`));
    const vertices = Object.fromEntries(j.vertices.map((vx, i) => [named[i], { jobVertexId: named[i], jobVertexName: vx.name, preRescaleParallelism: vx.parallelism, desiredParallelism: wanted[named[i]].parallelism.upperBound, postRescaleParallelism: null }]));
    const done = profiles.recordRescale(j, vertices);
    j.state = "RESTARTING";
    setTimeout(() => {
      j.vertices = j.vertices.map((vx, i) => ({ ...vx, parallelism: wanted[named[i]].parallelism.upperBound }));
      for (const v of Object.values(vertices)) v.postRescaleParallelism = v.desiredParallelism;
      j.state = "RUNNING";
      done("COMPLETED", "SUCCEEDED");
    }, 2500);
    return ok({});
  };
  return [
    ["POST", re("^/pretend/without"), (r) => {
      without.clear();
      for (const kind of (r.query.get("what") ?? "").split(",").filter(Boolean)) without.add(kind);
      return ok({});
    }],
    ["POST", re("^/pretend/many"), (r) => {
      world.pretendMany(Number(r.query.get("jobs") ?? 20));
      return ok({});
    }],
    ["GET", re("^/history"), (r) => ok(history.ofCluster(r.query, Date.now()))],
    ["GET", re(`${J}/history`), withJob((j, r) => ok(history.ofJob(j, r.query, Date.now())))],
    ["GET", re("^/jobmanager/history"), (r) => ok(history.ofProcess(0, r.query, Date.now()))],
    ["GET", re(`${TM}/history`), withTaskManager((_t, i, r) => ok(history.ofProcess(i + 1, r.query, Date.now())))],
    ["GET", re(`${J}/logs`), withJob((j, r) => ok(jobLog(j, r.query)))],
    ["GET", re(`${J}${V}/subtasks/metrics`), withVertex((j, i, r) => ok(metrics.aggregated(j, i, r.query, Date.now())))],
    ["GET", re(`${J}${V}/metrics`), withVertex((j, i, r) => ok(metrics.plain(j, i, r.query, Date.now())))],
    ["GET", re(`${J}${V}/flamegraph`), withVertex((j, i, r) => ok(profiles.flameGraph(j, i, r.query, Date.now())))],
    ["GET", re(`${J}${V}/accumulators`), withVertex((j, i) => ok({ id: world.vertexId(j, i), "user-accumulators": i === 0 && j.name !== "numbers" ? [{ name: "malformed lines", type: "LongCounter", value: "431" }, { name: "line lengths", type: "Histogram", value: "{min=2, max=180, mean=41.2}" }] : [] }))],
    ["GET", re(`${J}${V}/subtasks/accumulators`), withVertex((j, i) => ok({ id: world.vertexId(j, i), parallelism: j.vertices[i].parallelism, subtasks: world.subtasks(j, i, Date.now()).map((s) => ({ subtask: s.subtask, attempt: s.attempt, endpoint: s.endpoint, "user-accumulators": i === 0 ? [{ name: "malformed lines", type: "LongCounter", value: String(100 + s.subtask * 5) }] : [] })) }))],
    ["GET", re(`${J}/resource-requirements`), withJob((j) => ok(Object.fromEntries(j.vertices.map((vx, i) => [world.vertexId(j, i), { parallelism: { lowerBound: 1, upperBound: vx.parallelism } }]))))],
    ["PUT", re(`${J}/resource-requirements`), withJob((j, r) => rescaled(j, body(r)))],
    ["GET", re(`${J}/rescales/history`), withJob((j) => ok(profiles.rescales(j)))],
    ["GET", re(`${J}/rescales/details/([^/]+)`), withJob((j, r) => {
      const found = profiles.rescales(j).find((x) => x.rescaleUuid === r.ids[1]);
      return found ? ok(found) : fail(404, `There is no rescale ${r.ids[1]}.`);
    })],
    ["GET", re("^/jobmanager/log-level"), () => ok(profiles.filter("jobmanager"))],
    ["PUT", re("^/jobmanager/log-level"), (r) => level("jobmanager", r)],
    ["GET", re(`${TM}/log-level`), withTaskManager((t) => ok(profiles.filter(t)))],
    ["PUT", re(`${TM}/log-level`), withTaskManager((t, _i, r) => level(t, r))],
    ["GET", re("^/jobmanager/thread-dump"), () => ok(profiles.threadDump("jobmanager"))],
    ["GET", re(`${TM}/thread-dump`), withTaskManager(() => ok(profiles.threadDump("taskmanager")))],
    ["GET", re("^/jobmanager/profiler"), () => ok(profiles.profiler("jobmanager"))],
    ["POST", re("^/jobmanager/profiler"), (r) => ok(profiles.profile("jobmanager", body(r)))],
    ["GET", re("^/jobmanager/profiler/([^/]+)"), (r) => (r.ids[0].endsWith(".json") ? ok(profiles.profileTree()) : { text: "<html>profile</html>" })],
    ["GET", re(`${TM}/profiler`), withTaskManager((t) => ok(profiles.profiler(t)))],
    ["POST", re(`${TM}/profiler`), withTaskManager((t, _i, r) => ok(profiles.profile(t, body(r))))],
    ["GET", re(`${TM}/profiler/([^/]+)`), withTaskManager((_t, _i, r) => (r.ids[1].endsWith(".json") ? ok(profiles.profileTree()) : { text: "<html>profile</html>" }))],
  ];
}
