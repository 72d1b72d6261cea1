// What the first load costs, compressed: the page, what it names, and what those import at once. Fails beyond the limit.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const LIMIT = 200 * 1024;
const home = fileURLToPath(new URL("../../src/cuga/api/page/", import.meta.url));

const first = new Set(["index.html"]);
const look = (name) => {
  const text = readFileSync(join(home, name), "utf8");
  const found = name.endsWith(".html")
    ? [...text.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map((match) => match[1])
    : name.endsWith(".js")
      ? [...text.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)].map((match) => `assets/${match[1]}`)
      : [];
  for (const one of found) {
    if (first.has(one)) continue;
    first.add(one);
    look(one);
  }
};
look("index.html");

// the face of the first paint; others come only when a text needs their letters
const face = readdirSync(join(home, "assets")).find((name) => /^inter-latin-wght.*\.woff2$/.test(name));
if (face) first.add(`assets/${face}`);

let sum = 0;
for (const name of [...first].sort()) {
  const size = name.endsWith(".woff2") ? statSync(join(home, name)).size : gzipSync(readFileSync(join(home, name)), { level: 9 }).length;
  sum += size;
  console.log(`${String(size).padStart(8)}  ${name}`);
}
console.log(`${String(sum).padStart(8)}  first load, compressed (limit ${LIMIT})`);
if (sum > LIMIT) {
  console.error("the first load is too heavy: fetch what it does not need at once with its page");
  process.exit(1);
}
