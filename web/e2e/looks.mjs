// A page for everybody: nothing for axe to find, nothing wider than the screen, in light and dark, from 360 to 2560 px.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What is wrong with these pages, by name; each is loaded once at its own address and then looked at in every way. */
export async function wrongWith(page, context, url, pages) {
  const session = await context.newCDPSession(page);
  const found = [];
  const settled = async () => {
    await page.waitForFunction(() => document.querySelector("main h1") && !document.querySelector(".bone"));
    await page.evaluate(() => document.fonts.ready.then(() => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))));
    // colours that are on their way from dark to light are no colours of the page
    await page.evaluate(() => Promise.all(document.getAnimations().filter((one) => one instanceof CSSTransition).map((one) => one.finished.catch(() => undefined))));
  };
  const tooWide = async (name, width) => {
    await page.setViewportSize({ width, height: 860 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) found.push(`${name} at ${width}: ${wide} px wider than the screen`);
    // what a step gave is read as it stands: a column that is out of sight would not be missed by anybody
    const cut = await page.evaluate(() => [...document.querySelectorAll(".step-body .table-box")].map((one) => one.scrollWidth - one.clientWidth).filter((over) => over > 0));
    if (cut.length) found.push(`${name} at ${width}: tables of results are cut off by ${cut.join(", ")} px`);
  };
  const axe = async (name, colorScheme, width) => {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height: 860 });
    await settled();
    const violations = await page.evaluate(async (runOnly) => {
      const { violations } = await window.axe.run(document, { runOnly, resultTypes: ["violations"] });
      return violations.flatMap((one) => one.nodes.slice(0, 2).map((node) => `${one.id}: ${node.html.slice(0, 140)} ${node.any[0]?.message ?? ""}`));
    }, RULES);
    found.push(...violations.map((one) => `${name} ${colorScheme}, ${width} px: ${one}`));
  };
  for (const [name, path] of Object.entries(pages)) {
    await page.setViewportSize({ width: 1280, height: 860 });
    await page.goto(`${url}/#${path}`);
    await page.reload();
    await settled();
    await session.send("Runtime.evaluate", { expression: AXE });
    await axe(name, "light", 1280);
    await axe(name, "dark", 360);
    for (const width of [360, 768, 1024, 1280, 2560]) await tooWide(name, width);
  }
  return found;
}
