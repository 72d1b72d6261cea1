// Texts that want to be markup, formulas, scripts or somebody else: all of them are shown, none of them acts.
import assert from "node:assert/strict";
import { cuga, enter, house, person, serve, test } from "./stage.mjs";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PAYLOADS = [
  `<img src=x onerror="window.hit=1">`,
  `"><script>window.hit=1</script>`,
  `<svg onload=window.hit=1>`,
  `<iframe src="https://evil.example/"></iframe>`,
  `javascript:window.hit=1`,
  `[link](https://evil.example/beacon)![x](https://evil.example/p.png)`,
  `{{constructor.constructor('window.hit=1')()}}`,
  `<style>@import 'https://evil.example/x.css'</style>`,
  `<base href="https://evil.example/">`,
  `=HYPERLINK("https://evil.example/","click")`,
  `<a href="data:text/html,<script>window.hit=1</script>">x</a>`,
  `</textarea><form action=https://evil.example><button>go`,
];

test("nothing that a record, a goal or a file says is more than text", async () => {
  const root = house({ sample: false });
  const files = join(root, "..", "csv");
  mkdirSync(files);
  const cell = (text) => `"${text.replaceAll('"', '""')}"`;
  writeFileSync(join(files, "accounts.csv"), ["name,industry,notes", ...PAYLOADS.map((one, at) => `${cell(`${one} ${at}`)},food,${cell(one)}`)].join("\n"));
  cuga("import", files, "--house", root);
  const server = await serve(root);
  const { page, seen, context } = await person();
  await enter(page, server.link);
  const asked = [];
  context.on("request", (request) => asked.push(request.url()));

  await page.goto(`${server.url}/#/data`);
  await page.getByText("onerror").first().waitFor();
  for (const payload of PAYLOADS) await page.getByText(payload, { exact: false }).first().waitFor();
  await page.getByRole("link", { name: /onerror/ }).first().click();
  await page.getByRole("link", { name: "Work on it" }).click();
  for (const payload of PAYLOADS.slice(0, 4)) {
    await page.goto(`${server.url}/#/?goal=${encodeURIComponent(`Score "${payload}"`)}`);
    await page.getByRole("button", { name: "Run it" }).click();
    await page.waitForURL(/#\/runs\//);
    await page.getByRole("heading", { level: 1 }).getByText(payload.slice(0, 12), { exact: false }).waitFor();
    await page.goto(`${page.url()}/trace`);
    await page.locator(".event-row").first().click();
    await page.locator("pre.exact").first().waitFor();
  }
  await page.goto(`${server.url}/#/audit`);
  await page.getByText("began:", { exact: false }).first().waitFor();
  await page.goto(`${server.url}/#/runs`);
  await page.getByText("onerror").first().waitFor();

  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.deepEqual(asked.filter((url) => !url.startsWith(server.url)), [], "no request leaves");
  assert.deepEqual(seen.errors, []);
});

test("what hides or looks like something else is seen before anybody agrees", async () => {
  const server = await serve(house());
  const { page } = await person();
  await enter(page, server.link);
  const goal = "Draft a first email to the buyer of Velkarin Foods";
  const answer = await page.evaluate(async (said) => {
    const made = await fetch("/api/runs", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ goal: said, profile: "enterprise" }) });
    return made.json();
  }, `${goal} ‮\u200bpаypal`);
  await page.goto(`${server.url}/#/inbox/${answer.run_id}-a1`);
  const dialog = page.getByRole("dialog");
  await dialog.getByText("2 hidden characters in it", { exact: false }).waitFor();
  await dialog.getByText("1 word with look-alike letters", { exact: false }).waitFor();
  assert.ok((await dialog.locator(".hid").allInnerTexts()).includes("U+202E"));
  assert.equal(await dialog.locator(".alike b").first().innerText(), "а");
});
