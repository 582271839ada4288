// What a user does to look into jobs and processes: history, metrics, vertices, logs, levels, threads, profiles, rescaling, and
// starting an ended job again.

/** Sampling starts when the first one asks, so the first samples take a while. */
const SAMPLING_MS = 30_000;
/** A job that takes checkpoints every two seconds waits for the next one before it is rescaled. */
const RESCALING_MS = 60_000;

/** The last hour of a job, and metrics that the viewer picks. */
export async function lookAtMetrics({ check, appears }, page, cluster, { running, vertex }) {
  page.where = "history";
  await page.goto(`${cluster.base}/#/jobs/${running}`);
  const charts = page.locator(".chart-cell canvas");
  check("a job opens with what the server remembers", (await appears(charts.nth(1))) && (await appears(page.locator(".legend-item", { hasText: /In.*\/s/ }))));
  await page.getByLabel("What to show").selectOption(vertex);
  check("a vertex has its own", await appears(page.locator(".chart-cell", { hasText: "Load of the busiest subtask" })));
  await page.goto(`${cluster.base}/#/overview`);
  check("the overview shows the load of the cluster", await appears(page.locator(".tile-part", { hasText: /CPU\s*<?\d+%/ })));
  check("and how fast each job is", await appears(page.getByRole("row", { name: /endless/ }).locator(".rate-value")));

  page.where = "metrics";
  await page.goto(`${cluster.base}/#/jobs/${running}/metrics`);
  check("metrics begin with what goes through the vertices", await appears(page.locator(".metric-card canvas")));
  const before = await page.locator(".metric-card").count();
  await page.getByRole("button", { name: "Add metrics" }).click();
  await page.getByRole("searchbox").fill("idle");
  await page.getByRole("button", { name: /idleTimeMsPerSecond/ }).first().click();
  await page.getByRole("button", { name: "Done" }).click();
  check("a metric is added", (await appears(page.locator(".metric-card").nth(before))) && (await page.locator(".metric-card").count()) === before + 1);
  await page.locator(".metric-card").nth(before).getByRole("combobox").selectOption("subtask");
  check("one subtask is measured from now on", await appears(page.locator(".metric-card", { hasText: "Subtask 0" }).locator("canvas")));
  await page.reload();
  check("the choice is remembered", (await appears(page.locator(".metric-card").nth(before))) && (await page.locator(".metric-card").nth(before).getByRole("combobox").inputValue()) === "subtask");
}

/** Each part of a vertex's panel, on a job that is held up by its sink. */
export async function lookIntoAVertex({ check, appears }, page, cluster, { backpressured }) {
  page.where = "bottleneck";
  await page.goto(`${cluster.base}/#/jobs/${backpressured.job}`);
  check("what limits a job is said", await appears(page.locator(".bottleneck", { hasText: "limits this job" })), await page.locator("main").innerText());
  check("a vertex that waits has the color of it", await appears(page.locator(".node-backpressured")));

  page.where = "vertex";
  await page.goto(`${cluster.base}/#/jobs/${backpressured.job}?vertex=${backpressured.source}`);
  const panel = page.locator(".vertex-panel");
  check("its subtasks are listed", await appears(panel.getByRole("table", { name: "Subtasks" }).getByRole("row").nth(2)));
  await panel.getByRole("button", { name: "TaskManagers" }).click();
  check("its TaskManagers, too", await appears(panel.getByRole("table", { name: "TaskManagers of the vertex" }).getByRole("row").nth(1)));
  await panel.getByRole("button", { name: "Backpressure" }).click();
  check("backpressure is said in words", await appears(panel.getByText(/subtasks wait/)));
  await panel.getByRole("button", { name: "State", exact: true }).click();
  check("its state is told, or what is missing for that", await appears(panel.getByText(/of state in|No checkpoint has completed/)));
  await panel.getByRole("button", { name: "Accumulators" }).click();
  check("accumulators are shown or known not to be there", await appears(panel.getByText(/No accumulator is registered|Value/)));
  await panel.getByRole("button", { name: "Flame graph" }).click();
  await panel.getByRole("button", { name: "Mixed" }).click();
  const frames = panel.locator(".flame");
  check("a flame graph is sampled", await frames.nth(1).waitFor({ timeout: SAMPLING_MS }).then(() => true, () => false), await panel.innerText());
  await frames.first().focus();
  await page.keyboard.press("ArrowDown");
  check("and walked by keyboard", (await page.evaluate(() => document.activeElement?.className ?? "")).includes("flame"));
  await page.keyboard.press("Enter");
  check("a frame is looked at alone", await appears(panel.getByRole("button", { name: "Show all" })));
  await page.keyboard.press("Escape");
  for (const type of ["On-CPU", "Off-CPU"]) {
    await panel.getByRole("button", { name: type }).click();
    check(`${type} answers`, await panel.locator(".flame").first().or(panel.getByText("No sample fell")).waitFor({ timeout: SAMPLING_MS }).then(() => true, () => false), await panel.innerText());
  }
  await panel.getByRole("button", { name: "Close the vertex" }).click();
  await panel.waitFor({ state: "detached" });
}

/** The log of a job over all daemons. */
export async function readLogs({ check, appears }, page, cluster, { recoverable }) {
  page.where = "logs of a job";
  await page.goto(`${cluster.base}/#/jobs/${recoverable.job}/logs`);
  check("a job has a log of its own", await appears(page.locator(".log-line")), await page.locator("main").innerText());
  check("it says who wrote what", await appears(page.locator(".log-tag", { hasText: "jobmanager" })));
  await page.getByRole("combobox", { name: "Least level" }).selectOption("INFO");
  await page.getByRole("searchbox").fill("state changed");
  check("the server searches in it", await appears(page.locator(".log mark")), await page.locator("main").innerText());
  await page.getByRole("searchbox").fill("no line has this text");
  check("and says when there is nothing", await appears(page.getByText("No line matches")));
}

/** Levels, threads and profiles of a TaskManager and of the JobManager. */
export async function lookAtProcesses({ check, appears }, page, cluster, { taskManager }) {
  const dialog = page.getByRole("dialog");
  for (const [name, place] of [["TaskManager", `#/taskmanagers/${encodeURIComponent(taskManager)}`], ["JobManager", "#/jobmanager"]]) {
    page.where = `${name}'s history`;
    await page.goto(`${cluster.base}/${place}`);
    check(`the ${name} shows CPU and memory`, await appears(page.locator(".chart-cell canvas").nth(1)));
    if (name === "TaskManager") check("and what each of its processes uses", await appears(page.getByRole("table", { name: "Task hosts" }).getByText(/^<?\d+%$/)));

    page.where = `${name}'s log level`;
    await page.goto(`${cluster.base}/${place}/log`);
    const level = page.getByRole("button", { name: /^Level:/ });
    check(`the ${name} tells its log level`, await appears(level));
    const filter = ((await level.textContent()) ?? "").replace(/^Level:\s*/, "");
    await level.click();
    page.expectMissing = true; // the refusal
    await dialog.getByLabel("Filter").fill("no such level");
    await dialog.getByRole("button", { name: "Change level" }).click();
    check("a filter that is none is refused with the reason", await appears(dialog.locator(".notice-error .pre")));
    page.expectMissing = false;
    await dialog.getByRole("button", { name: "debug", exact: true }).click();
    await dialog.getByRole("button", { name: "Change level" }).click();
    check(`the ${name}'s level changes`, await appears(page.getByRole("button", { name: "Level: debug" })));
    await level.click();
    await dialog.getByLabel("Filter").fill(filter);
    await dialog.getByRole("button", { name: "Change level" }).click();
    check("and back", await appears(page.getByRole("button", { name: `Level: ${filter}`, exact: true })));

    page.where = `${name}'s threads`;
    await page.goto(`${cluster.base}/${place}/threads`);
    check(`the ${name}'s threads are listed`, await appears(page.locator(".thread").nth(1)));
    await page.getByRole("button", { name: "Take again" }).click();
    check("and taken again", await appears(page.getByText(/threads, just now/)));

    page.where = `${name}'s profiler`;
    await page.goto(`${cluster.base}/${place}/profiler`);
    await page.getByLabel("Seconds").fill("2");
    await page.getByRole("button", { name: "Take profile" }).click();
    const result = page.getByRole("table", { name: "Profiles" }).getByRole("link");
    check(`a profile of the ${name} is taken`, await result.first().waitFor({ timeout: SAMPLING_MS }).then(() => true, () => false), await page.locator("main").innerText());
    const href = await result.first().getAttribute("href").catch(() => null);
    await page.getByRole("table", { name: "Profiles" }).locator(".twist-button").first().click();
    check("and drawn", await appears(page.locator(".flame, .empty-title", { hasText: /./ })), await page.locator("main").innerText());
    check("and its file is there", href !== null && (await fetch(new URL(href, cluster.base))).ok, String(href));
  }
}

/** Makes a job narrower and wider again. */
export async function rescaleAJob({ check, appears }, page, cluster, { recoverable }) {
  const { job } = recoverable;
  const widths = async () => (await cluster.api.json(`/jobs/${job}`)).vertices.map(({ parallelism }) => parallelism);
  const before = await widths();
  const widest = Math.max(...before);
  const dialog = page.getByRole("dialog");
  const done = page.locator(".operation-done", { hasText: "Rescaled in" });
  for (const wished of [1, widest]) {
    page.where = `rescale to ${wished}`;
    await page.goto(`${cluster.base}/#/jobs/${job}`);
    await page.getByRole("button", { name: "Rescale" }).click();
    await dialog.getByLabel("Parallelism of all vertices").fill(String(wished));
    await dialog.getByRole("button", { name: "Rescale job" }).click();
    check("the rescale is told to be under way, or done", await appears(page.locator(".operation", { hasText: "Rescal" })), await page.locator("main").innerText());
    check("and its end", await done.waitFor({ timeout: RESCALING_MS }).then(() => true, () => false), await page.locator("main").innerText());
    await cluster.api.reached(job, "RUNNING");
    check(`the job is ${wished} wide`, Math.max(...(await widths())) === wished, JSON.stringify(await widths()));
    await page.getByRole("button", { name: "Dismiss" }).click();
  }
  await page.goto(`${cluster.base}/#/jobs/${job}/timeline`);
  check("the timeline tells of it", await appears(page.getByRole("table", { name: "Rescales" }).getByText("update requirement").first()));
}

/** The way from an ended job to a new one with the same arguments. */
export async function runAgain({ check }, page, cluster, { finished }) {
  page.where = "run again";
  await page.goto(`${cluster.base}/#/jobs/${finished}`);
  await page.getByRole("link", { name: "Run again" }).click();
  const form = page.locator(".artifact-open");
  await form.waitFor();
  check("the form begins with what the job was started with", (await form.getByLabel("Arguments").inputValue()).includes("--input") && (await form.getByLabel("Parallelism").inputValue()) === "2");
}

/** Keys that work on every page. */
export async function useShortcuts({ check, appears }, page, cluster) {
  page.where = "shortcuts";
  await page.goto(`${cluster.base}/#/overview`);
  await page.locator(".tile").first().waitFor();
  await page.keyboard.press("?");
  check("? lists the shortcuts", await appears(page.getByRole("dialog").getByText("Keyboard shortcuts")));
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForURL(/#\/taskmanagers$/);
  const dark = () => page.evaluate(() => document.documentElement.dataset.theme);
  const before = await dark();
  await page.keyboard.press("d");
  check("d changes the colors", (await dark()) !== before);
  await page.keyboard.press("d");
}
