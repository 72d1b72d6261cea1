// The pages that one works with, for everybody: what runs, what waits, what was done.
import assert from "node:assert/strict";
import { wrongWith } from "./looks.mjs";
import { alone, run, test } from "./stage.mjs";

test("every page of work holds", async () => {
  const { page, context, seen, server } = await alone();
  const start = (goal, profile) =>
    page.evaluate(
      ([path, body]) => fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }).then((said) => said.json()),
      ["/api/agents/execute", { goal, profile }],
    );
  await start("Draft a first email to the buyer of Velkarin Foods and send it", "smb");
  await start("Score the account", "smb");
  const ranked = await run(page, "Score all accounts in Germany", "smb");
  await page.locator(".head .state", { hasText: "Done" }).waitFor();
  const done = await run(page, "Score Velkarin Foods, draft a first email to its buyer, check it, and qualify the open deal", "smb");
  await page.locator(".head .state", { hasText: "Done" }).waitFor();
  const [card] = await page.evaluate(() => fetch("/api/approvals").then((said) => said.json()).then((found) => found.items));
  const plan = await page.evaluate(() => fetch("/api/plans", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ goal: "Score Velkarin Foods and draft a first email to its buyer", profile: "enterprise" }) }).then((said) => said.json()));
  const pages = {
    home: "/", runs: "/runs", run: `/runs/${done}`, ranked: `/runs/${ranked}`, waiting: `/runs/${card.run_id}`, trace: `/runs/${done}/trace?at=5`, plan: `/plans/${plan.run_id}`,
    inbox: "/inbox", request: `/inbox/${card.approval_id}`, audit: "/audit", oversight: "/audit/oversight", more: "/more", nowhere: "/nowhere",
  }; // prettier-ignore
  assert.deepEqual(await wrongWith(page, context, server.url, pages), []);
  assert.deepEqual(seen.errors, []);
});

test("a run that is not in this house is said to be none, and leads to those that are", async () => {
  const { page, seen, server } = await alone();
  for (const path of ["/runs/01M8M951ZSK8YFJAYR97EW2KTS", "/runs/nonsense", "/runs/01M8M951ZSK8YFJAYR97EW2KTS/trace", "/plans/01M8M951ZSK8YFJAYR97EW2KTS"]) {
    await page.goto(`${server.url}/#${path}`);
    await page.getByRole("heading", { name: "There is no such run in this house." }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Try again" }).count(), 0);
  }
  await page.getByRole("link", { name: "Show the runs there are" }).click();
  await page.waitForURL(/#\/runs$/);
  assert.deepEqual(seen.errors.filter((one) => !one.includes("404")), []);
});
