// Working a day: quick actions, budgets as they fill, a live trace with a link to a place in it, another profile, other adapters.
import assert from "node:assert/strict";
import { alone, run, status, test } from "./stage.mjs";

test("a quick action is found by a word, filled in and run", async () => {
  const { page, seen } = await alone();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "What do you want to do?" }).fill("score");
  await page.getByRole("option", { name: /Score a prospect/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByLabel("Account").fill("Velkarin Foods");
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/runs\//);
  await page.getByText("tier A").waitFor();

  // budgets say what was used, the graph has the step
  const calls = page.getByRole("meter", { name: "Calls" });
  assert.match(await calls.getAttribute("aria-valuetext"), /^1 of 100/);
  await page.getByRole("button", { name: "Graph" }).click();
  await page.locator(".flow-node").getByText("Score account fit").waitFor();

  // the trace of this run, by its key; a place in it has an address of its own
  await page.keyboard.press("t");
  await page.getByText("ended", { exact: true }).waitFor();
  await page.getByLabel(/^Filter/).fill("tool_call_complete");
  await page.locator(".event-row").first().click();
  await page.waitForURL(/trace\?at=\d+/);
  const link = page.url();
  const other = await page.context().newPage();
  await other.goto(link);
  await other.getByRole("complementary", { name: "Details" }).getByText("tool call complete").waitFor();
  assert.deepEqual(seen.errors, []);
});

test("a trace is watched live while a run waits and goes on", async () => {
  const { page, context, server, seen } = await alone();
  const id = await run(page, "Draft a first email to the buyer of Velkarin Foods", "enterprise");
  await status(page).filter({ hasText: "Waiting" }).waitFor();
  const watching = await context.newPage();
  await watching.goto(`${server.url}/#/runs/${id}/trace`);
  await watching.getByText("live", { exact: true }).first().waitFor();
  assert.equal(await watching.getByText("tool call complete").count(), 0);
  await page.getByRole("button", { name: "Look and decide" }).click();
  await page.getByRole("button", { name: "Approve" }).click();
  await watching.locator(".event-row").getByText("tool call complete").waitFor();
  await watching.locator(".event-row").getByText("run finished").waitFor();
  assert.deepEqual(seen.errors, []);
});

test("another profile asks another way, and a switched adapter counts at once", async () => {
  const { page, server, seen } = await alone();
  const goal = "Draft a first email to the buyer of Velkarin Foods and send it";
  await run(page, goal, "technical");
  await page.getByText(/Not (sent|done): this profile only shows/).first().waitFor();
  await run(page, goal, "enterprise");
  await status(page).filter({ hasText: "Waiting" }).waitFor();
  await page.getByText("proposes").first().waitFor();

  await page.goto(`${server.url}/#/policy/adapters`);
  await page.getByRole("button", { name: "Switch off mail/offline" }).click();
  await page.getByLabel("Reason").fill("mail is being moved");
  await page.getByRole("button", { name: "Switch", exact: true }).click();
  await page.getByText("mail is being moved").waitFor();
  await page.getByRole("link", { name: "What if" }).click();
  await page.getByLabel("Profile").selectOption("smb");
  await page.getByRole("button", { name: "Find out" }).click();
  await page.getByText("It would be refused").waitFor();
  assert.deepEqual(seen.errors, []);
});
