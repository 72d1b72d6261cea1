/** What a person says of files before they are stored. */

import type { Json } from "../wire/read";

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
