// A cluster of real processes for the browser to look at: its own directory, ports and names, started and stopped by the
// scripts that users start theirs with.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const workspace = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const release = join(resolve(workspace, process.env.CARGO_TARGET_DIR ?? "target"), "release");

/** The path of a release binary, which tests/run.sh has built. */
export function binary(name) {
  const path = join(release, name);
  if (!existsSync(path)) throw new Error(`${path} is missing: run tests/run.sh, which builds it`);
  return path;
}

/** A port at which nobody listens, below the range from which the kernel takes those of outgoing connections. */
function freePort() {
  return new Promise((done) => {
    const server = createServer();
    const attempt = () => server.listen(20_000 + Math.floor(Math.random() * 12_000), "127.0.0.1");
    server.on("error", attempt);
    server.on("listening", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
    attempt();
  });
}

/** Starts a cluster of `taskManagers` with two slots each. */
export async function startCluster({ taskManagers = 2, slots = 3, refresh = "500 ms" } = {}) {
  const dir = mkdtempSync(join(tmpdir(), "flott-browser-"));
  for (const name of ["conf", "tmp", "faults"]) mkdirSync(join(dir, name));
  const port = await freePort();
  const config = {
    "rest.port": port,
    "jobmanager.rpc.port": await freePort(),
    "taskmanager.numberOfTaskSlots": slots,
    "io.tmp.dirs": join(dir, "tmp"),
    "web.tmpdir": join(dir, "tmp"),
    "web.refresh-interval": refresh,
    "jobmanager.plan.timeout": "5 s",
    "execution.checkpointing.dir": `file://${dir}/checkpoints`,
    "execution.checkpointing.savepoint-dir": `file://${dir}/savepoints`,
  };
  writeFileSync(join(dir, "conf/config.yaml"), Object.entries(config).map(([key, value]) => `${key}: ${value}\n`).join(""));
  writeFileSync(join(dir, "conf/workers"), "localhost\n".repeat(taskManagers));
  const env = {
    ...process.env,
    FLOTT_HOME: workspace,
    FLOTT_CONF_DIR: join(dir, "conf"),
    FLOTT_LOG_DIR: join(dir, "log"),
    FLOTT_PID_DIR: join(dir, "pids"),
    FLOTT_IDENT_STRING: `browser-${process.pid}`,
    FLOTT_BUILD_CHECKED: "1",
  };
  const script = (name, ...args) => {
    const { status, stdout, stderr } = spawnSync(join(workspace, "bin", name), args, { env, encoding: "utf8" });
    if (status !== 0) throw new Error(`${name} failed:\n${stdout}${stderr}`);
  };
  script("start-cluster.sh");
  const base = `http://127.0.0.1:${port}`;
  return {
    base,
    dir,
    api: api(base),
    taskManagerScript: (...args) => script("taskmanager.sh", ...args),
    stop() {
      script("stop-cluster.sh");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function api(base) {
  const json = async (path, init) => {
    const answer = await fetch(`${base}${path}`, init);
    const body = await answer.json();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${JSON.stringify(body)}`);
    return body;
  };
  const post = (path, body) => json(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  /** Waits until this holds; `what` names it in the error if it never does. */
  const until = async (what, holds) => {
    const deadline = Date.now() + 60_000;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  };
  const state = async (id) => (await json(`/jobs/${id}`)).state;
  return {
    json,
    state,
    until,
    cancel: async (id) => {
      await json(`/jobs/${id}?mode=cancel`, { method: "PATCH" });
      await until(`the end of job ${id}`, async () => (await state(id)) === "CANCELED");
    },
    async upload(name) {
      const form = new FormData();
      const { openAsBlob } = await import("node:fs");
      form.append("jarfile", await openAsBlob(binary(name)), name);
      const { filename } = await json("/jars/upload", { method: "POST", body: form });
      return filename.split("/").pop();
    },
    run: async (artifact, request) => (await post(`/jars/${artifact}/run`, request)).jobid,
    /** Waits until the job is in this state. */
    async reached(id, wanted) {
      const deadline = Date.now() + 60_000;
      for (;;) {
        const now = await state(id);
        if (now === wanted) return;
        const ended = ["FINISHED", "FAILED", "CANCELED"].includes(now);
        if (ended || Date.now() > deadline) {
          const { exceptionHistory } = await json(`/jobs/${id}/exceptions`);
          throw new Error(`job ${id} is ${now} instead of ${wanted}: ${exceptionHistory.entries[0]?.stacktrace ?? ""}`);
        }
        await new Promise((done) => setTimeout(done, 50));
      }
    },
  };
}
