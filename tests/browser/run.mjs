// Walks through the dashboard of a real cluster with a browser: every page shows real data in light, dark and on a phone
// without an error on the console, and what a user does works. Prints a line for each check and fails if one does not hold.
//
// Usage: node run.mjs [--docs]
//   --docs   also write the pictures of the README to docs/images
// CHROMIUM names the browser; exit code 77 means that there is none.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { binary, startCluster } from "./cluster.mjs";
import { lookAtMetrics, lookAtProcesses, lookIntoAVertex, readLogs, rescaleAJob, runAgain, useShortcuts } from "./observe.mjs";
import { useKeyboard } from "./keyboard.mjs";
import { firstPaint, judge, watchShifts } from "./looks.mjs";
import { pages } from "./pages.mjs";
import { restartAJob, startRecoverable, stopAndGoOn, takeSnapshots } from "./snapshots.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const screenshots = join(here, "screenshots");
const docs = process.argv.includes("--docs") ? resolve(here, "../../docs/images") : null;
const SKIPPED = 77;
const PATIENCE = 10_000;
const LOOKS = [
  { look: "light", width: 1440, height: 900 },
  { look: "dark", width: 1440, height: 900 },
  { look: "phone", width: 400, height: 800 },
];

const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  (path) => path && existsSync(path),
);
if (!executablePath) {
  console.log("SKIPPED: there is no browser; install chromium, or set CHROMIUM to its path");
  process.exit(SKIPPED);
}
const { chromium } = await import("playwright-core");

let failures = 0;
let checks = 0;
function check(what, holds, more = "") {
  checks++;
  if (!holds) failures++;
  if (!holds || process.env.VERBOSE) console.log(`${holds ? "ok  " : "FAIL"} ${what}${holds ? "" : ` ${more}`}`);
}

/** A page that counts each error on its console as a failure. */
async function open(browser, { look, width, height }) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: look === "dark" ? "dark" : "light" });
  page.setDefaultTimeout(PATIENCE);
  await watchShifts(page);
  page.where = "start";
  page.expectMissing = false;
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    // The browser itself writes a line for each answer that is no success, which is what some pages are about.
    if (page.expectMissing && message.text().startsWith("Failed to load resource")) return;
    check(`${look} ${page.where}: no error on the console`, false, message.text());
  });
  page.on("pageerror", (error) => check(`${look} ${page.where}: no exception`, false, error.stack));
  return page;
}

const appears = (locator) => locator.first().waitFor({ timeout: PATIENCE }).then(() => true, () => false);

/** Waits until the visible text of the page holds this. */
const reads = (page, text) =>
  page.waitForFunction((part) => document.body.innerText.toLowerCase().includes(part.toLowerCase()), text, { timeout: PATIENCE }).then(() => true, () => false);

/** Brings jobs of each kind into the cluster. */
async function populate(cluster) {
  const { api, dir } = cluster;
  const [wordCount, testJobs] = [await api.upload("word-count"), await api.upload("test-jobs")];
  const input = join(dir, "input.txt");
  writeFileSync(input, "to be or not to be\n".repeat(20_000));
  const finished = await api.run(wordCount, { programArgsList: ["--input", input, "--output", join(dir, "counts")], parallelism: 2 });
  await api.reached(finished, "FINISHED");
  const failed = await api.run(testJobs, { entryClass: "panic-in-map", programArgsList: ["--at", "10"], parallelism: 2 });
  await api.reached(failed, "FAILED");
  const print = await api.run(testJobs, { entryClass: "print", parallelism: 2 });
  const running = await api.run(testJobs, { entryClass: "endless", programArgsList: ["--rate", "5000"], parallelism: 2 });
  await api.reached(print, "RUNNING");
  await api.reached(running, "RUNNING");
  const detail = await api.json(`/jobs/${running}`);
  const vertex = detail.vertices.at(-1).id;
  // Where a job's first subtask of a vertex runs.
  const taskManagerOf = async (job, vertex) => (await api.json(`/jobs/${job}/vertices/${vertex}`)).subtasks[0]["taskmanager-id"];
  const taskManager = await taskManagerOf(running, vertex);
  const printer = await taskManagerOf(print, (await api.json(`/jobs/${print}`)).vertices[0].id);
  const recoverable = await startRecoverable(cluster, testJobs);
  const backpressured = await startBackpressured(cluster, testJobs);
  return { running, finished, failed, print, vertex, taskManager, printer, testJobs, recoverable, backpressured };
}

/** A job whose sink takes far less than its source makes; waits until that shows. */
async function startBackpressured({ api, dir }, artifact) {
  const job = await api.run(artifact, {
    entryClass: "slow-sink",
    programArgsList: ["--records=1000000000", "--every=10", "--pause-micros=2000", `--output=${join(dir, "slow")}`],
    parallelism: 2,
  });
  await api.reached(job, "RUNNING");
  const source = (await api.json(`/jobs/${job}`)).plan.nodes.find(({ inputs }) => !inputs?.length).id;
  await api.until(`backpressure in job ${job}`, async () => (await api.json(`/jobs/${job}/vertices/${source}/backpressure`)).subtasks?.some(({ ratio }) => ratio > 0.5));
  return { job, source };
}

async function walkPages(browser, cluster, world) {
  for (const look of LOOKS) {
    const page = await open(browser, look);
    for (const { name, hash, shows, hides = [], missing = false } of pages(world)) {
      page.where = name;
      page.expectMissing = missing;
      await page.goto(`${cluster.base}/${hash}`);
      for (const text of shows) check(`${look.look} ${name}: shows ${text}`, await reads(page, text), await page.evaluate(() => document.body.innerText.slice(0, 600)));
      for (const text of hides) check(`${look.look} ${name}: does not show ${text}`, !(await page.locator("main").innerText()).includes(text));
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      check(`${look.look} ${name}: is not wider than the window`, over <= 0, `${over} px`);
      if (look.look !== "phone") await judge(check, page, `${look.look} ${name}`);
      await page.screenshot({ path: join(screenshots, `${name}-${look.look}.png`), fullPage: true });
      // What was asked for on this page must not be counted against the next.
      await page.goto("about:blank");
    }
    await page.close();
  }
}

async function cancelAJob(page, cluster, world) {
  page.where = "cancel";
  await page.goto(`${cluster.base}/#/jobs/${world.print}`);
  await page.getByRole("button", { name: "Cancel job" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await dialog.getByRole("button", { name: "Cancel job" }).click();
  check("a canceled job is shown as canceled, without reloading", await appears(page.locator(".chip-large", { hasText: "CANCELED" })));
  check("and it is canceled", (await cluster.api.state(world.print)) === "CANCELED");
}

async function liveNumbers(page, cluster, world) {
  page.where = "live numbers";
  await page.goto(`${cluster.base}/#/jobs/${world.running}`);
  await page.locator(".node").first().waitFor();
  const text = () => page.locator("main").innerText();
  const before = await text();
  check(
    "numbers of a running job move by themselves",
    await page.waitForFunction((old) => document.querySelector("main").innerText !== old, before, { timeout: PATIENCE }).then(() => true, () => false),
  );
}

async function uploadAndRun(page, cluster) {
  page.where = "submit";
  await page.goto(`${cluster.base}/#/submit`);
  page.expectMissing = true; // the refusal of the first file
  await page.setInputFiles("input[type=file]", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no program\n") });
  check("a wrong file is refused with the reason", await reads(page, "text file"));
  page.expectMissing = false;

  const before = (await cluster.api.json("/jars")).files.length;
  await page.setInputFiles("input[type=file]", binary("word-count"));
  const form = page.locator(".artifact-open");
  check("an upload opens its form", await appears(form));
  check("the artifact is in the cluster", (await cluster.api.json("/jars")).files.length === before + 1);
  const output = join(cluster.dir, "counts of the form");
  await form.getByLabel("Arguments").fill(`--output "${output}"`);
  await form.getByLabel("Parallelism").fill("2");
  await form.getByRole("button", { name: "Show plan" }).click();
  check("the plan is drawn", await appears(form.locator(".plan .node")));
  check("and says what it needs, and what is free", await appears(form.locator(".plan", { hasText: /needs \d+ slots?, (none|\d+) (is|are) free/ })));
  await form.getByRole("button", { name: "Run" }).click();
  await page.waitForURL(/#\/jobs\/[0-9a-f]{32}/);
  check("running leads to the job", await appears(page.locator(".chip-large", { hasText: /RUNNING|FINISHED/ })));
  const id = page.url().match(/jobs\/([0-9a-f]{32})/)[1];
  await cluster.api.reached(id, "FINISHED");
  check("the page follows to the end", await appears(page.locator(".chip-large", { hasText: "FINISHED" })));
  check("the result is there", existsSync(output));

  page.where = "submit a failing job";
  await page.goto(`${cluster.base}/#/submit`);
  await page.getByRole("button", { name: "test-jobs", exact: true }).click();
  await page.locator(".artifact-open").getByLabel("Entry").fill("main-panics");
  page.expectMissing = true;
  await page.locator(".artifact-open").getByRole("button", { name: "Run" }).click();
  check("a program that panics is refused with its words", await reads(page, "no dataflow today"));
  page.expectMissing = false;
  await page.locator(".artifact-open").getByLabel("Entry").fill("panic-in-map");
  await page.locator(".artifact-open").getByRole("button", { name: "Run" }).click();
  await page.waitForURL(/#\/jobs\/[0-9a-f]{32}/);
  check("a failed job shows its root cause", await appears(page.locator(".failure-headline", { hasText: "cannot digest record" })));
}

/** The pictures of the README: a job in light colors, the cluster in dark ones. */
async function writeDocs(browser, cluster, artifact) {
  mkdirSync(docs, { recursive: true });
  const shop = await cluster.api.run(artifact, { entryClass: "shop", parallelism: 2, flinkConfiguration: { "execution.checkpointing.interval": "5 s" } });
  await cluster.api.reached(shop, "RUNNING");
  for (const [name, look, hash, height] of [["job", "light", `#/jobs/${shop}`, 1045], ["overview", "dark", "#/overview", 740]]) {
    const page = await open(browser, { look, width: 1280, height });
    page.where = "docs";
    await page.goto(`${cluster.base}/${hash}`);
    // So that the charts have something to show.
    await page.waitForTimeout(40_000);
    await page.screenshot({ path: join(docs, `${name}.png`) });
    await page.close();
  }
  await cluster.api.cancel(shop);
}

mkdirSync(screenshots, { recursive: true });
const cluster = await startCluster({ taskManagers: 2, slots: 5, refresh: docs ? "3 s" : "500 ms" });
try {
  const world = await populate(cluster);
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  try {
    if (docs) await writeDocs(browser, cluster, world.testJobs);
    await firstPaint(check, browser, cluster.base);
    await walkPages(browser, cluster, world);
    const page = await open(browser, LOOKS[0]);
    await liveNumbers(page, cluster, world);
    await cancelAJob(page, cluster, world);
    const tools = { check, appears };
    await lookAtMetrics(tools, page, cluster, world);
    await lookIntoAVertex(tools, page, cluster, world);
    await readLogs(tools, page, cluster, world);
    await lookAtProcesses(tools, page, cluster, world);
    await useShortcuts(tools, page, cluster);
    await useKeyboard(tools, page, cluster, world);
    await runAgain(tools, page, cluster, world);
    await takeSnapshots(tools, page, cluster, world.recoverable);
    await restartAJob(tools, page, cluster, world.recoverable);
    await rescaleAJob(tools, page, cluster, world);
    await stopAndGoOn(tools, page, cluster, world.recoverable);
    await uploadAndRun(page, cluster);
  } finally {
    await browser.close();
  }
} finally {
  cluster.stop();
}
console.log(`${checks} checks, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
