/** What changes between two values, field by field, and between two texts, line by line and word by word. */

import type { Json } from "../wire/read";

export interface Change {
  readonly path: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** Leaves that differ, in the order of the newer value. Paths are written like `message.subject` and `lines.2.price`. */
export function changesBetween(before: Json | undefined, after: Json | undefined, path = ""): readonly Change[] {
  if (same(before, after)) return [];
  if (isTree(before) && isTree(after) && Array.isArray(before) === Array.isArray(after)) {
    const old = before as Record<string, Json>;
    const now = after as Record<string, Json>;
    const names = [...new Set([...Object.keys(now), ...Object.keys(old)])];
    return names.flatMap((name) => changesBetween(old[name], now[name], path ? `${path}.${name}` : name));
  }
  return [{ path, before, after }];
}

function isTree(value: Json | undefined): boolean {
  return value !== null && typeof value === "object";
}

function same(one: Json | undefined, other: Json | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && JSON.stringify(one) === JSON.stringify(other));
}

export interface Run {
  readonly kind: "same" | "gone" | "new";
  readonly text: string;
}

const MOST = 1_500; // words; beyond that a text is shown as gone and new whole

/** Two texts as runs of words that stayed, went or came. */
export function wordsBetween(before: string, after: string): readonly Run[] {
  const old = before.split(/(\s+)/);
  const now = after.split(/(\s+)/);
  if (old.length * now.length > MOST * MOST) return [{ kind: "gone", text: before }, { kind: "new", text: after }];
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
  const middle = longest(old.slice(head, old.length - tail), now.slice(head, now.length - tail));
  return merged([
    ...old.slice(0, head).map((text): Run => ({ kind: "same", text })),
    ...middle,
    ...old.slice(old.length - tail).map((text): Run => ({ kind: "same", text })),
  ]);
}

/** The longest common subsequence, walked forward. */
function longest(old: readonly string[], now: readonly string[]): Run[] {
  const width = now.length + 1;
  const best = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      best[i * width + j] =
        old[i] === now[j] ? best[(i + 1) * width + j + 1]! + 1 : Math.max(best[(i + 1) * width + j]!, best[i * width + j + 1]!);
    }
  }
  const runs: Run[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      runs.push({ kind: "same", text: old[i]! });
      i++;
      j++;
    } else if (j >= now.length || (i < old.length && best[(i + 1) * width + j]! >= best[i * width + j + 1]!)) {
      runs.push({ kind: "gone", text: old[i++]! });
    } else {
      runs.push({ kind: "new", text: now[j++]! });
    }
  }
  return runs;
}

function merged(runs: readonly Run[]): readonly Run[] {
  const out: Run[] = [];
  for (const run of runs) {
    const last = out.at(-1);
    if (last?.kind === run.kind) out[out.length - 1] = { kind: run.kind, text: last.text + run.text };
    else if (run.text) out.push(run);
  }
  return out;
}
