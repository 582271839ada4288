// Takes pictures of every page against the mock server (npm run build, npm run mock first) and fails on
// console errors. Usage: npm run shots -- [FOLDER] [FILTER]
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

const base = process.env.BASE ?? "http://127.0.0.1:8099";
const folder = process.argv[2] ?? "node_modules/.shots";
const filter = process.argv[3] ?? "";
mkdirSync(folder, { recursive: true });

const jobs = (await (await fetch(`${base}/jobs/overview`)).json()).jobs;
const job = (name, state) => jobs.find((j) => j.name === name && j.state === state).jid;
const detail = await (await fetch(`${base}/jobs/${job("fraud-detection", "RUNNING")}`)).json();
const vertex = detail.vertices.find((v) => v.name.startsWith("session")).id;
const words = (await (await fetch(`${base}/jobs/${job("orders-hourly", "RESTARTING")}`)).json()).vertices.find((v) => v.name === "count words").id;
const running = (await (await fetch(`${base}/jobs/${job("word-count", "RUNNING")}`)).json()).vertices;
const counting = running.find((v) => v.name === "count words").id;
const lines = running.find((v) => v.name.startsWith("Source")).id;
const tm = encodeURIComponent((await (await fetch(`${base}/taskmanagers`)).json()).taskmanagers[0].id);

const pages = {
  overview: "#/overview",
  jobs: "#/jobs",
  "jobs-none": "#/jobs?q=nosuch",
  job: `#/jobs/${job("fraud-detection", "RUNNING")}`,
  "job-wc": `#/jobs/${job("word-count", "RUNNING")}`,
  "job-vertex": `#/jobs/${job("fraud-detection", "RUNNING")}?vertex=${vertex}`,
  "job-failed": `#/jobs/${job("orders-backfill", "FAILED")}`,
  "job-restarting": `#/jobs/${job("orders-hourly", "RESTARTING")}`,
  "job-finished": `#/jobs/${job("numbers", "FINISHED")}`,
  metrics: `#/jobs/${job("fraud-detection", "RUNNING")}/metrics`,
  "metrics-pick": `#/jobs/${job("fraud-detection", "RUNNING")}/metrics`,
  "job-skew": `#/jobs/${job("word-count", "RUNNING")}?vertex=${counting}`,
  "vertex-backpressure": `#/jobs/${job("word-count", "RUNNING")}?vertex=${counting}&view=backpressure`,
  "vertex-accumulators": `#/jobs/${job("word-count", "RUNNING")}?vertex=${lines}&view=accumulators`,
  "vertex-flamegraph": `#/jobs/${job("word-count", "RUNNING")}?vertex=${counting}&view=flamegraph`,
  "job-rescale": `#/jobs/${job("fraud-detection", "RUNNING")}`,
  "job-logs": `#/jobs/${job("fraud-detection", "RUNNING")}/logs`,
  timeline: `#/jobs/${job("word-count", "FINISHED")}/timeline`,
  checkpoints: `#/jobs/${job("fraud-detection", "RUNNING")}/checkpoints`,
  "checkpoint-open": `#/jobs/${job("fraud-detection", "RUNNING")}/checkpoints`,
  "checkpoints-off": `#/jobs/${job("word-count", "RUNNING")}/checkpoints`,
  "checkpoints-failing": `#/jobs/${job("orders-backfill", "FAILED")}/checkpoints?checkpoint=3`,
  "job-attempts": `#/jobs/${job("orders-hourly", "RESTARTING")}?vertex=${words}`,
  exceptions: `#/jobs/${job("orders-backfill", "FAILED")}/exceptions`,
  "job-config": `#/jobs/${job("fraud-detection", "RUNNING")}/configuration`,
  "job-unknown": "#/jobs/0123456789abcdef0123456789abcdef",
  taskmanagers: "#/taskmanagers",
  taskmanager: `#/taskmanagers/${tm}`,
  "tm-log": `#/taskmanagers/${tm}/log`,
  "tm-files": `#/taskmanagers/${tm}/files`,
  "tm-threads": `#/taskmanagers/${tm}/threads`,
  "tm-profiler": `#/taskmanagers/${tm}/profiler`,
  "log-level": `#/taskmanagers/${tm}/log`,
  shortcuts: "#/overview",
  "tm-unknown": "#/taskmanagers/nosuch",
  jobmanager: "#/jobmanager",
  "jm-leading": "#/jobmanager",
  "jm-standby": "#/jobmanager",
  "jm-suspended": "#/jobmanager",
  "jm-none": "#/jobmanager",
  "jm-unreachable": "#/jobmanager",
  "jm-env": "#/jobmanager/environment",
  "jm-log": "#/jobmanager/log",
  "jm-stdout": "#/jobmanager/stdout",
  submit: "#/submit",
  unknown: "#/nosuch",
};

const pretend = (as) => fetch(`${base}/pretend/leadership?as=${as}`, { method: "POST" });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
let errors = 0;
const looks = [["light", 1440, 900], ["dark", 1440, 900], ["phone", 400, 800]];
for (const [look, width, height] of looks) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: look === "dark" ? "dark" : "light" });
  let where = "";
  // A resource that is missing on purpose (unknown job) is logged by the browser itself.
  page.on("console", (m) => { if (m.type() === "error" && !m.text().startsWith("Failed to load resource")) { errors++; console.log(look, where, m.text()); } });
  page.on("pageerror", (e) => { errors++; console.log(look, where, e.stack); });
  for (const [name, hash] of Object.entries(pages)) {
    if (filter && !`${name}-${look}`.includes(filter)) continue;
    where = name;
    const standing = /^jm-(leading|standby|suspended|none|unreachable)$/.exec(name)?.[1];
    if (standing) await pretend(standing);
    await page.goto(`${base}/${hash}`);
    if (standing) await page.reload(); // another part of the same address loads nothing anew
    await page.waitForTimeout(name === "overview" || name.startsWith("job-") || name === "job" ? 3600 : 900);
    if (name === "checkpoint-open") {
      await page.getByRole("table", { name: "Checkpoints", exact: true }).locator(".twist-button").nth(1).click();
      await page.getByRole("button", { name: "session per account" }).click();
      await page.waitForTimeout(500);
    }
    if (name === "job-attempts") {
      await page.getByRole("button", { name: /earlier attempts of subtask 2/ }).click();
      await page.waitForTimeout(500);
    }
    if (name === "job-rescale") {
      await page.getByRole("button", { name: "Rescale" }).click();
      await page.waitForTimeout(300);
    }
    if (name === "log-level") {
      await page.getByRole("button", { name: /^Level/ }).click();
      await page.waitForTimeout(300);
    }
    if (name === "shortcuts") await page.keyboard.press("?");
    if (name === "vertex-flamegraph") await page.waitForTimeout(2500);
    if (name === "vertex-accumulators") await page.getByRole("button", { name: "malformed lines" }).click();
    if (name === "tm-profiler") {
      await page.getByLabel("Seconds").fill("1");
      await page.getByRole("button", { name: "Take profile" }).click();
      await page.locator("td a[download]").first().waitFor();
      await page.locator(".twist-button").first().click();
      await page.waitForTimeout(500);
    }
    if (name === "metrics-pick") {
      await page.getByRole("button", { name: "Add metrics" }).click();
      await page.getByRole("searchbox").fill("watermark");
      await page.waitForTimeout(300);
    }
    if (name === "submit") {
      await page.getByRole("button", { name: "fraud-detection", exact: true }).click();
      await page.getByRole("button", { name: "Show plan" }).click();
      await page.waitForTimeout(500);
    }
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) { errors++; console.log(look, name, `is ${over} px wider than the window`); }
    await page.screenshot({ path: `${folder}/${name}-${look}.png`, fullPage: true });
    if (standing) await pretend("alone");
  }
  await page.close();
}
await browser.close();
process.exit(errors === 0 ? 0 : 1);
