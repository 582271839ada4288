// The REST API's paths over the pretended world, in the shapes of the real one.
import * as checkpoints from "./checkpoints.mjs";
import * as leadership from "./leadership.mjs";
import { observeRoutes } from "./observe.mjs";
import * as world from "./world.mjs";
import { log, stdout } from "./logs.mjs";

const ok = (json) => ({ json });
const fail = (status, ...errors) => ({ status, json: { errors } });
const artifacts = [
  artifact("word-count", -86_000_000, ["word-count"]),
  artifact("fraud-detection", -3_900_000, ["fraud-detection", "replay"]),
  artifact("broken-job", -300_000, ["broken-job"]),
];

function artifact(name, age, entries) {
  return {
    id: `${world.id(name + age).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")}_${name}`, name, uploaded: Date.now() + age,
    entry: entries.map((entry) => ({ name: entry, description: null })),
  };
}

function withJob(handler) {
  return (r) => {
    const job = world.jobs.find((j) => j.id === r.ids[0]);
    return job ? handler(job, r) : fail(404, `Job ${r.ids[0]} not found`);
  };
}

function withVertex(handler) {
  return withJob((job, r) => {
    const index = job.vertices.findIndex((_, i) => world.vertexId(job, i) === r.ids[1]);
    return index < 0 ? fail(404, `No vertex with ID ${r.ids[1]} exists.`) : handler(job, index, r);
  });
}

const body = (r) => JSON.parse(r.body.toString() || "{}");

/** A result has either a path or a number, never both. */
function only(answer, field) {
  const { operation } = answer.json;
  return operation?.location ? { json: { ...answer.json, operation: { [field]: operation[field] } } } : answer;
}

function withCheckpoint(handler) {
  return withJob((j, r) => {
    const found = handler(j, r);
    return found ? ok(found) : fail(404, `Could not find checkpointing statistics for checkpoint ${r.ids[1]}.`);
  });
}

function overview() {
  const n = (...states) => world.jobs.filter((j) => states.includes(j.state)).length;
  return {
    taskmanagers: 3, "slots-total": 12, "slots-available": 12 - 4 * n("RUNNING"), "jobs-running": n("RUNNING", "RESTARTING", "CANCELLING"),
    "jobs-finished": n("FINISHED"), "jobs-cancelled": n("CANCELED"), "jobs-failed": n("FAILED"), "flink-version": "0.1.0", "flink-commit": "5c8b05a",
  };
}

function taskManager(id, index, full) {
  const running = world.jobs.filter((j) => j.state === "RUNNING");
  const held = running.slice(0, 2).flatMap((j, i) => (i === 0 || index < 2 ? [{ jobId: j.id, resource: {}, assignedTasks: 3 + i }, ...(index === 0 ? [{ jobId: j.id, resource: {}, assignedTasks: 2 }] : [])] : []));
  const mib = 1024 * 1024;
  return {
    id, path: `http://${id.replace(/-[^-]*$/, "")}`, dataPort: 40115 + index, jmxPort: -1, timeSinceLastHeartbeat: Date.now() - 700 - index * 1900,
    slotsNumber: 4, freeSlots: 4 - held.length, assignedTasks: held.length * 3,
    totalResource: { cpuCores: 4, taskHeapMemory: 1536, taskOffHeapMemory: 0, managedMemory: 512, networkMemory: 128, extendedResources: {} },
    freeResource: { cpuCores: 4 - held.length, taskHeapMemory: 384 * (4 - held.length), taskOffHeapMemory: 0, managedMemory: 128, networkMemory: 32, extendedResources: {} },
    hardware: { cpuCores: 4, physicalMemory: 16_480 * mib, freeMemory: 9_100 * mib, managedMemory: 512 * mib },
    memoryConfiguration: { taskHeap: 1536 * mib, managedMemory: 512 * mib, networkMemory: 128 * mib, totalProcessMemory: 2304 * mib },
    ...(full ? {
      allocatedSlots: held,
      taskHosts: [...new Set(held.map((slot) => slot.jobId))].map((jobId, at) => ({
        jobId, pid: 4711 + 10 * index + at, subtasks: held.filter((slot) => slot.jobId === jobId).reduce((sum, slot) => sum + slot.assignedTasks, 0),
        residentBytes: (140 - 60 * at) * mib, peakResidentBytes: (170 - 60 * at) * mib, cpuTimeMs: Math.round(Date.now() / (at + 2)) % 1e9, threads: 6,
      })),
      metrics: {
        heapUsed: (310 + 20 * Math.sin(Date.now() / 4000)) * mib, heapCommitted: 512 * mib, heapMax: 2304 * mib, nonHeapUsed: 0, nonHeapCommitted: 0, nonHeapMax: 0,
        directCount: 0, directUsed: 0, directMax: 0, mappedCount: 0, mappedUsed: 0, mappedMax: 0,
        nettyShuffleMemorySegmentsAvailable: 3900, nettyShuffleMemorySegmentsUsed: 196, nettyShuffleMemorySegmentsTotal: 4096,
        nettyShuffleMemoryAvailable: 122 * mib, nettyShuffleMemoryUsed: 6 * mib, nettyShuffleMemoryTotal: 128 * mib, garbageCollectors: [],
      },
    } : {}),
  };
}

function withTaskManager(handler) {
  return (r) => {
    const index = world.taskManagers().indexOf(r.ids[0]);
    return index < 0 ? fail(500, "Internal server error.", `No TaskExecutor registered under ${r.ids[0]}.`) : handler(r.ids[0], index, r);
  };
}

const logs = (who) => ok({ logs: [{ name: `flott-alice-${who}-0-host.log`, size: log(who).length, mtime: Date.now() }, { name: `flott-alice-${who}-0-host.out`, size: stdout().length, mtime: Date.now() - 9000 }, { name: `flott-alice-${who}-0-host.log.1`, size: 10_300_112, mtime: Date.now() - 86_400_000 }] });
const file = (who, name) => ({ text: name.endsWith(".out") ? stdout() : log(who) });

function planFor(r) {
  const a = artifacts.find((x) => x.id === r.ids[0]);
  if (!a) return fail(400, `Artifact ${r.ids[0]} does not exist.`);
  if (a.name === "broken-job") return fail(400, "cannot plan artifact broken-job: its main exited with code 2 before it built a job", "last lines of stderr:\n  error: unexpected argument '--inptu' found\n  tip: a similar argument exists: '--input'");
  const request = body(r);
  const vertices = (a.name === "fraud-detection" ? world.plans.fraud : world.plans.wordCount).map((x) => ({ ...x, parallelism: request.parallelism ?? x.parallelism }));
  return ok({ plan: world.planOf(a.name, vertices, (i) => world.id(`${a.id}${i}`), world.id(a.id)) });
}

function run(r) {
  const planned = planFor(r);
  if (planned.status) return planned;
  const a = artifacts.find((x) => x.id === r.ids[0]);
  const { savepointPath } = body(r);
  if (savepointPath?.includes("nosuch")) return fail(400, `cannot read the savepoint ${savepointPath}: there is no file _metadata in it. Give the directory that a savepoint or checkpoint was written to.`);
  const job = { id: world.id(a.id + Date.now()), name: a.name, state: "RUNNING", vertices: a.name === "fraud-detection" ? world.plans.fraud : world.plans.wordCount, begin: Date.now(), end: null, savepointPath };
  world.jobs.unshift(job);
  return ok({ jobid: job.id, applicationId: job.id });
}

function upload(r) {
  const name = /filename="([^"]*)"/.exec(r.body.toString("latin1"))?.[1];
  if (!name) return fail(400, "Exactly 1 file must be sent, received 0.");
  if (/\.(txt|json)$/.test(name)) return fail(400, `${name} is not an executable for this machine: it is a text file. Build the job with cargo build --release and upload the binary from target/release.`);
  const a = artifact(name, 0, [name]);
  artifacts.unshift(a);
  return ok({ filename: `/tmp/flott/artifacts/${a.id}`, status: "success" });
}

function cancel(job) {
  if (!job.end) {
    job.state = "CANCELLING";
    setTimeout(() => Object.assign(job, { state: "CANCELED", end: Date.now() }), 2500);
  }
  return { status: 202, json: {} };
}

const settings = [["jobmanager.rpc.address", "localhost"], ["jobmanager.rpc.port", "6123"], ["rest.port", "8081"], ["rest.bind-address", "127.0.0.1"], ["taskmanager.numberOfTaskSlots", "4"], ["parallelism.default", "1"], ["heartbeat.interval", "10 s"], ["heartbeat.timeout", "50 s"], ["slot.request.timeout", "5 min"], ["web.refresh-interval", "3 s"], ["security.rest.token", "******"], ["high-availability.storageDir", "/var/lib/flott/ha"]];
const V = "/vertices/([^/]+)";
const J = "^/jobs/([^/]+)";
const re = (s) => new RegExp(`${s}/?$`);

export const routes = [
  ...observeRoutes({ ok, fail, body, withJob, withVertex, withTaskManager, re, J, V }),
  ["GET", re("^/config"), () => ok({ "refresh-interval": 3000, "timezone-name": "Coordinated Universal Time", "timezone-offset": 0, "flink-version": "0.1.0", "flink-revision": "5c8b05a @ 2026-11-23T01:00:00Z", features: { "web-submit": true, "web-cancel": true, "web-rescale": true, "web-history": false } })],
  ["GET", re("^/leader"), () => ok(leadership.told())],
  ["POST", re("^/pretend/leadership"), (r) => (leadership.pretend(r.query.get("as")) ? ok({}) : fail(404, "There is no such state."))],
  ["GET", re("^/overview"), () => ok(overview())],
  ["GET", re("^/jobs/overview"), () => ok({ jobs: world.jobs.map((j) => world.summary(j, Date.now())) })],
  ["GET", re(J), withJob((j) => ok({
    ...world.detail(j, Date.now()),
    submission: { jarId: artifacts.find((a) => a.name === j.name)?.id ?? null, digest: "", entryClass: null, programArgsList: ["--input", "/data/in coming"], parallelism: 4, fingerprint: "", savepointPath: j.savepointPath ?? null },
  }))],
  ["PATCH", re(J), withJob((j) => cancel(j))],
  ["GET", re(`${J}/exceptions`), withJob((j) => ok({ exceptionHistory: { entries: world.exceptions(j), truncated: false } }))],
  ["GET", re(`${J}/config`), withJob((j) => ok({ jid: j.id, name: j.name, "execution-config": { "restart-strategy": "fixed-delay (3 attempts, 10 s)", "job-parallelism": 4, "object-reuse-mode": false, "user-config": { input: "/data/orders", "program.args": "--input /data/orders --output /data/out" } } }))],
  ["GET", re(`${J}/metrics`), withJob((j, r) => {
    const values = checkpoints.metrics(j, Date.now());
    return ok((r.query.get("get") ?? "").split(",").filter((name) => name in values).map((name) => ({ id: name, value: String(values[name]) })));
  })],
  ["GET", re(`${J}/checkpoints`), withJob((j) => ok(checkpoints.overview(j, Date.now())))],
  ["GET", re(`${J}/checkpoints/config`), withJob((j) => ok(checkpoints.config(j)))],
  ["GET", re(`${J}/checkpoints/details/(\\d+)`), withCheckpoint((j, r) => checkpoints.one(j, Number(r.ids[1]), Date.now()))],
  ["GET", re(`${J}/checkpoints/details/(\\d+)/subtasks/([^/]+)`), withCheckpoint((j, r) => checkpoints.vertex(j, Number(r.ids[1]), j.vertices.findIndex((_, i) => world.vertexId(j, i) === r.ids[2]), Date.now()))],
  ["POST", re(`${J}/checkpoints`), withJob((j, r) => checkpoints.begin(j, "CHECKPOINT", body(r)))],
  ["POST", re(`${J}/savepoints`), withJob((j, r) => checkpoints.begin(j, "SAVEPOINT", body(r)))],
  ["POST", re(`${J}/stop`), withJob((j, r) => checkpoints.begin(j, "SYNC_SAVEPOINT", body(r), "stop"))],
  ["GET", re(`${J}/checkpoints/([0-9a-f]{32})`), withJob((j, r) => only(checkpoints.operation(j, r.ids[1], Date.now()), "checkpointId"))],
  ["GET", re(`${J}/savepoints/([0-9a-f]{32})`), withJob((j, r) => only(checkpoints.operation(j, r.ids[1], Date.now()), "location"))],
  ["GET", re(`${J}${V}/subtasks/(\\d+)/attempts/(\\d+)`), withVertex((j, i, r) => {
    const now = world.subtasks(j, i, Date.now())[Number(r.ids[2])];
    const attempt = Number(r.ids[3]);
    if (!now || attempt > now.attempt) return fail(404, `Attempt ${attempt} not found`);
    const began = j.begin + attempt * 9000;
    return ok(attempt === now.attempt ? now : { ...now, attempt, status: now.subtask === 2 && i === 1 ? "FAILED" : "CANCELED", "start-time": began, "end-time": began + 8700, duration: 8700 });
  })],
  ["GET", re(`${J}${V}`), withVertex((j, i) => ok({ id: world.vertexId(j, i), name: j.vertices[i].name, parallelism: j.vertices[i].parallelism, maxParallelism: 128, now: Date.now(), subtasks: world.subtasks(j, i, Date.now()) }))],
  ["GET", re(`${J}${V}/subtasktimes`), withVertex((j, i) => ok({ id: world.vertexId(j, i), name: j.vertices[i].name, now: Date.now(), subtasks: world.times(j, i, Date.now()) }))],
  ["GET", re(`${J}${V}/taskmanagers`), withVertex((j, i) => ok({ id: world.vertexId(j, i), name: j.vertices[i].name, now: Date.now(), taskmanagers: world.subtasks(j, i, Date.now()).slice(0, 3).map((s) => ({ ...s, "status-counts": { [s.status]: 1 } })) }))],
  ["GET", re(`${J}${V}/watermarks`), withVertex((j, i) => ok(j.vertices[i].wm ? [{ id: "0.currentInputWatermark", value: String(Date.now() - j.vertices[i].wm) }] : []))],
  ["GET", re(`${J}${V}/backpressure`), withVertex((j, i) => {
    const l = world.load(j, i, Date.now());
    return ok({ status: "ok", "end-timestamp": Date.now(), subtasks: world.subtasks(j, i, Date.now()).map((s, k) => ({ subtask: k, ratio: l.bp * (1 - k * 0.1), busyRatio: l.busy * (1 - k * 0.07), idleRatio: Math.max(0, 1 - l.bp - l.busy) })) });
  })],
  ["GET", re("^/taskmanagers"), () => ok({ taskmanagers: world.taskManagers().map((t, i) => taskManager(t, i, false)) })],
  ["GET", re("^/taskmanagers/([^/]+)"), withTaskManager((t, i) => ok(taskManager(t, i, true)))],
  ["GET", re("^/taskmanagers/([^/]+)/log"), withTaskManager(() => ({ text: log("taskmanager") }))],
  ["GET", re("^/taskmanagers/([^/]+)/stdout"), withTaskManager(() => ({ text: stdout() }))],
  ["GET", re("^/taskmanagers/([^/]+)/logs"), withTaskManager(() => logs("taskmanager"))],
  ["GET", re("^/taskmanagers/([^/]+)/logs/([^/]+)"), withTaskManager((_t, _i, r) => file("taskmanager", r.ids[1]))],
  ["GET", re("^/jobmanager/config"), () => ok([...settings, ["high-availability.type", leadership.isAlone() ? "file" : "etcd"]].map(([key, value]) => ({ key, value })))],
  ["GET", re("^/jobmanager/environment"), () => ok({ jvm: { version: "flott 0.1.0 (rustc 1.95.0)", arch: "x86_64", options: ["--configDir", "/opt/flott/conf"] }, classpath: [], process: { id: 4711, host: "node-1", kernel: "Linux 6.1.0", cores: 8, memory: 34359738368, executable: "/opt/flott/libexec/jobmanager", workingDirectory: "/opt/flott", variables: [{ key: "FLOTT_HOME", value: "/opt/flott" }, { key: "RUST_BACKTRACE", value: "1" }] } })],
  ["GET", re("^/jobmanager/log"), () => ({ text: log("jobmanager") })],
  ["GET", re("^/jobmanager/stdout"), () => ({ text: "" })],
  ["GET", re("^/jobmanager/logs"), () => logs("jobmanager")],
  ["GET", re("^/jobmanager/logs/([^/]+)"), (r) => file("jobmanager", r.ids[0])],
  ["GET", re("^/jars"), () => ok({ address: "http://127.0.0.1:8099", files: artifacts })],
  ["POST", re("^/jars/upload"), upload],
  ["DELETE", re("^/jars/([^/]+)"), (r) => {
    const i = artifacts.findIndex((a) => a.id === r.ids[0]);
    if (i < 0) return fail(400, `Artifact ${r.ids[0]} does not exist.`);
    artifacts.splice(i, 1);
    return ok({});
  }],
  ["POST", re("^/jars/([^/]+)/plan"), planFor],
  ["POST", re("^/jars/([^/]+)/run"), run],
];
