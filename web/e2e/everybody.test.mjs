// Every page for everybody: nothing for axe to find, nothing wider than the screen, in light and dark, from 360 to 2560 px.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { cuga, enter, house, person, run, serve } from "./stage.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

test("every page holds", async () => {
  const root = house();
  cuga("run", "Draft a first email to the buyer of Velkarin Foods and send it", "--profile", "smb", "--house", root);
  cuga("run", "Score the account", "--profile", "smb", "--house", root);
  const server = await serve(root);
  const { page, context, seen } = await person(undefined, { bypassCSP: false });
  await enter(page, server.link);
  const done = await run(page, "Score Velkarin Foods, draft a first email to its buyer, check it, and qualify the open deal", "smb");
  await page.locator(".head .state", { hasText: "Done" }).waitFor();
  const [card] = await page.evaluate(() => fetch("/api/approvals").then((said) => said.json()).then((found) => found.items));
  const plan = await page.evaluate(() => fetch("/api/plans", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ goal: "Score Velkarin Foods and draft a first email to its buyer", profile: "enterprise" }) }).then((said) => said.json()));
  const pages = {
    home: "/", runs: "/runs", run: `/runs/${done}`, waiting: `/runs/${card.run_id}`, trace: `/runs/${done}/trace?at=5`, plan: `/plans/${plan.run_id}`, inbox: "/inbox",
    request: `/inbox/${card.approval_id}`, accounts: "/data", record: "/data/accounts/Velkarin%20Foods", quality: "/data/quality", import: "/data/import", signals: "/signals",
    profiles: "/policy", tools: "/policy/tools", adapters: "/policy/adapters", "what-if": "/policy/what-if", audit: "/audit", people: "/people", settings: "/settings", more: "/more", nowhere: "/nowhere",
  }; // prettier-ignore
  const found = [];
  const inspect = async (name) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) found.push(`${name}: ${wide} px wider than the screen`);
  };
  const look = async (name) => {
    const violations = await page.evaluate(async () => {
      const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"] });
      return violations.flatMap((one) => one.nodes.slice(0, 2).map((node) => `${one.id}: ${node.html.slice(0, 140)} ${node.any[0]?.message ?? ""}`));
    });
    found.push(...violations.map((one) => `${name}: ${one}`));
  };
  const session = await context.newCDPSession(page);
  const inject = () => session.send("Runtime.evaluate", { expression: AXE });
  for (const [name, path] of Object.entries(pages)) {
    for (const [colorScheme, width] of [["light", 1280], ["dark", 360]]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 860 });
      await page.goto(`${server.url}/#${path}`);
      await page.reload();
      await page.waitForFunction(() => document.querySelector("main h1") && !document.querySelector(".bone"));
      await page.waitForTimeout(100);
      await inject();
      await look(`${name} ${colorScheme}, ${width} px`);
    }
    for (const width of [360, 768, 1024, 2560]) {
      await page.setViewportSize({ width, height: 860 });
      await inspect(`${name} at ${width}`);
    }
  }
  assert.deepEqual(found, []);
  assert.deepEqual(seen.errors, []);
});
