// An empty house is led to its first useful answer; then own files are brought in, with the mapping looked at.
import assert from "node:assert/strict";
import { enter, house, person, serve, status, test } from "./stage.mjs";

const TWO_MINUTES = 120_000;

test("the first useful answer comes within two minutes of `cuga serve`", async () => {
  const root = house({ sample: false });
  const began = Date.now();
  const server = await serve(root);
  const { page, seen } = await person();
  await enter(page, server.link);
  await page.getByRole("heading", { name: "Your house is ready, and empty" }).waitFor();
  await page.getByRole("button", { name: "Fill it with the sample" }).click();
  await page.getByRole("heading", { name: "What should be done?" }).waitFor();
  assert.match(await page.getByLabel("Goal", { exact: true }).inputValue(), /Score Velkarin Foods/);

  await page.getByRole("button", { name: "Show the plan first" }).click();
  await page.getByText("Nothing has run yet.").waitFor();
  assert.equal(await page.locator(".steps > li").count(), 4);
  await page.getByText("asked for by", { exact: false }).first().waitFor();
  await page.getByRole("button", { name: "Run exactly this" }).click();
  await page.waitForURL(/#\/runs\//);
  await status(page).filter({ hasText: "Done" }).waitFor();
  await page.getByText("tier A").waitFor();
  await page.locator(".letter").getByText("Hello Nora,").waitFor();
  assert.ok(Date.now() - began < TWO_MINUTES);
  assert.ok(!page.url().includes("welcome"), "the one-use token is gone from the address bar");
  assert.deepEqual(seen.errors, []);
  assert.deepEqual([...seen.hosts], [new URL(server.url).host], "nothing but its own server is asked");
});

test("own files are read, corrected and only then stored", async () => {
  const server = await serve(house({ sample: false }));
  const { page, seen } = await person();
  await enter(page, server.link);
  await page.getByRole("link", { name: "Choose files" }).click();
  await page.locator('input[type="file"]').setInputFiles([
    { name: "accounts.csv", mimeType: "text/csv", buffer: Buffer.from("account,sector,employees,zz_town\nBergmann Pumpen,machinery,210,Kassel\nÅsgard Foods,food,80,Malmö\n") },
    { name: "contacts.csv", mimeType: "text/csv", buffer: Buffer.from("name,account,title,email\nIda Holm,Åsgard Foods,CFO,ida@asgard.example\n") },
  ]);
  await page.getByRole("heading", { name: "How they were read" }).waitFor();
  assert.equal(await page.getByLabel("Becomes: sector").inputValue(), "industry");
  await page.getByLabel("Becomes: zz_town").selectOption("city");
  await page.getByRole("button", { name: "Import these" }).click();
  await page.getByText("3 added, 0 changed, 0 as they were").waitFor();
  await page.getByRole("link", { name: "Data", exact: true }).first().click();
  const row = page.getByRole("row", { name: /Bergmann Pumpen/ });
  await row.waitFor();
  assert.match(await row.innerText(), /Kassel/, "the corrected column was stored");
  await row.getByRole("link").click();
  await page.getByText("accounts.csv:2").waitFor();
  assert.deepEqual(seen.errors, []);
});
