// How quick the dashboard is: its first paint, and that it stays smooth with many wide jobs.

const FIRST_PAINT_MS = 200;
/** What the browser itself calls a long task. */
const LONG_TASK_MS = 50;
const LOADS = 5;
const WATCHED_MS = 6000;

/** Loads the page some times; the best counts, since other processes may take the machine meanwhile. */
export async function firstPaint({ page, base, check }) {
  const times = [];
  for (let i = 0; i < LOADS; i++) {
    await page.goto("about:blank");
    await page.goto(`${base}/#/overview`);
    times.push(await page.evaluate(() => new Promise((done) => {
      const found = performance.getEntriesByName("first-contentful-paint")[0];
      if (found) return done(found.startTime);
      new PerformanceObserver((list, observer) => {
        const entry = list.getEntriesByName("first-contentful-paint")[0];
        if (!entry) return;
        observer.disconnect();
        done(entry.startTime);
      }).observe({ type: "paint", buffered: true });
    })));
  }
  console.log(`     first paint after ${times.map((time) => `${Math.round(time)}`).join(", ")} ms`);
  check(`the first paint comes within ${FIRST_PAINT_MS} ms`, Math.min(...times) < FIRST_PAINT_MS);
}

/** Twenty jobs of two hundred subtasks: no page may hold the browser up while it polls. */
export async function many({ page, base, check }) {
  await fetch(`${base}/pretend/many?jobs=20`, { method: "POST" });
  const { jobs } = await (await fetch(`${base}/jobs/overview`)).json();
  const { vertices } = await (await fetch(`${base}/jobs/${jobs.find(({ name }) => name === "clicks-1").jid}`)).json();
  const job = `#/jobs/${jobs.find(({ name }) => name === "clicks-1").jid}`;
  const widest = vertices.find(({ parallelism }) => parallelism === 200).id;
  const pages = {
    overview: "#/overview",
    jobs: "#/jobs",
    job,
    "two hundred subtasks": `${job}?vertex=${widest}`,
    backpressure: `${job}?vertex=${widest}&view=backpressure`,
    metrics: `${job}/metrics`,
    timeline: `${job}/timeline`,
    log: "#/jobmanager/log",
  };
  for (const [name, hash] of Object.entries(pages)) {
    await page.goto("about:blank");
    await page.goto(`${base}/${hash}`);
    await page.locator("main").locator("table, .chart, .log-line, .timeline-vertex").first().waitFor();
    if (name === "timeline") await page.locator("button.timeline-name").nth(1).click();
    await page.waitForTimeout(1500);
    const loading = await page.evaluate(() => new Promise((done) => {
      new PerformanceObserver((list) => done(Math.round(Math.max(...list.getEntries().map((entry) => entry.duration))))).observe({ type: "longtask", buffered: true });
      setTimeout(() => done(0), 300);
    }));
    const tasks = await page.evaluate((ms) => new Promise((done) => {
      const found = [];
      const observer = new PerformanceObserver((list) => found.push(...list.getEntries().map((entry) => entry.duration)));
      observer.observe({ type: "longtask" });
      setTimeout(() => {
        observer.disconnect();
        done(found);
      }, ms);
    }), WATCHED_MS);
    const longest = Math.round(Math.max(0, ...tasks));
    console.log(`     ${name}: ${tasks.length} tasks over ${LONG_TASK_MS} ms${longest > 0 ? `, the longest ${longest} ms` : ""}; the longest while loading: ${loading || `under ${LONG_TASK_MS}`} ms`);
    check(`${name} stays smooth with many wide jobs`, tasks.length === 0);
  }
}
