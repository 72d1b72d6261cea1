// Looks at pages as people see them: each in the sizes and looks asked for. `node tools/shots.mjs URL OUT [name=path ...]`
import { mkdirSync, writeFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [, , link, out, ...wanted] = process.argv; // a link to sign in with, or the state.json of an earlier call and URL in BASE
const base = process.env.BASE ?? new URL(link).origin;
const pages = wanted.map((one) => one.split(/=(.*)/s).slice(0, 2));
const looks = (process.env.LOOKS ?? "desktop-light,desktop-dark,phone-light,phone-dark").split(",");
const sizes = { desktop: [1280, 860], phone: [390, 844], small: [360, 740], wide: [2560, 1300] };

const args = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split(" ");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
const first = await browser.newContext(process.env.BASE ? { storageState: link } : {});
const door = await first.newPage();
if (!process.env.BASE) {
  await door.goto(link);
  await door.waitForSelector(".rail, .bar");
  await door.waitForTimeout(500);
}
const state = await first.storageState();
mkdirSync(out, { recursive: true });

const MOST_BYTES = 70_000;

/** A picture as WebP, which is a third of its size; a full one a little coarser. */
const studio = await (await browser.newContext()).newPage();
async function webp(png, quality = 0.86) {
  const url = await studio.evaluate(async ([said, quality]) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${said}`)).blob());
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", quality);
  }, [png.toString("base64"), quality]);
  const made = Buffer.from(url.split(",")[1], "base64");
  return made.length > MOST_BYTES && quality > 0.5 ? webp(png, quality - 0.06) : made;
}

for (const look of looks) {
  const [size, colour] = look.split("-");
  const [width, height] = sizes[size];
  const context = await browser.newContext({ storageState: state, viewport: { width, height }, colorScheme: colour, isMobile: size === "phone" || size === "small", hasTouch: size === "phone", reducedMotion: "reduce" });
  const page = await context.newPage();
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && console.log(`${look}: ${message.text()}`));
  page.on("pageerror", (error) => console.log(`${look}: ${error}`));
  for (const [name, where] of pages) {
    const [path, ...acts] = where.split("~"); // ~click:SELECTOR ~press:KEY ~fill:SELECTOR:TEXT ~file:SELECTOR:PATH ~see:SELECTOR
    await page.goto(`${base}/#${path}`);
    await page.reload();
    await page.waitForTimeout(Number(process.env.WAIT ?? 900));
    for (const act of acts) {
      const [, verb, rest] = /^(\w+):(.*)$/.exec(act);
      if (verb === "click") await page.click(rest, { timeout: 3000 }).catch((error) => console.log(`${name}: ${error.message.split("\n")[0]}`));
      else if (verb === "press") await page.keyboard.press(rest);
      else if (verb === "file") await page.setInputFiles(...rest.split(":"));
      else if (verb === "see") await page.locator(rest).first().evaluate((one) => scrollTo(0, one.getBoundingClientRect().top + scrollY - 80));
      else await page.fill(...rest.split(":"), { timeout: 3000 }).catch((error) => console.log(`${name}: ${error.message.split("\n")[0]}`));
      await page.waitForTimeout(700);
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) console.log(`${look} ${name}: ${wide} px too wide`);
    const png = await page.screenshot({ fullPage: process.env.FULL === "1" });
    if (process.env.WEBP) writeFileSync(`${out}/${name}-${look}.webp`, await webp(png));
    else writeFileSync(`${out}/${name}-${look}.png`, png);
  }
  await context.close();
}
if (!process.env.BASE) await first.storageState({ path: process.env.STATE ?? `${out}/state.json` });
await browser.close();
