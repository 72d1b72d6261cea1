// The stage of every story: houses, servers and browsers, all of which are ended with the story.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test as played } from "node:test";
import { chromium } from "playwright-core";

const CUGA = (process.env.CUGA ?? "cuga").split(" ");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split(" ");
export const PATIENCE = Number(process.env.PATIENCE_MS ?? 20_000);

const pages = []; // of everybody, in the order in which they came

/** A story. When it breaks, what everybody had before their eyes then is told with it. */
export function test(name, play) {
  played(name, async (story) => {
    try {
      await play(story);
    } catch (error) {
      const shown = pages.filter((page) => !page.isClosed()).map(async (page) => `${page.url()}\n${(await page.locator("body").innerText({ timeout: 2000 }).catch(String)).slice(0, 2000)}`);
      error.message += `\n\nshown then:\n${(await Promise.all(shown)).join("\n\n")}`;
      throw error;
    }
  });
}

const ends = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

/** A house: empty, or with the sample. */
export function house({ sample = true } = {}) {
  const root = mkdtempSync(join(tmpdir(), "cuga-story-"));
  ends.push(() => rmSync(root, { recursive: true, force: true }));
  const made = process.env[sample ? "SAMPLE_HOUSE" : "EMPTY_HOUSE"]; // one that was made once
  if (made) cpSync(made, join(root, "house"), { recursive: true });
  else cuga("init", join(root, "house"), ...(sample ? ["--sample"] : []));
  return join(root, "house");
}

/** One command of the terminal, its JSON. */
export function cuga(...words) {
  const [program, ...first] = CUGA;
  const ran = spawnSync(program, [...first, ...words], { encoding: "utf8" });
  if (ran.status !== 0 && ran.status !== 4) throw new Error(`cuga ${words.join(" ")}: ${ran.stderr || ran.stdout}`);
  return ran.stdout;
}

/** A server on a house. `kill` ends it as a power cut would. */
export async function serve(root, port = 0) {
  const [program, ...first] = CUGA;
  const server = spawn(program, [...first, "serve", "--house", root, "--json", "--no-open", "--port", String(port)], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let wrong = "";
  server.stderr.on("data", (data) => (wrong += data));
  const gone = new Promise((resolve) => server.on("exit", resolve));
  const { link, url } = await new Promise((resolve, reject) => {
    server.on("exit", () => reject(new Error(`the server ended: ${wrong || said}`)));
    server.stdout.on("data", (data) => {
      said += data;
      const line = said.split("\n").find((one) => one.includes('"link"'));
      if (line) resolve(JSON.parse(line));
    });
  });
  const stop = async (signal) => {
    server.kill(signal);
    await gone;
  };
  ends.push(() => stop("SIGKILL"));
  return { link, url, port: Number(new URL(url).port), kill: () => stop("SIGKILL"), stop: () => stop("SIGTERM") };
}

let opened = null;
async function browser() {
  opened ??= await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  return opened;
}
ends.push(async () => opened?.close());

export const DESK = { width: 1280, height: 860 };
export const PHONE = { width: 390, height: 844 };

/** Somebody's browser: a profile of their own, which notes what goes wrong and every host that is asked. */
export async function person(viewport = DESK, more = {}) {
  const context = await (await browser()).newContext({ viewport, reducedMotion: "reduce", ...more });
  context.setDefaultTimeout(PATIENCE);
  context.on("page", (page) => pages.push(page));
  const page = await context.newPage();
  const seen = { errors: [], hosts: new Set() };
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && !/status of 4\d\d|WebSocket|ERR_CONNECTION|ERR_EMPTY/.test(message.text()) && seen.errors.push(message.text()));
  context.on("request", (request) => seen.hosts.add(new URL(request.url()).host));
  return { context, page, seen };
}

/** Sign in by the link that the server printed. */
export async function enter(page, link) {
  await page.goto(link);
  await page.getByRole("navigation", { name: "Pages" }).first().waitFor();
}

let shared = null;
/** One person who is signed in at a house with the sample, made once for all tests of a file: none of them may need it untouched. */
export async function alone() {
  shared ??= (async () => {
    const root = house();
    const server = await serve(root);
    const who = await person();
    await enter(who.page, server.link);
    return { ...who, root, server };
  })();
  return shared;
}

/** Run a goal from Home, and be where it is shown. */
export async function run(page, goal, profile) {
  await page.goto(page.url().replace(/#.*/, "#/"));
  await page.getByLabel("Profile").selectOption(profile);
  await page.getByLabel("Goal", { exact: true }).fill(goal);
  await page.getByRole("button", { name: "Run it" }).click();
  await page.waitForURL(/#\/runs\/[0-9A-Z]{26}$/);
  return page.url().split("/").pop();
}

export const status = (page) => page.locator(".head .state").first();
