/** Finding an action by a few words: all must be there, those at the beginning of the title come first. */

export interface Choice {
  readonly key: string;
  readonly title: string;
  readonly group: string;
  readonly hint: string;
  readonly missing: readonly string[];
}

export function matching(choices: readonly Choice[], words: string): readonly Choice[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return choices;
  return choices
    .map((choice, at) => ({ choice, at, rank: rankOf(choice, wanted) }))
    .filter(({ rank }) => rank > 0)
    .sort((one, other) => other.rank - one.rank || one.at - other.at)
    .map(({ choice }) => choice);
}

function rankOf(choice: Choice, wanted: readonly string[]): number {
  const head = choice.title.toLowerCase();
  const all = `${head} ${choice.group} ${choice.key} ${choice.hint}`.toLowerCase();
  let rank = 1;
  for (const word of wanted) {
    if (!all.includes(word)) return 0;
    if (head.includes(word)) rank += 2;
    if (head.split(/\s+/).some((part) => part.startsWith(word))) rank += 3;
  }
  return rank;
}
