// The server is killed while a run waits; the page says so, comes back by itself, and the run goes on.
import assert from "node:assert/strict";
import { enter, house, person, run, serve, status, test } from "./stage.mjs";

test("a killed server is said, and everything is there when it is back", async () => {
  const root = house();
  const first = await serve(root);
  const { page } = await person();
  await enter(page, first.link);
  await run(page, "Draft a first email to the buyer of Velkarin Foods and send it", "smb");
  await status(page).filter({ hasText: "Waiting" }).waitFor();
  await first.kill();
  await page.getByText("The server cannot be reached.", { exact: false }).first().waitFor();
  await page.getByText("Draft outbound message").first().waitFor(); // what was known stays
  await serve(root, first.port);
  await page.getByText("The server cannot be reached.", { exact: false }).first().waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Look and decide" }).click();
  await page.getByText("The digest over these bytes matches.").waitFor();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByText("Sent to nora.tessler@velkarin-foods.example").waitFor();
  assert.equal(await status(page).innerText(), "Done");
});
