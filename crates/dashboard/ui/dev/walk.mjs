// Walks through what a user does, against the mock server: cancel, submit, errors, lost connection, theme,
// keyboard; looks into jobs; measures. Prints what does not hold and fails. Usage: npm run build && npm run walk
import { spawn } from "node:child_process";
import { chromium } from "playwright-core";
import { narrow, observe, shortcuts, without } from "./walk/observe.mjs";
import { firstPaint, many } from "./walk/speed.mjs";

const port = 8098;
const base = `http://127.0.0.1:${port}`;
const start = () => spawn(process.execPath, ["dev/mock.mjs"], { env: { ...process.env, PORT: String(port) }, stdio: "ignore" });
async function up() {
  for (let i = 0; i < 100; i++) {
    if (await fetch(`${base}/config`).then((r) => r.ok).catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the mock server does not start");
}
let failures = 0;
function check(what, holds) {
  if (!holds) failures++;
  console.log(`${holds ? "ok  " : "FAIL"} ${what}`);
}

let server = start();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  await up();
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(8000);
  let lost = false;
  page.on("console", (m) => m.type() === "error" && !lost && !m.text().startsWith("Failed to load resource") && check(`no console error: ${m.text()}`, false));
  page.on("pageerror", (e) => check(`no page error: ${e.stack}`, false));
  const visible = (locator) => locator.first().waitFor().then(() => true, () => false);

  /** Waits until there are exactly this many. */
  const counts = async (locator, n) => {
    const deadline = Date.now() + 8000;
    while ((await locator.count()) !== n) {
      if (Date.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return true;
  };

  const tools = { page, base, check, visible, counts };
  await firstPaint(tools);
  await observe(tools);
  await shortcuts(tools);
  await without(tools);
  await narrow(tools);
  // What was taken, stopped and rescaled until here must not be in the way of what follows.
  server.kill();
  server = start();
  await up();

  await page.goto("about:blank");
  await page.goto(base);
  check("the overview lists jobs", await visible(page.getByRole("link", { name: "word-count" })));
  check("throughput is measured", await visible(page.getByText("records/s")));
  await page.keyboard.press("Tab");
  check("the first Tab reaches the skip link", await page.evaluate(() => document.activeElement?.className === "skip-link"));
  await page.keyboard.press("Enter");
  check("the skip link leads to the content", await page.evaluate(() => document.activeElement?.id === "main" && location.hash === ""));

  await page.getByRole("link", { name: "Jobs", exact: true }).click();
  await page.getByRole("searchbox").fill("orders");
  check("search filters and stands in the address", (await counts(page.getByRole("row"), 3)) && page.url().endsWith("?q=orders"));
  await page.getByRole("button", { name: /^Failed/ }).click();
  check("the state filter adds to it", await counts(page.getByRole("row"), 2));
  await page.reload();
  check("a reload keeps both", await visible(page.getByRole("link", { name: "orders-backfill" })) && (await page.getByRole("row").count()) === 2);
  await page.getByRole("link", { name: "orders-backfill" }).click();
  check("a failed job shows its root cause first", await visible(page.locator(".failure-headline", { hasText: 'cannot parse "1e9x"' })));
  check("its title says so", (await page.title()).startsWith("FAILED"));

  await page.goto(`${base}/#/jobs`);
  await page.getByRole("link", { name: "orders-hourly" }).click();
  check("a restarting job says how often it was restarted", (await visible(page.locator(".job-head .facts > div", { hasText: /^Restarts\s*2/ }))) && (await visible(page.locator(".failure-kicker", { hasText: "2 restarts" }))));
  check("nothing can be taken of it meanwhile", await page.getByRole("button", { name: "Savepoint" }).isDisabled());
  await page.getByRole("link", { name: /^Exceptions/ }).click();
  await page.getByText("All 2 times").click();
  check("repeats are one failure with all its times and places", (await page.locator(".occurrences li").count()) === 2);
  await page.getByText("1 more at the same time").click();
  check("failures at the same time are folded into their cause", await visible(page.locator(".exception-concurrent", { hasText: "connection reset" })));
  await page.getByRole("link", { name: "Graph", exact: true }).click();
  await page.getByRole("button", { name: /^count words,/ }).click();
  await page.getByRole("button", { name: /earlier attempts of subtask 2/ }).click();
  check("earlier attempts of a subtask are shown", await counts(page.getByRole("table", { name: "Earlier attempts" }).getByRole("row"), 3));

  await page.goto(`${base}/#/jobs`);
  await page.getByRole("link", { name: "fraud-detection" }).first().click();
  const job = page.url();
  check("the last checkpoint stands in the header", await visible(page.locator(".facts", { hasText: "Last checkpoint" })));
  await page.getByRole("link", { name: "Checkpoints", exact: true }).click();
  const history = page.getByRole("table", { name: "Checkpoints", exact: true });
  check("checkpoints are listed", await counts(history.getByRole("row"), 11));
  await history.getByRole("button", { name: /^#/ }).nth(2).focus();
  await page.keyboard.press("Enter");
  check("one opens by keyboard and stands in the address", await visible(page.getByRole("table", { name: /by vertex/ })) && /checkpoint=\d+/.test(page.url()));
  await page.getByRole("button", { name: "session per account" }).click();
  check("down to its subtasks", await counts(page.getByRole("table", { name: "Subtasks of session per account" }).getByRole("row"), 5));
  check("its trend is drawn", (await page.locator(".chart canvas").count()) === 2);
  check("its summary has percentiles", await visible(page.getByRole("columnheader", { name: "p99.9" })));

  await page.getByRole("button", { name: "Savepoint" }).click();
  const dialog = page.getByRole("dialog");
  check("a savepoint asks, with the harmless answer focused", await page.evaluate(() => document.activeElement?.textContent === "Not now"));
  await dialog.getByLabel("Target directory").fill("/full");
  await dialog.getByRole("button", { name: "Take savepoint" }).click();
  check("its progress is shown", await visible(page.locator(".operation-running", { hasText: "Taking a savepoint" })));
  check("and its failure, root cause first", await visible(page.locator(".operation-failed p.pre", { hasText: /^no space left on device$/ })));
  await page.getByRole("button", { name: "Dismiss" }).click();
  check("a failure can be put away", (await page.locator(".operation").count()) === 0);
  await page.getByRole("button", { name: "Savepoint" }).click();
  await dialog.getByLabel("Target directory").fill("file:///sp");
  await dialog.getByRole("button", { name: "Take savepoint" }).click();
  await page.goto(`${base}/#/jobs`);
  await page.goto(job);
  check("its path is shown, although the page was left", await visible(page.locator(".operation-done code", { hasText: "file:///sp/savepoint-" })));
  await page.locator(".job-actions").getByRole("button", { name: "Checkpoint" }).click();
  await dialog.getByRole("button", { name: "Take checkpoint" }).click();
  check("a checkpoint is taken on request", await visible(page.locator(".operation-done", { hasText: /Checkpoint taken: #\d+/ })));
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  check("draining is no default", !(await dialog.getByRole("checkbox").isChecked()) && (await dialog.getByRole("alert").count()) === 0);
  await dialog.getByRole("checkbox").check();
  check("draining warns", await visible(dialog.getByRole("alert").filter({ hasText: "wrong results" })));
  await dialog.getByRole("button", { name: "Stop job" }).click();
  check("the job stops with a savepoint", await visible(page.locator(".operation-done", { hasText: "Stopped with a savepoint" })) && await visible(page.locator(".chip-large", { hasText: "FINISHED" })));
  check("nothing can be done to an ended job", (await page.locator(".job-actions button").count()) === 0);
  await page.locator(".operation-done", { hasText: "Stopped" }).getByRole("link", { name: "Run from here" }).click();
  const form = page.locator(".artifact-open", { hasText: "fraud-detection" });
  check("a job can begin from it, with the same arguments", (await form.getByLabel("Savepoint path").inputValue()).startsWith("file:///var/lib/flott/savepoints/savepoint-") && (await form.getByLabel("Arguments").inputValue()) === '--input "/data/in coming"');
  await form.getByLabel("Claim mode").selectOption("CLAIM");
  await form.getByRole("checkbox").check();
  const sent = page.waitForRequest((request) => request.url().endsWith("/run"));
  await form.getByRole("button", { name: "Run" }).click();
  const { claimMode, allowNonRestoredState } = (await sent).postDataJSON();
  check("how to restore is sent as it was chosen", claimMode === "CLAIM" && allowNonRestoredState === true);
  check("the new job says from where it began", await visible(page.locator(".facts", { hasText: "Begun from" })));

  await page.goto(`${base}/#/jobs`);
  await page.getByRole("link", { name: "word-count" }).first().click();
  await page.getByRole("link", { name: "Checkpoints", exact: true }).click();
  check("a job without checkpoints says how to have them", await visible(page.getByText("execution.checkpointing.interval: 10 s")));
  await page.getByRole("link", { name: "Graph", exact: true }).click();
  await page.getByRole("button", { name: /^count words, running/ }).focus();
  await page.keyboard.press("Enter");
  check("a vertex opens by keyboard", await visible(page.getByRole("table", { name: "Subtasks" })));
  check("subtasks name their hosts", await visible(page.getByRole("link", { name: "worker-2.local:41873" })));
  check("throughput is drawn", await visible(page.locator(".chart canvas")));
  const before = await page.locator(".flow-records").allTextContents();
  await page.waitForTimeout(2500);
  check("numbers move by themselves", JSON.stringify(before) !== JSON.stringify(await page.locator(".flow-records").allTextContents()));

  await page.getByRole("button", { name: "Cancel job" }).click();
  await page.getByRole("dialog").waitFor();
  check("canceling asks, with the harmless answer focused", await page.evaluate(() => document.activeElement?.textContent === "Keep it running"));
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  check("Escape closes the question", true);
  check("the focus returns", await page.evaluate(() => document.activeElement?.textContent === "Cancel job"));
  await page.getByRole("button", { name: "Cancel job" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel job" }).click();
  check("the job is canceling", await visible(page.locator(".chip-large", { hasText: "CANCELLING" })));
  check("then canceled, without reloading", await visible(page.locator(".chip-large", { hasText: "CANCELED" })));

  await page.goto(`${base}/#/submit`);
  await page.setInputFiles("input[type=file]", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
  check("a wrong file is refused with the server's words", await visible(page.getByText("it is a text file")));
  await page.setInputFiles("input[type=file]", { name: "my-job", mimeType: "application/octet-stream", buffer: Buffer.alloc(3_000_000, 1) });
  check("an upload opens its form", await visible(page.locator(".artifact-open", { hasText: "my-job" })));
  check("an accepted upload clears the error", (await page.getByText("it is a text file").count()) === 0);
  await page.getByLabel("Parallelism").fill("none");
  await page.getByRole("button", { name: "Run" }).click();
  check("a wrong parallelism is named", await visible(page.getByText("Give a whole number")));
  await page.getByLabel("Parallelism").fill("3");
  await page.getByRole("button", { name: "Show plan" }).click();
  check("the plan is drawn", await visible(page.locator(".plan .node")));
  await page.getByRole("button", { name: "Run" }).click();
  check("running leads to the job", await visible(page.locator(".chip-large", { hasText: "RUNNING" })));
  await page.goto(`${base}/#/submit`);
  await page.getByRole("button", { name: "broken-job", exact: true }).click();
  await page.getByRole("button", { name: "Run" }).click();
  check("a job that cannot be planned shows all texts", await visible(page.getByText("main exited with code 2")) && await visible(page.getByText("a similar argument exists")));
  await page.getByRole("button", { name: "Delete my-job" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "my-job", exact: true }).waitFor({ state: "detached" });
  check("a deleted artifact is gone", true);

  await page.goto(`${base}/#/jobmanager/log`);
  await page.getByRole("combobox", { name: "Least level" }).selectOption("WARN");
  await page.getByRole("searchbox").fill("reset by peer");
  check("the log filters and marks", await visible(page.locator(".log mark")) && (await page.locator(".log .level-info").count()) === 0);
  await page.getByRole("combobox", { name: "Least level" }).selectOption("");
  await page.getByRole("searchbox").fill("");
  const end = () => page.locator(".log-number").last().textContent();
  const last = Number(await end());
  await page.waitForTimeout(2600);
  check("the log follows", Number(await end()) > last);
  await page.locator(".log").evaluate((log) => { log.scrollTop = 0; });
  await page.waitForTimeout(1500);
  check("scrolling up stops following", !(await page.getByLabel("Follow").isChecked()) && (await page.locator(".log-number").first().textContent()) === "1");

  await page.goto(`${base}/#/overview`);
  await page.getByRole("link", { name: "fraud-detection" }).first().waitFor();
  lost = true;
  server.kill();
  check("a lost connection is said once", await visible(page.getByText("Connection lost, retrying")) && (await page.locator(".banner, .notice").count()) === 1);
  check("what was there stays", await visible(page.getByRole("link", { name: "fraud-detection" })));
  server = start();
  await up();
  await page.locator(".banner").waitFor({ state: "detached" });
  check("and the page recovers by itself", true);
  lost = false;

  await page.goto(`${base}/#/jobmanager`);
  check("one JobManager says whether its jobs survive it", await visible(page.getByText("Its jobs survive it, in /var/lib/flott/ha")));
  const pretend = (as) => fetch(`${base}/pretend/leadership?as=${as}`, { method: "POST" });
  const tag = page.locator(".topbar").getByRole("link", { name: "standby" });
  check("it has no tag", (await tag.count()) === 0);
  lost = true; // of the answers that are refused
  await pretend("standby");
  check("a standby is tagged", await visible(tag));
  // The configuration, which tells that there are several, is asked for less often.
  await page.reload();
  check("a standby says so, and links to the leader", await visible(page.locator(".leadership .chip", { hasText: "STANDBY" })) && (await page.getByRole("link", { name: "jm-8081.local:8081" }).getAttribute("href")) === "http://jm-8081.local:8081/#/jobmanager");
  check("what it means is said", await visible(page.getByText("this dashboard shows the leader's data")));
  check("a standby has no banner", (await page.locator(".banner").count()) === 0);
  await pretend("suspended");
  check("a suspended one says so on every page", await visible(page.locator(".banner", { hasText: "can't reach etcd in time" })));
  await pretend("leading");
  await page.locator(".banner").waitFor({ state: "detached" });
  check("and no more when it leads again", await visible(page.locator(".leadership .chip", { hasText: "LEADING" })));
  await page.goto(`${base}/#/overview`);
  await page.getByRole("link", { name: "fraud-detection" }).first().waitFor();
  await pretend("unreachable");
  check("a leader that is silent is named", await visible(page.locator(".banner", { hasText: "jm-8081.local:8081, does not answer" })));
  const flicker = await page.evaluate(async () => {
    for (let i = 0; i < 40; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (!document.querySelector(".banner")) return true;
    }
    return false;
  });
  check("steadily", !flicker);
  await pretend("none");
  check("that nobody leads is said once", await visible(page.locator(".banner", { hasText: "No JobManager leads just now" })) && (await page.locator(".banner, .notice").count()) === 1);
  check("what was there stays without a leader", await visible(page.getByRole("link", { name: "fraud-detection" })));
  const missed = page.waitForResponse((response) => response.url().endsWith("/jobs/overview") && response.ok());
  await pretend("alone");
  await page.locator(".banner").waitFor({ state: "detached" });
  await missed;
  check("and requests resume by themselves", true);
  lost = false;

  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await page.getByRole("button", { name: "Use dark colors" }).click();
  await page.reload();
  check("the theme is remembered", (await theme()) === "dark");
  await page.getByRole("button", { name: "Use light colors" }).click();
  check("and can be taken back", (await theme()) === "light");
  await many(tools);
} finally {
  await browser.close();
  server.kill();
}
process.exit(failures === 0 ? 0 : 1);
