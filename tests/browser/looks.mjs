// What nobody sees at once: text that is hard to read, controls without a name, and pages that move while they load.

/** The least contrast of text, and of large text (WCAG 2.2, AA). */
const CONTRAST = 4.5;
const CONTRAST_OF_LARGE = 3;
/** What moves more than this while a page loads is in the way of who reads (the border of "good" in Core Web Vitals). */
const LAYOUT_SHIFT = 0.1;

/** From asking for the page to the first thing that is drawn, with nothing in the browser's cache. */
const FIRST_PAINT_MS = 200;
const LOADS = 5;

/** Loads the dashboard as one who was never there. The best of some times counts: the machine has other things to do. */
export async function firstPaint(check, browser, base) {
  const times = [];
  for (let i = 0; i < LOADS; i++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${base}/#/overview`);
    await page.locator(".tile").first().waitFor();
    times.push(await page.evaluate(() => Math.round(performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity)));
    await context.close();
  }
  check(`the first paint comes within ${FIRST_PAINT_MS} ms`, Math.min(...times) < FIRST_PAINT_MS, times.join(", "));
}

/** Counts what moves on a page from its first frame on. */
export async function watchShifts(page) {
  await page.addInitScript(() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput, sources } of list.getEntries()) {
        if (!hadRecentInput) window.shifts.push({ value, what: sources.map(({ node }) => node?.className || node?.nodeName).join(", ") });
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
}

/** Holds the page that is open against all of it. */
export async function judge(check, page, where) {
  const shifts = await page.evaluate(() => window.shifts ?? []);
  const moved = shifts.reduce((sum, { value }) => sum + value, 0);
  check(`${where}: stands still while it loads`, moved < LAYOUT_SHIFT, `${moved.toFixed(3)}: ${shifts.map(({ value, what }) => `${value.toFixed(3)} ${what}`).join("; ")}`);
  const pale = await page.evaluate(paleTexts, { least: CONTRAST, ofLarge: CONTRAST_OF_LARGE });
  check(`${where}: all text has contrast`, pale.length === 0, pale.slice(0, 5).join("; "));
  const unnamed = await page.evaluate(() =>
    [...document.querySelectorAll("button, a[href], input, select")]
      .filter((control) => control.checkVisibility() && !(control.getAttribute("aria-label") || control.textContent.trim() || control.labels?.length))
      .map((control) => control.outerHTML.slice(0, 100)),
  );
  check(`${where}: every control has a name`, unnamed.length === 0, unnamed.join("; "));
}

/** Runs in the page: visible texts with too little contrast to what is behind them. */
function paleTexts({ least, ofLarge }) {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const read = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return { rgb: [r, g, b], alpha: alpha / 255 };
  };
  const over = (front, back) => front.rgb.map((value, i) => value * front.alpha + back[i] * (1 - front.alpha));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const color = read(getComputedStyle(at).backgroundColor);
      if (color.alpha > 0) layers.push(color);
      if (color.alpha === 1) break;
    }
    return layers.reduceRight((back, layer) => over(layer, back), [255, 255, 255]);
  };
  const opacity = (element) => {
    let all = 1;
    for (let at = element; at; at = at.parentElement) all *= Number(getComputedStyle(at).opacity);
    return all;
  };
  const found = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const element = text.parentElement;
    if (text.data.trim() === "" || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    // What cannot be used is exempt; drawings and lists that the browser draws have rules of their own.
    if (element.closest("[disabled], option, svg, .visually-hidden")) continue;
    const style = getComputedStyle(element);
    const back = ground(element);
    const color = read(style.color);
    const [light, dark] = [luminance(over({ ...color, alpha: color.alpha * opacity(element) }, back)), luminance(back)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? ofLarge : least)) found.add(`${ratio.toFixed(2)} .${element.className} "${text.data.trim().slice(0, 30)}"`);
  }
  return [...found];
}
