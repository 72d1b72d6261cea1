// 10,000 live events are drawn within a second, and scrolling through them stays smooth.
import assert from "node:assert/strict";
import { alone, run, test } from "./stage.mjs";

const EVENTS = 10_000;
const SLOWER = Number(process.env.SLOWER ?? 1); // a busy machine may be given more time

test("ten thousand events of a live trace", async () => {
  const { page, server, seen } = await alone();
  const id = await run(page, "Draft a first email to the buyer of Velkarin Foods", "enterprise");
  await page.locator(".head .state", { hasText: "Waiting" }).waitFor();

  // the line is ours: what comes over it is as the server writes it, as fast as a line could be
  await page.addInitScript(() => {
    const Real = window.WebSocket;
    window.WebSocket = class {
      constructor(url) {
        if (!url.includes("/ws/traces/")) return new Real(url);
        setTimeout(() => this.onopen?.());
        window.line = this;
      }
      close() {}
    };
  });
  await page.goto(`${server.url}/#/runs/${id}/trace`);
  await page.reload();
  await page.locator(".event-row").first().waitFor();
  await page.waitForFunction(() => window.line);
  const drawn = await page.evaluate(
    async ({ id, count, wanted }) => {
      const start = Date.parse("2026-11-29T10:00:00Z");
      const frames = Array.from({ length: count }, (_, n) => {
        const begins = n % 2 === 0;
        const details = begins ? { tool: "score_account_fit", attempt: 1, arguments: { account: `Account ${n}` } } : { attempt: 1, note: `account ${n}` };
        const event = { name: begins ? "tool_call_start" : "tool_call_complete", at: new Date(start + n * 3).toISOString(), run_id: id, trace_id: id, seq: 100 + n, step: `s${n >> 1}`, by: "", details };
        return JSON.stringify({ kind: "event", position: 100 + n, event });
      });
      const count_is_shown = () => document.querySelector(".trace").textContent.includes(wanted);
      const began = performance.now();
      for (let at = 0; at < frames.length; at += 250) {
        for (const data of frames.slice(at, at + 250)) window.line.onmessage({ data });
        await new Promise((next) => setTimeout(next));
      }
      while (!count_is_shown()) await new Promise(requestAnimationFrame);
      return performance.now() - began;
    },
    { id, count: EVENTS, wanted: (EVENTS + 5).toLocaleString("en") },
  );
  const rows = await page.locator(".event-row").count();

  const scroll = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const box = document.querySelector(".events");
        const times = [];
        let last = performance.now();
        let n = 0;
        const move = (now) => {
          times.push(now - last);
          last = now;
          box.scrollTop = (box.scrollHeight * n) / 120;
          if (n++ < 120) requestAnimationFrame(move);
          else resolve(times.slice(2).sort((a, b) => a - b));
        };
        box.scrollTop = 0;
        requestAnimationFrame(move);
      }),
  );
  const median = scroll[Math.floor(scroll.length / 2)];
  console.log(JSON.stringify({ events: EVENTS, drawn_ms: Math.round(drawn), rows, scroll_median_ms: Math.round(median * 10) / 10, scroll_p95_ms: Math.round(scroll[Math.floor(scroll.length * 0.95)] * 10) / 10 }));
  assert.ok(rows < 80, `${rows} rows stand in the document`);
  assert.ok(drawn < 1_000 * SLOWER, `${drawn} ms`);
  assert.ok(median < 20 * SLOWER, `${median} ms a frame`);
  assert.deepEqual(seen.errors, []);
});
