// Everything by keyboard: each action of a job is reached, opens, keeps the focus inside, and is left by Escape.

const DIALOGS = ["Checkpoint", "Savepoint", "Rescale", "Stop", "Cancel job"];
/** More than a dialog has controls. */
const TABS_IN_DIALOG = 14;
const TABS_ON_PAGE = 150;

export async function useKeyboard({ check, appears }, page, cluster, { recoverable }) {
  page.where = "keyboard";
  await page.goto("about:blank"); // a page that is loaded has the focus at its beginning
  await page.goto(`${cluster.base}/#/jobs/${recoverable.job}`);
  await page.locator(".node").first().waitFor();
  await page.locator(".job-actions button:not([disabled])", { hasText: "Rescale" }).waitFor();

  // From the top of the page, Tab reaches all that can be used, in view and marked.
  const reached = new Set();
  let marked = true;
  for (let i = 0; i < TABS_ON_PAGE; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return { name: element.getAttribute("aria-label") || element.textContent.trim(), marked: outlineStyle !== "none" && outlineWidth !== "0px" };
    });
    if (at === null) break;
    marked &&= at.marked;
    reached.add(at.name);
  }
  const parts = ["Skip to content", "Overview", "Graph", "Checkpoints", "Logs", "Fit the graph", "What to show", "More metrics", ...DIALOGS];
  const missed = parts.filter((part) => ![...reached].some((name) => name.startsWith(part)));
  check("Tab reaches every part of a job's page", missed.length === 0, missed.join(", "));
  check("the focus is always marked", marked);
  check("and the vertices", [...reached].some((name) => name.includes("parallelism 2")), [...reached].join(" | "));

  const dialog = page.getByRole("dialog");
  for (const name of DIALOGS) {
    page.where = `dialog ${name} by keyboard`;
    const button = page.locator(".job-actions").getByRole("button", { name, exact: true });
    await button.focus();
    await page.keyboard.press("Enter");
    check(`Enter opens ${name}`, await appears(dialog));
    let inside = true;
    for (let i = 0; i < TABS_IN_DIALOG; i++) {
      await page.keyboard.press("Tab");
      inside &&= await page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest("dialog") !== null);
    }
    check(`the focus stays in ${name}`, inside);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    check(`Escape leaves ${name}, back to its button`, await page.evaluate((text) => document.activeElement?.textContent?.trim() === text, name));
  }
  check("nothing was done", (await cluster.api.state(recoverable.job)) === "RUNNING");
}
