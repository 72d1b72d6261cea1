// The pages that say what a house has and how it is ruled, for everybody.
import assert from "node:assert/strict";
import { wrongWith } from "./looks.mjs";
import { alone, cuga, run, test } from "./stage.mjs";

const PAGES = {
  accounts: "/data", record: "/data/accounts/Velkarin%20Foods", quality: "/data/quality", import: "/data/import", signals: "/signals",
  profiles: "/policy", tools: "/policy/tools", adapters: "/policy/adapters", "what-if": "/policy/what-if", rehearsal: "/policy/rehearsal",
  people: "/people", settings: "/settings",
}; // prettier-ignore

test("every page of the house holds", async () => {
  const { page, context, seen, server } = await alone();
  assert.deepEqual(await wrongWith(page, context, server.url, PAGES), []);
  assert.deepEqual(seen.errors, []);
});

test("a recurring run is added, paused, resumed and ended", async () => {
  const { page, server, seen } = await alone();
  await page.goto(`${server.url}/#/settings`);
  const section = page.locator("section", { has: page.getByRole("heading", { name: "Recurring runs" }) });
  await section.getByRole("button", { name: "Add" }).click();
  await page.getByLabel("Goal").fill("Which deals are at risk?");
  await page.getByLabel("Fri").check();
  await page.getByLabel("On the clocks of").fill("Europe/Berlin");
  await page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
  await section.getByText("Mon, Fri 08:00").waitFor();
  await section.getByRole("button", { name: /^Pause/ }).click();
  await section.getByText("paused").waitFor();
  await section.getByRole("button", { name: /^Resume/ }).click();
  await section.getByText("paused").waitFor({ state: "detached" });
  await section.getByRole("button", { name: /^Remove/ }).click();
  await section.getByText("Nothing is run again and again.").waitFor();
  assert.deepEqual(seen.errors, []);
});

test("what changed in the house is told in words", async () => {
  const { page, root, server, seen } = await alone();
  cuga("suppression", "add", "opt-out@elsewhere.example", "--reason", "asked on the phone", "--house", root);
  cuga("erase", "Emil Hestrin", "--reason", "asked for by letter", "--yes", "--house", root);
  await page.goto(`${server.url}/#/audit`);
  await page.getByText(/^somebody who was in \d+ runs?: asked for by letter$/).waitFor();
  await page.getByText("1 address: asked on the phone").waitFor();
  const shown = await page.locator("main, .page").first().innerText();
  assert.doesNotMatch(shown, /[0-9a-f]{16}|\b(True|False)\b|everywhere|crm version/);
  assert.deepEqual(seen.errors, []);
});

test("evidence is a file, and other rules are held against the record", async () => {
  const { page, server, seen } = await alone();
  await page.goto(`${server.url}/#/audit/oversight`);
  const coming = page.waitForEvent("download");
  await page.getByRole("link", { name: "This time" }).click();
  assert.match((await coming).suggestedFilename(), /^evidence-.*\.zip$/);
  await page.goto(`${server.url}/#/policy/rehearsal`);
  await page.getByText("No other rules are kept in the shadow.").waitFor();
  await page.getByLabel("The other registry.yaml").fill("nonsense");
  await page.getByRole("button", { name: "Try it on the record" }).click();
  await page.getByRole("alert").first().waitFor();
  assert.deepEqual(seen.errors.filter((one) => !/422|400/.test(one)), []);
});

test("a theme that is chosen in settings is worn by every open page, charts included", async () => {
  const { page, context, server, seen } = await alone();
  await page.emulateMedia({ colorScheme: "light" });
  await run(page, "Score Velkarin Foods", "smb");
  await page.goto(`${server.url}/#/signals`);
  const chart = page.locator(".chart canvas").first();
  await chart.waitFor();
  const drawn = () => chart.evaluate((canvas) => canvas.toDataURL());
  const light = await drawn();
  const settings = await context.newPage();
  await settings.goto(`${server.url}/#/settings`);
  await settings.getByText("Dark", { exact: true }).click();
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  await page.waitForFunction((was) => document.querySelector(".chart canvas")?.toDataURL() !== was, light);
  await settings.getByText("Light", { exact: true }).click();
  await page.waitForFunction((was) => document.querySelector(".chart canvas")?.toDataURL() === was, light);
  await settings.close();
  assert.deepEqual(seen.errors, []);
});
