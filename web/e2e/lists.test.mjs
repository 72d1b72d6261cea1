// One card for many calls: one is changed, one is left out, and only what was agreed to leaves the house.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { alone, run, status, test } from "./stage.mjs";

test("a list is changed call by call, and what is left out is not sent", async () => {
  const { page, root } = await alone();
  await run(page, "Draft a first email to the buyer of each of the top 12 accounts and send them", "smb");
  await status(page).filter({ hasText: "Waiting" }).waitFor();
  await page.getByRole("button", { name: "Look and decide" }).click();
  await page.getByText(/^Call 1 of/).first().waitFor();
  const calls = await page.getByText(/^Call \d+ of \d+/).count();
  assert.ok(calls >= 3);

  await page.getByRole("button", { name: "Edit" }).click();
  const boxes = page.getByLabel("Leave out");
  assert.equal(await boxes.count(), calls);
  for (let at = 0; at < calls; at++) await boxes.nth(at).check();
  await page.getByText("Nothing would be left: deny it instead.").waitFor();
  for (let at = 1; at < calls; at++) await boxes.nth(at).uncheck();
  await page.getByLabel(/subject/).first().fill("Another subject");
  await page.locator("form button[type=submit]").click();
  await page.getByText("Your change waits as a new request.").waitFor();

  await page.goto(page.url().replace(/#.*/, "#/inbox"));
  await page.getByRole("heading", { level: 1, name: "Inbox" }).waitFor();
  await page.getByRole("button", { name: /Send message/ }).click();
  await page.getByText(`Call 1 of ${calls - 1}`).waitFor();
  await page.getByText("Another subject").first().waitFor();
  assert.deepEqual(readdirSync(join(root, "outbox")), []);
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const sent = () => readdirSync(join(root, "outbox")).filter((name) => name.endsWith(".eml")).length;
  for (let wait = 0; wait < 100 && sent() < calls - 1; wait++) await page.waitForTimeout(100);
  assert.equal(sent(), calls - 1);
});
