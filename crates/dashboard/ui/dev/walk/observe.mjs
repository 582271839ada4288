// What a user does to look into a job and its processes: metrics, vertices, logs, threads, profiles, rescaling.

export async function observe({ page, base, check, visible, counts }) {
  const jobs = (await (await fetch(`${base}/jobs/overview`)).json()).jobs;
  const idOf = (name, state = "RUNNING") => jobs.find((job) => job.name === name && job.state === state).jid;
  const wordCount = `${base}/#/jobs/${idOf("word-count")}`;
  const fraud = `${base}/#/jobs/${idOf("fraud-detection")}`;

  await page.goto(`${base}/#/overview`);
  check("the overview shows CPU and memory", await visible(page.locator(".tile-part", { hasText: /CPU\s*\d+%/ })));
  check("running jobs show their throughput", await visible(page.getByRole("row", { name: /fraud-detection/ }).locator(".rate-value")));
  await page.getByRole("searchbox").fill("fraud");
  check("the overview's search finds jobs", await counts(page.getByRole("table", { name: "Running jobs" }).getByRole("row"), 2));

  await page.goto(fraud);
  check("a job opens with its last hour", await counts(page.locator(".chart-cell canvas"), 6));
  await page.getByRole("button", { name: "15 m" }).click();
  await page.reload();
  check("the shown time is remembered", await visible(page.locator('button[aria-pressed="true"]', { hasText: "15 m" })));
  await page.getByRole("button", { name: "1 h", exact: true }).click();
  const before = await page.locator(".chart-cell .legend strong").allTextContents();
  await page.waitForTimeout(6000);
  check("and goes on by itself", JSON.stringify(before) !== JSON.stringify(await page.locator(".chart-cell .legend strong").allTextContents()));

  await page.getByRole("link", { name: "Metrics", exact: true }).click();
  check("metrics begin with what goes through the vertices", await counts(page.locator(".metric-card canvas"), 4));
  await page.getByRole("button", { name: "Add metrics" }).click();
  check("the search of metrics has the focus", await page.evaluate(() => document.activeElement?.getAttribute("type") === "search"));
  await page.getByRole("searchbox").fill("too late");
  await page.getByRole("button", { name: /numLateRecordsDropped/ }).first().click();
  await page.getByRole("searchbox").fill("");
  await page.keyboard.press("Escape");
  check("a metric is found by its meaning, and added", (await counts(page.locator(".metric-card"), 5)) && (await page.locator(".metric-picker").count()) === 0);
  await page.getByLabel("What to show of session per account.numLateRecordsDropped", { exact: true }).first().selectOption("subtask");
  await page.getByLabel("Which subtask of session per account.numLateRecordsDropped").fill("1");
  check("a subtask is measured from now on", await visible(page.locator(".metric-card", { hasText: "Subtask 1" }).locator("canvas")));
  await page.reload();
  check("the choice is remembered", (await counts(page.locator(".metric-card"), 5)) && (await page.getByLabel("Which subtask of session per account.numLateRecordsDropped").inputValue()) === "1");
  await page.getByRole("button", { name: /^Remove session per account.numLate/ }).click();
  check("and can be taken back", await counts(page.locator(".metric-card"), 4));
  await page.getByRole("button", { name: "Begin anew" }).click();

  await page.goto(wordCount);
  check("the bottleneck is said", await visible(page.locator(".bottleneck", { hasText: "count words limits this job" })));
  await page.getByRole("button", { name: /^count words, running/ }).click();
  check("skew is said in words", await visible(page.locator(".skew", { hasText: "Somewhat uneven: subtask 0 receives the most" })));
  await page.getByRole("button", { name: "Backpressure", exact: true }).click();
  check("so is backpressure", (await visible(page.getByText("Nothing holds it up"))) && /view=backpressure/.test(page.url()));
  await page.getByRole("button", { name: "Flame graph" }).click();
  check("a flame graph says that it waits for samples", await visible(page.getByText("Taking the first samples")));
  const frame = page.getByRole("button", { name: /^orders::parse_amount/ });
  check("then shows them", await visible(frame));
  await page.getByRole("button", { name: /^root, 100%/ }).focus();
  for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown"]) await page.keyboard.press(key);
  check("it is walked by arrow keys", await page.evaluate(() => document.activeElement?.textContent === "orders::parse_amount"));
  await page.keyboard.press("Enter");
  check("a frame fills the width", await page.evaluate(() => document.activeElement?.style.width === "100%"));
  await page.keyboard.press("Escape");
  check("Escape shows all again, and closes nothing else", (await visible(page.getByRole("button", { name: /^orders::Order::normalize/ }))) && (await page.locator(".vertex-panel").count()) === 1);
  await page.getByLabel("Search frames").fill("dec2flt");
  check("frames are found, with their share", await visible(page.getByText(/\d+% of samples/)));
  await page.getByRole("button", { name: "Off-CPU" }).click();
  check("waiting has a graph of its own", await visible(page.getByRole("button", { name: /^waiting for input/ })));
  await page.getByRole("button", { name: "Accumulators" }).click();
  await page.locator("main").click({ position: { x: 5, y: 5 } });
  await page.keyboard.press("Escape");
  await page.locator(".vertex-panel").waitFor({ state: "detached" });
  check("Escape closes a vertex", true);
  await page.getByRole("button", { name: /^Source: lines/ }).first().click();
  await page.getByRole("button", { name: "Accumulators" }).click();
  await page.getByRole("button", { name: "malformed lines" }).click();
  check("accumulators open by subtask", await counts(page.getByRole("table", { name: "malformed lines by subtask" }).getByRole("row"), 5));

  await page.getByRole("link", { name: "Logs", exact: true }).click();
  check("a job has one log of all its processes", (await visible(page.locator(".log-tag", { hasText: "jobmanager" }))) && (await visible(page.locator(".log-tag", { hasText: "worker-1" }))));
  await page.getByRole("combobox", { name: "Least level" }).selectOption("ERROR");
  check("its levels are filtered by the server", await visible(page.locator(".log .level-error")) && (await page.locator(".log .level-info").count()) === 0);
  await page.getByRole("combobox", { name: "Least level" }).selectOption("");
  await page.getByRole("searchbox").fill("task is running");
  check("searched, too", await visible(page.locator(".log mark")));
  await page.locator(".log").evaluate((log) => { log.scrollTop = 0; });
  const top = await page.locator(".log-text").first().textContent();
  await page.waitForTimeout(3000);
  check("reading up there is not disturbed", (await page.locator(".log-text").first().textContent()) === top);
  await page.getByRole("button", { name: "Jump to the end" }).click();
  check("the end is a click away", await page.getByLabel("Follow").isChecked());

  const tm = (await (await fetch(`${base}/taskmanagers`)).json()).taskmanagers[0].id;
  await page.goto(`${base}/#/taskmanagers/${encodeURIComponent(tm)}`);
  check("a TaskManager shows its last hour", await counts(page.locator(".chart-cell canvas"), 2));
  await page.getByRole("link", { name: "Log", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Level: info" }).click();
  await dialog.getByLabel("Filter").fill("loud");
  await dialog.getByRole("button", { name: "Change level" }).click();
  check("a bad filter is refused with the server's words", await visible(dialog.getByText('"loud" is not a filter')));
  await dialog.getByRole("button", { name: "debug" }).click();
  await dialog.getByRole("button", { name: "Change level" }).click();
  check("the level changes", await visible(page.getByRole("button", { name: "Level: debug" })));
  await page.getByRole("link", { name: "Threads" }).click();
  check("threads are listed", await visible(page.locator(".thread", { hasText: "slot-0" })));
  await page.getByRole("searchbox").fill("count words (2/4)");
  check("and found by what they run", await counts(page.locator(".thread"), 1));
  await page.getByRole("link", { name: "Profiler" }).click();
  await page.getByLabel("Seconds").fill("1");
  await page.getByRole("button", { name: "Take profile" }).click();
  check("a profile is taken", await visible(page.getByRole("link", { name: /^profile-.*html$/ })));

  await page.getByRole("table", { name: "Profiles" }).locator(".twist-button").first().click();
  check("and drawn", await visible(page.getByRole("button", { name: /^orders::parse_amount/ })));

  await page.goto(fraud);
  await page.getByRole("button", { name: "Rescale" }).click();
  check("rescaling asks, with the harmless answer focused", await page.evaluate(() => document.activeElement?.textContent === "Keep it as it is"));
  const wished = dialog.getByLabel("Parallelism of Source: transactions");
  await wished.fill("999");
  check("a parallelism that can't be is named", await visible(dialog.getByText("Give a whole number from 1 to 128.")) && (await dialog.getByRole("button", { name: "Rescale job" }).isDisabled()));
  await wished.fill("6");
  check("slots are reckoned", await visible(dialog.getByText(/Needs 6 slots, holds 4/)));
  await dialog.getByRole("button", { name: "Rescale job" }).click();
  check("its progress is shown", await visible(page.locator(".operation-running", { hasText: "Rescaling" })));
  check("and its end", await visible(page.locator(".operation-done", { hasText: "Rescaled in" })));
  check("the graph has the new parallelism", await visible(page.locator(".node", { hasText: "Source: transactions" }).getByText("×6")));
  await page.getByRole("button", { name: "Dismiss" }).click();
  await page.getByRole("link", { name: "Timeline" }).click();
  const rescales = page.getByRole("table", { name: "Rescales" });
  check("it stands in the timeline", await counts(rescales.getByRole("row"), 3));
  await rescales.locator(".twist-button").first().click();
  check("with what changed", await visible(page.getByRole("table", { name: "Parallelism by vertex" }).getByRole("cell", { name: "6" })));

  await page.goto(`${base}/#/jobs/${idOf("numbers", "FINISHED")}`);
  const again = page.getByRole("link", { name: "Run again" });
  check("a job whose program is gone cannot be run again", (await visible(page.locator(".chip-large"))) && (await again.count()) === 0);
  await page.goto(`${base}/#/jobs/${idOf("word-count", "FINISHED")}`);
  await again.click();
  check("one whose program is there can, with its arguments", (await page.locator(".artifact-open").getByLabel("Arguments").inputValue()) === '--input "/data/in coming"');
}

/** Keys that work everywhere. */
export async function shortcuts({ page, base, check, visible }) {
  await page.goto(`${base}/#/overview`);
  await page.getByRole("link", { name: "fraud-detection" }).first().waitFor();
  await page.keyboard.press("?");
  check("? lists the shortcuts", await visible(page.getByRole("dialog").getByText("Keyboard shortcuts")));
  for (let i = 0; i < 4; i++) await page.keyboard.press("Tab");
  check("a dialog keeps the focus", await page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest("dialog") !== null));
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("j");
  await page.getByRole("heading", { name: "Jobs", exact: true }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("gj?");
  check("keys are text in a field", (await page.getByRole("searchbox").inputValue()) === "gj?" && (await page.getByRole("dialog").count()) === 0);
  await page.goto(`${base}/#/jobmanager`);
  await page.locator(".tabs").waitFor();
  await page.keyboard.press("]");
  await page.waitForURL(/#\/jobmanager\/environment$/);
  check("brackets change the tab", true);
}

/** A server that has none of what Flink's has not. */
export async function without({ page, base, check, visible }) {
  const pretend = (what) => fetch(`${base}/pretend/without?what=${what}`, { method: "POST" });
  await pretend("history,logs,loglevel,rescale,flamegraph,threads,profiler");
  const { jobs } = await (await fetch(`${base}/jobs/overview`)).json();
  const job = jobs.find(({ name, state }) => name === "word-count" && state === "RUNNING").jid;
  const errors = async () => (await page.locator(".notice-error").count()) === 0;
  await page.goto(`${base}/#/overview`);
  await page.reload();
  check("without a history the overview measures by itself", (await visible(page.locator(".tile", { hasText: /Throughput.*records\/s/ }))) && (await errors()));
  await page.goto(`${base}/#/jobs/${job}`);
  check("so does a job", (await visible(page.getByRole("heading", { name: "Throughput" }))) && (await visible(page.locator(".chart canvas"))) && (await errors()));
  check("it can't be rescaled", (await page.getByRole("button", { name: "Rescale" }).count()) === 0);
  await page.goto(`${base}/#/jobs/${job}/metrics`);
  check("metrics are measured while they are looked at", (await visible(page.locator(".metric-card canvas"))) && (await errors()));
  await page.goto(`${base}/#/jobs/${job}/logs`);
  check("there is no log by job", (await visible(page.getByText("This server has no log by job"))) && (await page.getByRole("link", { name: "Logs", exact: true }).count()) === 0);
  await page.goto(`${base}/#/jobmanager/threads`);
  check("there are no threads", (await visible(page.getByText("This server shows no threads"))) && (await errors()));
  const tm = (await (await fetch(`${base}/taskmanagers`)).json()).taskmanagers[0].id;
  await page.goto(`${base}/#/taskmanagers/${encodeURIComponent(tm)}/profiler`);
  check("and no profiles", (await visible(page.getByText("This server takes no profiles"))) && (await errors()));
  await page.goto(`${base}/#/jobmanager/log`);
  check("and no level", (await visible(page.locator(".log-line"))) && (await page.getByRole("button", { name: /^Level/ }).count()) === 0);
  await pretend("");
}

/** At 400 px no page is wider than the window, whatever the numbers on it are. */
export async function narrow({ page, base, check, visible }) {
  const { jobs } = await (await fetch(`${base}/jobs/overview`)).json();
  await page.setViewportSize({ width: 400, height: 800 });
  const wide = [];
  for (const { jid, name, state } of jobs) {
    for (const tab of ["", "/metrics", "/timeline", "/checkpoints", "/exceptions", "/logs", "/configuration"]) {
      await page.goto(`${base}/#/jobs/${jid}${tab}`);
      await visible(page.locator(".tabs"));
      await visible(page.locator(".card"));
      for (const button of await page.locator("button.timeline-name").all()) await button.click();
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 0) wide.push(`${name} ${state}${tab}: ${over} px`);
    }
  }
  check(`no page of a job is wider than a phone${wide.map((text) => `\n       ${text}`).join("")}`, wide.length === 0);
  await page.setViewportSize({ width: 1280, height: 900 });
}
