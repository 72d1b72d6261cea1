/** What a person says of files before they are stored, and what was noticed in them, grouped. */

import type { Json } from "../wire/read";
import type { ImportReport } from "../wire/shapes";

export interface Correction {
  readonly kind?: string;
  readonly columns?: Readonly<Record<string, string>>;
}

/** The mapping that the server takes: only what a person said; nothing said is no mapping. */
export function mappingOf(said: Readonly<Record<string, Correction>>): Json | undefined {
  const files = Object.entries(said).filter(([, one]) => one.kind || one.columns);
  if (!files.length) return undefined;
  return Object.fromEntries(files.map(([file, one]) => [file, { ...(one.kind ? { kind: one.kind } : {}), ...(one.columns ? { columns: { ...one.columns } } : {}) }]));
}

export interface Group {
  readonly key: string;
  readonly weight: string;
  readonly did: string;
  readonly mend: string;
  readonly count: number;
  readonly first: ImportReport["problems"];
}

const ORDER = ["not_stored", "warning", "proposal", "note"];
const SHOWN = 3;

export function groupsOf(report: ImportReport): readonly Group[] {
  const found = new Map<string, Group>();
  for (const one of report.problems) {
    const key = `${one.weight}/${one.kind}/${one.file}/${one.column}`;
    const known = found.get(key);
    if (!known) found.set(key, { key, weight: one.weight, did: one.did, mend: one.mend, count: 1, first: [one] });
    else found.set(key, { ...known, count: known.count + 1, first: known.first.length < SHOWN ? [...known.first, one] : known.first });
  }
  return [...found.values()].sort((one, other) => ORDER.indexOf(one.weight) - ORDER.indexOf(other.weight) || other.count - one.count);
}
