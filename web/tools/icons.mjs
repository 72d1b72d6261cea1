// Every icon from the one svg: png for the web, ico for Windows, icns for macOS. Needs Chromium; its path in CHROMIUM.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const svg = readFileSync(at("public/icon.svg"), "utf8");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage();

async function png(size, padding = 0) {
  await page.setViewportSize({ width: size, height: size });
  const inner = size - 2 * padding;
  const background = padding ? "#1d1b18" : "transparent";
  await page.setContent(`<style>*{margin:0}body{width:${size}px;height:${size}px;background:${background};display:grid;place-items:center}svg{width:${inner}px;height:${inner}px;display:block}</style>${svg}`);
  return page.screenshot({ omitBackground: true });
}

function ico(images) {
  const head = Buffer.alloc(6 + 16 * images.length);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(images.length, 4);
  let offset = head.length;
  images.forEach(([size, data], index) => {
    const entry = 6 + 16 * index;
    head.writeUInt8(size % 256, entry);
    head.writeUInt8(size % 256, entry + 1);
    head.writeUInt16LE(1, entry + 4);
    head.writeUInt16LE(32, entry + 6);
    head.writeUInt32LE(data.length, entry + 8);
    head.writeUInt32LE(offset, entry + 12);
    offset += data.length;
  });
  return Buffer.concat([head, ...images.map(([, data]) => data)]);
}

function icns(images) {
  const parts = images.map(([kind, data]) => {
    const head = Buffer.alloc(8);
    head.write(kind, 0, "latin1");
    head.writeUInt32BE(data.length + 8, 4);
    return Buffer.concat([head, data]);
  });
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.write("icns", 0, "latin1");
  head.writeUInt32BE(body.length + 8, 4);
  return Buffer.concat([head, body]);
}

writeFileSync(at("public/icon-192.png"), await png(192));
writeFileSync(at("public/icon-512.png"), await png(512));
writeFileSync(at("public/icon-maskable.png"), await png(512, 64));
writeFileSync(at("public/favicon.ico"), ico([[16, await png(16)], [32, await png(32)], [48, await png(48)], [256, await png(256)]]));
mkdirSync(at("icons"), { recursive: true });
writeFileSync(at("icons/cuga.icns"), icns([["icp4", await png(16)], ["icp5", await png(32)], ["ic07", await png(128)], ["ic08", await png(256)], ["ic09", await png(512)]]));
await browser.close();
