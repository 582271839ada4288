// What a user sees of checkpoints, savepoints and restarts, and does with them, on the page of a job that takes checkpoints.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A checkpoint this often; rarer than what is looked at takes to load, so that nothing is forgotten meanwhile. */
const INTERVAL = "2 s";
/** Long enough for the page to show that a job waits for its restart. */
const BACKOFF = "3 s";
/** More than it can read while this runs. */
const RECORDS = 1_000_000_000;

/** Starts a job that takes checkpoints and that panics when it is told to; waits for its second checkpoint. */
export async function startRecoverable(cluster, artifact) {
  const { api, dir } = cluster;
  const faults = join(dir, "faults");
  const job = await api.run(artifact, {
    entryClass: "oracle",
    programArgsList: [`--records=${RECORDS}`, "--rate=2000", `--output=${join(dir, "oracle")}`, `--faults=${faults}`],
    parallelism: 2,
    flinkConfiguration: {
      "execution.checkpointing.interval": INTERVAL,
      "restart-strategy.type": "exponential-delay",
      "restart-strategy.exponential-delay.initial-backoff": BACKOFF,
    },
  });
  await api.reached(job, "RUNNING");
  await api.until(`two checkpoints of job ${job}`, async () => (await api.json(`/jobs/${job}/checkpoints`)).counts.completed >= 2);
  // The one that keeps state by key, for all that the job has lived.
  const stateful = (await api.json(`/jobs/${job}`)).vertices.find(({ name }) => /Window|Keyed/.test(name)).id;
  return { job, faults, stateful };
}

/** Looks at checkpoints down to a subtask, and takes some. */
export async function takeSnapshots({ check, appears }, page, cluster, { job }) {
  page.where = "checkpoints";
  await page.goto(`${cluster.base}/#/jobs/${job}/checkpoints`);
  const history = page.getByRole("table", { name: "Checkpoints", exact: true });
  check("checkpoints are listed", await appears(history.locator("tr", { hasText: "COMPLETED" })));
  check("the latest completed one has its directory", await appears(page.locator(".latest .path code", { hasText: `${job}/chk-` })));
  await history.locator("tr", { hasText: "COMPLETED" }).first().locator(".twist-button").click();
  const vertices = page.getByRole("table", { name: /by vertex$/ });
  check("a checkpoint opens by its vertices", await appears(vertices.locator(".twist-button")));
  await vertices.locator(".twist-button").first().click();
  check("a vertex opens by its subtasks", await appears(page.getByRole("table", { name: /^Subtasks of / }).getByRole("cell", { name: /ms|s$/ })));
  const before = await history.locator(".twist-button").first().textContent();
  const moved = await page
    .waitForFunction((old) => document.querySelector("table[aria-label=Checkpoints] .twist-button")?.textContent !== old, before)
    .then(() => true, () => false);
  check("new ones appear by themselves, and what is open stays", moved && (await vertices.isVisible()));

  page.where = "take a checkpoint";
  await page.locator(".job-actions").getByRole("button", { name: "Checkpoint" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Take checkpoint" }).click();
  check("a checkpoint on request tells its number", await appears(page.locator(".operation-done", { hasText: /Checkpoint taken: #\d+/ })));
  await page.getByRole("button", { name: "Dismiss" }).click();

  page.where = "take a savepoint";
  await page.getByRole("button", { name: "Savepoint", exact: true }).click();
  await dialog.getByLabel("Target directory").fill(`file://${cluster.dir}/by-hand`);
  await dialog.getByRole("button", { name: "Take savepoint" }).click();
  const path = page.locator(".operation-done .path code");
  check("a savepoint tells its path", await appears(path), await page.locator("main").innerText());
  const written = pathOf((await path.textContent()) ?? "");
  check("and it is there", existsSync(join(written, "_metadata")), written);
  await page.getByRole("button", { name: "Dismiss" }).click();
  check("the page knows it as the latest savepoint", await appears(page.locator(".latest section", { hasText: "Latest savepoint" }).locator(".path code")));

  page.where = "fail to take a savepoint";
  page.expectMissing = true; // a refusal at once is as good as a failure later
  await page.getByRole("button", { name: "Savepoint", exact: true }).click();
  await dialog.getByLabel("Target directory").fill("file:///proc/no/such/place");
  await dialog.getByRole("button", { name: "Take savepoint" }).click();
  check("a savepoint that cannot be written says why", await appears(page.locator(".operation-failed .pre, .dialog .notice-error .pre")));
  if (await dialog.isVisible()) await page.keyboard.press("Escape");
  else await page.getByRole("button", { name: "Dismiss" }).click();
  page.expectMissing = false;
  check("the job goes on all the same", (await cluster.api.state(job)) === "RUNNING");
}

/** Lets the job fail once and watches it come back. */
export async function restartAJob({ check, appears }, page, cluster, { job, faults }) {
  page.where = "restart";
  await page.goto(`${cluster.base}/#/jobs/${job}`);
  await page.locator(".node").first().waitFor();
  writeFileSync(join(faults, "panic"), "");
  check("a failed job is shown as restarting", await appears(page.locator(".chip-large", { hasText: "RESTARTING" })));
  check("with its root cause", await appears(page.locator(".failure-headline", { hasText: "a planned panic" })));
  check("and as running again, without reloading", await appears(page.locator(".chip-large", { hasText: "RUNNING" })));
  check("the header counts the restart", await appears(page.locator(".job-head .facts > div", { hasText: /^Restarts\s*[1-9]/ })));
  await page.getByRole("link", { name: /^Exceptions/ }).click();
  check("the failure is told with its task and TaskManager", await appears(page.locator(".exception", { hasText: "a planned panic" }).locator(".failure-place a")));
  check("and that the job went on from a checkpoint", await appears(page.locator(".facts > div", { hasText: "Went on from" }).filter({ hasText: /checkpoint #\d+/ })));
  const vertex = (await cluster.api.json(`/jobs/${job}`)).vertices[0].id;
  await page.goto(`${cluster.base}/#/jobs/${job}?vertex=${vertex}`);
  await page.getByRole("button", { name: /earlier attempts of subtask 0$/ }).click();
  check("the earlier attempt of a subtask is shown", await appears(page.getByRole("table", { name: "Earlier attempts" }).getByText(/FAILED|CANCELED/)));
}

/** Stops the job with a savepoint and starts it again from there. */
export async function stopAndGoOn({ check, appears }, page, cluster, { job }) {
  page.where = "stop";
  await page.goto(`${cluster.base}/#/jobs/${job}`);
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("checkbox").check();
  check("draining warns", await appears(dialog.getByRole("alert")));
  await dialog.getByRole("checkbox").uncheck();
  await dialog.getByRole("button", { name: "Stop job" }).click();
  const done = page.locator(".operation-done", { hasText: "Stopped with a savepoint" });
  check("a stopped job tells its savepoint", await appears(done), await page.locator("main").innerText());
  check("and has finished", await appears(page.locator(".chip-large", { hasText: "FINISHED" })));
  const savepoint = (await done.locator(".path code").textContent()) ?? "";
  check("the savepoint is there", existsSync(join(pathOf(savepoint), "_metadata")), savepoint);

  page.where = "go on";
  await done.getByRole("link", { name: "Run from here" }).click();
  const form = page.locator(".artifact-open");
  await form.waitFor();
  check("the form begins with the savepoint", (await form.getByLabel("Savepoint path").inputValue()) === savepoint);
  check("and with what the job was started with", (await form.getByLabel("Entry").inputValue()) === "oracle" && (await form.getByLabel("Arguments").inputValue()).includes(`--records=${RECORDS}`));
  await form.getByRole("button", { name: "Run" }).click();
  await page.waitForURL(/#\/jobs\/[0-9a-f]{32}/);
  const next = page.url().match(/jobs\/([0-9a-f]{32})/)[1];
  check("the new job runs", await appears(page.locator(".chip-large", { hasText: "RUNNING" })));
  check("and says from where it began", await appears(page.locator(".facts > div", { hasText: "Begun from" }).filter({ hasText: savepoint })));
  const { restored } = (await cluster.api.json(`/jobs/${next}/checkpoints`)).latest;
  check("it did begin from there", restored !== null && restored.is_savepoint && pathOf(restored.external_path) === pathOf(savepoint), JSON.stringify(restored));
  await cluster.api.cancel(next);
}

/** The path in the file system that a URI or a path names. */
function pathOf(location) {
  return location.startsWith("file:") ? fileURLToPath(location.replace(/^file:\/*/, "file:///")) : location;
}
