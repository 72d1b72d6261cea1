// Who asks does not decide: the request is answered on another person's screen, on exactly what was shown there.
import assert from "node:assert/strict";
import { alone, enter, house, person, PHONE, run, serve, status, test } from "./stage.mjs";

const SEND = "Draft a first email to the buyer of Velkarin Foods and send it";
const PASSWORD = "a long pass phrase";

/** A second person, invited on the first one's screen and come in by the link. */
async function approver(page, name, viewport, more) {
  await page.goto(page.url().replace(/#.*/, "#/people"));
  await page.getByRole("button", { name: "Invite somebody" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Make an invitation" }).click();
  const link = (await page.getByText(/#\/invitation\//).innerText()).trim();
  const other = await person(viewport, more);
  await other.page.goto(link);
  await other.page.getByLabel("Choose a password").fill(PASSWORD);
  await other.page.getByRole("button", { name: "Set password and go in" }).click();
  await other.page.getByRole("heading", { level: 1 }).filter({ hasText: "What should be done?" }).waitFor();
  await page.keyboard.press("Escape");
  return other;
}

test("a request is approved on another user's phone, and a stale tab is refused kindly", async () => {
  const server = await serve(house());
  const asker = await person();
  await enter(asker.page, server.link);
  const ada = await approver(asker.page, "ada", PHONE, { hasTouch: true, isMobile: true });
  await run(asker.page, SEND, "smb");
  await status(asker.page).filter({ hasText: "Waiting" }).waitFor();

  // the asker sees it and cannot decide
  await asker.page.getByText("It waits for somebody else").waitFor();
  await asker.page.getByRole("button", { name: "Look", exact: true }).click();
  await asker.page.getByText("You asked for this, so another person decides.").waitFor();
  assert.equal(await asker.page.getByRole("button", { name: "Approve" }).count(), 0);
  await asker.page.keyboard.press("Escape");

  // the count arrives by itself on the other screen; a second tab is left open on the same request
  await ada.page.locator(".bar").getByLabel("1 request waiting for a decision").waitFor();
  await ada.page.locator(".bar").getByRole("link", { name: /Inbox/ }).click();
  await ada.page.getByRole("button", { name: /Send message/ }).click();
  const stale = await ada.context.newPage();
  await stale.routeWebSocket(/\/ws\/house/, () => undefined); // it hears of nothing
  await stale.goto(ada.page.url());
  await stale.getByRole("button", { name: "Approve" }).waitFor();

  const dialog = ada.page.getByRole("dialog");
  await dialog.getByText("What will leave the house").waitFor();
  assert.match(await dialog.locator(".letter").innerText(), /nora\.tessler@velkarin-foods\.example/);
  await dialog.getByText("The digest over these bytes matches.").waitFor();
  const approve = dialog.getByRole("button", { name: "Approve" });
  const box = await approve.boundingBox();
  assert.ok(box.y > PHONE.height / 2 && box.width > PHONE.width * 0.8, "one thumb reaches it");
  assert.ok(!(await approve.evaluate((button) => button === document.activeElement)), "agreeing is never focused first");

  // an `execute` of high risk asks for a fresh proof when the last one is old: as if it were, once
  let old = true;
  await ada.page.route(/\/api\/approvals\/[^/]+$/, (route) => {
    if (!old || route.request().method() !== "POST") return route.fallback();
    old = false;
    return route.fulfill({ status: 403, contentType: "application/problem+json", body: JSON.stringify({ code: "step_up_needed", detail: "This asks for a fresh proof." }) });
  });
  await approve.click();
  const proof = ada.page.getByRole("dialog").filter({ hasText: "Please confirm that it is you" });
  await proof.getByLabel("Password").fill("not it at all");
  await proof.getByRole("button", { name: "Confirm" }).click();
  await proof.getByRole("alert").waitFor();
  await proof.getByLabel("Password").fill(PASSWORD);
  await proof.getByRole("button", { name: "Confirm" }).click();
  await proof.waitFor({ state: "detached" });
  await dialog.waitFor({ state: "detached" });
  await status(asker.page).filter({ hasText: "Done" }).waitFor();
  await asker.page.getByText("Sent to nora.tessler@velkarin-foods.example").waitFor();
  await asker.page.getByText("agreed by ada").first().waitFor();

  await stale.getByRole("button", { name: "Deny" }).click();
  await stale.getByRole("dialog").getByRole("button", { name: "Deny" }).last().click();
  await stale.getByText("This has moved on since you opened it").waitFor();
  await stale.getByRole("button", { name: "Show how it stands now" }).click();
  await stale.getByText("Approved and used").waitFor();
  assert.deepEqual([...asker.seen.errors, ...ada.seen.errors], []);
});

test("by keyboard alone: the inbox, a reason, a denial; the rest of the run keeps what it did", async () => {
  const { page, seen } = await alone();
  await run(page, SEND, "smb");
  await status(page).filter({ hasText: "Waiting" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("i");
  await page.getByRole("heading", { name: "Inbox" }).waitFor();
  await page.locator("button.entry").first().focus();
  await page.keyboard.press("Enter");
  await page.getByText("The digest over these bytes matches.").waitFor();
  await page.keyboard.press("d");
  await page.getByLabel(/^Reason/).fill("not this week");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText("Nothing waits for you").waitFor();
  await page.getByRole("link", { name: "Audit" }).first().click();
  await page.getByText("deny: not this week").waitFor();
  await page.getByRole("button", { name: "Verify now" }).click();
  await page.getByText("Everything holds").waitFor();
  assert.deepEqual(seen.errors, []);
});

test("an edited message becomes a request of its own that says what changed", async () => {
  const { page, seen } = await alone();
  await run(page, SEND, "smb");
  await page.getByRole("button", { name: "Look and decide" }).click();
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("message › subject").fill("Shifts at Velkarin Foods");
  await page.getByRole("button", { name: "Send the change" }).click();
  const dialog = page.getByRole("dialog");
  const changed = dialog.getByText("Changed from the first request");
  for (let look = 0; look < 5 && !(await changed.isVisible()); look += 1) {
    // on a slow machine the first request may still stand there for a moment
    await page.getByRole("button", { name: "Look and decide" }).click();
    await changed.waitFor({ timeout: 8000 }).catch(() => page.keyboard.press("Escape"));
  }
  await changed.waitFor();
  assert.match(await dialog.locator("ins").allInnerTexts().then((all) => all.join(" ")), /Shifts/);
  await dialog.getByRole("button", { name: "Approve" }).click();
  await page.getByText("Sent to nora.tessler@velkarin-foods.example").waitFor();
  assert.deepEqual(seen.errors, []);
});
