/** What a tool gave, as blocks that a person reads: a score as points with reasons, a draft as a letter, rows as a table.
 *
 * An output of another shape is taken apart by its parts; nothing of it is left out.
 */

import type { Json } from "../wire/read";
import { count, words } from "./format";

export type Block =
  | { readonly kind: "headline"; readonly text: string; readonly state?: string; readonly more?: string }
  | { readonly kind: "score"; readonly value: number; readonly of: number; readonly label: string; readonly more: string }
  | { readonly kind: "facts"; readonly title?: string; readonly rows: readonly (readonly [string, string])[] }
  | { readonly kind: "table"; readonly title?: string; readonly columns: readonly Column[]; readonly rows: readonly (readonly string[])[]; readonly total: number }
  | { readonly kind: "list"; readonly title?: string; readonly items: readonly string[]; readonly numbered?: boolean }
  | { readonly kind: "quote"; readonly title: string; readonly text: string; readonly where: string }
  | { readonly kind: "text"; readonly title?: string; readonly text: string }
  | { readonly kind: "letter"; readonly letter: Letter }
  | { readonly kind: "notes"; readonly items: readonly string[] }
  | { readonly kind: "part"; readonly title: string; readonly blocks: readonly Block[] };

export interface Column {
  readonly name: string;
  readonly isNumber: boolean;
  readonly isState?: boolean;
}

export interface Letter {
  readonly channel: string;
  readonly to: string;
  readonly subject: string;
  readonly body: string;
  readonly missing: readonly string[];
}

type Tree = { [name: string]: Json };
const isTree = (value: Json | undefined): value is Tree => value !== null && typeof value === "object" && !Array.isArray(value);
const has = (value: Tree, ...names: string[]) => names.every((name) => name in value);
const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
const treesOf = (value: Json | undefined): readonly Tree[] => listOf(value).filter(isTree);
const str = (value: Json | undefined): string => said(value);

/** A value in a cell: thousands apart, yes and no, nothing for what is not known. */
export function said(value: Json | undefined): string {
  if (value == null) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return count(value);
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(said).filter(Boolean).join(", ");
  return Object.entries(value).map(([name, item]) => [words(name), said(item)] as const).filter(([, item]) => item).map(([name, item]) => `${name} ${item}`).join(", ");
}

export function isLetter(value: Json | undefined): value is Tree {
  return isTree(value) && has(value, "kind", "body", "body_hash");
}

export function letterOf(value: Tree): Letter {
  const address = str(value.recipient);
  const name = str(value.recipient_name);
  const title = str(value.recipient_title);
  return {
    channel: str(value.channel) || "message",
    to: [name, address && (name ? `<${address}>` : address), title && `(${title})`].filter(Boolean).join(" "),
    subject: str(value.subject),
    body: str(value.body),
    missing: treesOf(value.unfilled).map((gap) => [str(gap.field), str(gap.why)].filter(Boolean).join(": ")),
  };
}

/** The blocks of an output. */
export function blocksOf(output: Json): readonly Block[] {
  if (output === null || output === "") return [];
  if (!isTree(output)) {
    if (Array.isArray(output)) return partsOf("", output);
    return [{ kind: "text", text: said(output) }];
  }
  for (const [names, draw] of SHAPES) if (has(output, ...names)) return draw(output).filter(isSaid);
  return anything(output).filter(isSaid);
}

function isSaid(block: Block): boolean {
  switch (block.kind) {
    case "facts": return block.rows.length > 0;
    case "table": return block.rows.length > 0;
    case "list":
    case "notes": return block.items.length > 0;
    case "text": return block.text !== "";
    case "part": return block.blocks.length > 0;
    default: return true;
  }
} // prettier-ignore

const notes = (output: Tree): Block => ({ kind: "notes", items: [...listOf(output.assumptions), ...listOf(output.notes)].map(said) });
const items = (title: string, value: Json | undefined, numbered = false): Block => ({ kind: "list", title, items: listOf(value).map(said).filter(Boolean), numbered });
const column = (name: string, kind: "text" | "number" | "state" = "text"): Column => ({ name, isNumber: kind === "number", isState: kind === "state" });
const rest = (output: Tree, ...drawn: string[]): Block[] => {
  const apart = new Set([...drawn, "notes", "assumptions"]);
  return Object.entries(output).filter(([name]) => !apart.has(name)).length
    ? anything(Object.fromEntries(Object.entries(output).filter(([name]) => !apart.has(name))))
    : [];
};

// --- known shapes ---------------------------------------------------------------------------------------------------
const SHAPES: readonly (readonly [readonly string[], (output: Tree) => Block[]])[] = [
  [["simulated", "tool", "adapters", "arguments"], simulated],
  [["score", "tier", "factors", "coverage", "account"], score],
  [["kind", "body", "body_hash"], letter],
  [["ready_to_send", "checks", "issues", "grade", "score"], quality],
  [["framework", "deals", "others"], qualification],
  [["kind", "total", "rows"], rows],
  [["seats", "gaps", "account"], committee],
  [["sent", "simulated", "recipient", "place"], sent],
  [["recipients", "allowed", "review", "blocked"], clearance],
  [["question", "found", "passages"], passages],
  [["looked_at", "deals", "levels"], risks],
  [["actions", "looked_at"], actions],
  [["findings", "not_asked", "compared_with"], dataQuality],
  [["headline", "as_of", "rules"], report],
];

function score(output: Tree): Block[] {
  return [
    { kind: "score", value: Number(output.score), of: 100, label: str(output.account), more: `tier ${str(output.tier)}, ${str(output.coverage)} % of the weight is known` },
    {
      kind: "table",
      columns: [column("factor"), column("state", "state"), column("points", "number"), column("of", "number"), column("why")],
      rows: treesOf(output.factors).map((one) => [words(str(one.factor)), str(one.state), str(one.points), str(one.of), str(one.why)]),
      total: 0,
    },
    items("Not known", output.unknowns),
    items("Rules it out", output.disqualifiers),
    notes(output),
  ];
}

function letter(output: Tree): Block[] {
  return [{ kind: "letter", letter: letterOf(output) }, notes(output)];
}

function quality(output: Tree): Block[] {
  const checks = treesOf(output.checks);
  const short = checks.filter((one) => Number(one.points) < Number(one.of));
  return [
    {
      kind: "score",
      value: Number(output.score),
      of: 100,
      label: `grade ${str(output.grade)}, ${output.ready_to_send === true ? "ready to send" : "not ready to send"}`,
      more: `${str(output.words)} words, ${checks.length - short.length} of ${checks.length} checks give full points`,
    },
    {
      kind: "table",
      columns: [column("check"), column("points", "number"), column("of", "number")],
      rows: short.map((one) => [words(str(one.check)), str(one.points), str(one.of)]),
      total: 0,
    },
    {
      kind: "table",
      columns: [column("weight", "state"), column("check"), column("says"), column("text")],
      rows: treesOf(output.issues).map((one) => [str(one.weight), words(str(one.check)), str(one.says), str(one.text)]),
      total: 0,
    },
    notes(output),
  ];
}

function qualification(output: Tree): Block[] {
  const deals = treesOf(output.deals);
  return [
    ...deals.flatMap((deal): Block[] => [
      {
        kind: "headline",
        text: `${str(deal.opportunity)}${deal.account ? ` (${str(deal.account)})` : ""}, ${str(output.framework)}`,
        state: str(deal.verdict),
        more: [deal.readiness == null ? "" : `readiness ${str(deal.readiness)} of 100`, deal.unknown_share ? `${str(deal.unknown_share)} % unknown` : ""].filter(Boolean).join(", "),
      },
      {
        kind: "table",
        columns: [column("element"), column("state", "state"), column("why"), column("said"), column("where")],
        rows: treesOf(deal.elements).map((one) => {
          const statement = isTree(one.statement) ? one.statement : null;
          const quote = statement && str(statement.quote) ? `“${str(statement.quote)}” ${str(statement.who)}`.trim() : "";
          return [words(str(one.element)), str(one.state), str(one.why), quote, statement ? str(statement.source) : ""];
        }),
        total: 0,
      },
      items("Ask next", deal.next_questions, true),
      notes(deal),
    ]),
    items("Other open deals of the account, not looked at", output.others),
    ...(deals.length ? [] : [{ kind: "text", text: "No deal to look at." } as const]),
    notes(output),
  ];
}

function rows(output: Tree): Block[] {
  return [{ kind: "headline", text: `${count(Number(output.total))} ${words(str(output.kind))}` }, tableOf("", treesOf(output.rows), Number(output.total)), notes(output)];
}

function committee(output: Tree): Block[] {
  return [
    { kind: "headline", text: str(output.account) },
    {
      kind: "table",
      columns: [column("seat"), column("state", "state"), column("who"), column("why"), column("where")],
      rows: treesOf(output.seats).flatMap((seat) => {
        const people = treesOf(seat.people);
        return (people.length ? people : [{} as Tree]).map((one, at) => [
          at ? "" : words(str(seat.seat)),
          at ? "" : str(seat.state),
          [str(one.name), str(one.title)].filter(Boolean).join(", ") + (one.unsubscribed === true ? " (wants no mail)" : ""),
          str(one.why),
          str(one.source),
        ]);
      }),
      total: 0,
    },
    ...rest(output, "account", "seats"),
    notes(output),
  ];
}

function sent(output: Tree): Block[] {
  if (output.simulated === true) {
    return [{ kind: "headline", text: `Not sent: this profile only shows what would leave the house. It would go to ${str(output.recipient)}.`, state: "skipped" }];
  }
  return [
    { kind: "headline", text: `Sent to ${str(output.recipient)}`, state: "done" },
    { kind: "facts", rows: pairs(Object.fromEntries(Object.entries(output).filter(([name]) => !["sent", "simulated", "recipient"].includes(name)))) },
  ];
}

function simulated(output: Tree): Block[] {
  const given = isTree(output.arguments) ? output.arguments : {};
  return [
    { kind: "headline", text: `Not done: this profile only shows what ${str(output.tool)} would do.`, state: "skipped" },
    ...Object.entries(given).flatMap(([name, value]): Block[] => (isTree(value) ? [{ kind: "part", title: words(name), blocks: blocksOf(value) }] : [{ kind: "facts", rows: [[words(name), said(value)]] }])),
  ];
}

function clearance(output: Tree): Block[] {
  return [
    { kind: "headline", text: `${str(output.allowed)} allowed, ${str(output.review)} ${output.review === 1 ? "needs" : "need"} review, ${str(output.blocked)} blocked` },
    ...treesOf(output.recipients).flatMap((one): Block[] => [
      { kind: "headline", text: one.name ? `${str(one.name)} <${str(one.recipient)}>` : str(one.recipient), state: str(one.verdict), more: [str(one.country) || "country not known", str(one.law)].filter(Boolean).join(": ") },
      {
        kind: "table",
        columns: [column("about"), column("state", "state"), column("says"), column("rule")],
        rows: treesOf(one.findings).map((found) => [words(str(found.about)), str(found.state), str(found.says), str(found.rule)]),
        total: 0,
      },
      tableOf("It rests on", treesOf(one.evidence), 0),
    ]),
    ...rest(output, "recipients", "allowed", "review", "blocked"),
    notes(output),
  ];
}

function passages(output: Tree): Block[] {
  return [
    { kind: "headline", text: output.found === true ? str(output.question) : "This is not in the documents" },
    ...treesOf(output.passages).map((one): Block => ({
      kind: "quote",
      title: str(one.heading) || str(one.title),
      text: str(one.text),
      where: `${str(one.file)}${one.line ? `:${str(one.line)}` : ""}${one.date ? `, ${str(one.date)}` : ""}`,
    })),
    items("Missing", output.missing),
    notes(output),
  ];
}

const dealName = (deal: Tree) => `${str(deal.opportunity)}${deal.account ? ` (${str(deal.account)})` : ""}`;

function risks(output: Tree): Block[] {
  const levels = isTree(output.levels) ? Object.entries(output.levels).map(([level, n]) => `${said(n)} ${level}`).join(", ") : "";
  return [
    { kind: "headline", text: `${str(output.looked_at)} deals looked at`, more: levels },
    ...treesOf(output.deals).flatMap((deal): Block[] => [
      { kind: "headline", text: dealName(deal), state: str(deal.level), more: `${str(deal.points)} risk points (${str(deal.coverage)} % could be judged)` },
      {
        kind: "table",
        columns: [column("points", "number"), column("risk"), column("why"), column("what helps")],
        rows: treesOf(deal.risks).map((one) => [str(one.points), str(one.risk), str(one.why), str(one.fix)]),
        total: 0,
      },
      items("Not known", deal.unknowns),
    ]),
    ...rest(output, "looked_at", "levels", "deals"),
    notes(output),
  ];
}

function actions(output: Tree): Block[] {
  return [
    ...treesOf(output.actions).flatMap((deal): Block[] => {
      const action = isTree(deal.action) ? deal.action : {};
      return [
        { kind: "headline", text: dealName(deal), state: str(deal.level) },
        { kind: "facts", rows: pairs({ do: action.action ?? "", by: action.due ?? "", why: action.reason ?? "", ask: action.ask ?? "" }) },
        items("Otherwise", treesOf(deal.alternatives).map((one) => `${str(one.action)} (${str(one.reason)})`)),
        notes(deal),
      ];
    }),
    ...rest(output, "actions", "looked_at"),
    notes(output),
  ];
}

function dataQuality(output: Tree): Block[] {
  const findings = treesOf(output.findings);
  const records = isTree(output.records) ? Object.values(output.records).reduce<number>((sum, n) => sum + Number(n), 0) : 0;
  return [
    { kind: "headline", text: `${count(records)} records: ${findings.length} rules broken, ${str(output.clean)} hold`, more: output.compared_with ? `compared with ${str(output.compared_with)}` : "" },
    {
      kind: "table",
      columns: [column("what"), column("records"), column("count", "number"), column("of", "number"), column("the first"), column("to mend it")],
      rows: findings.map((one) => {
        const [first] = treesOf(one.rows);
        return [str(one.says), str(one.kind), str(one.count), str(one.of), first ? str(first.source) || str(first.id) : "", str(one.fix)];
      }),
      total: 0,
    },
    items("Mended since", output.mended),
    items("Could not be asked", output.not_asked),
    notes(output),
  ];
}

function report(output: Tree): Block[] {
  return [{ kind: "headline", text: str(output.headline) }, ...rest(output, "headline", "as_of", "rules"), { kind: "notes", items: [...listOf(output.assumptions), ...listOf(output.notes)].map(said).concat(`as of ${str(output.as_of)}, rules ${str(output.rules)}`) }];
}

// --- anything -------------------------------------------------------------------------------------------------------
function anything(output: Tree): Block[] {
  const single = Object.entries(output).filter(([, value]) => value === null || typeof value !== "object");
  const long = single.filter(([, value]) => typeof value === "string" && (value.includes("\n") || value.length > 160));
  const apart = new Set(long.map(([name]) => name));
  return [
    { kind: "facts", rows: single.filter(([name]) => !apart.has(name)).map(([name, value]) => [words(name), said(value)] as const).filter(([, value]) => value !== "") },
    ...long.map(([name, value]): Block => ({ kind: "text", title: words(name), text: said(value) })),
    ...Object.entries(output).filter(([name, value]) => value !== null && typeof value === "object" && name !== "notes" && name !== "assumptions").flatMap(([name, value]) => partsOf(words(name), value)),
    notes(output),
  ];
}

function partsOf(title: string, value: Json): Block[] {
  if (isTree(value)) {
    if (!Object.keys(value).length) return [];
    const known = SHAPES.some(([names]) => has(value, ...names));
    return [{ kind: "part", title, blocks: known ? blocksOf(value) : anything(value).filter(isSaid) }];
  }
  const all = listOf(value);
  if (!all.length) return [];
  const trees = treesOf(value);
  if (trees.length === all.length) return [tableOf(title, trees, 0)];
  return [{ kind: "list", title, items: all.map(said) }];
}

function pairs(value: Tree): (readonly [string, string])[] {
  return Object.entries(value).map(([name, item]) => [words(name), said(item)] as const).filter(([, item]) => item !== "");
}

const STATES = new Set(["state", "verdict", "weight", "level", "severity", "status"]);

function tableOf(title: string, trees: readonly Tree[], total: number): Block {
  const names = [...new Set(trees.flatMap((tree) => Object.keys(tree)))].filter((name) => trees.some((tree) => said(tree[name]) !== ""));
  const kept = names.filter((name) => !(name.endsWith("_id") && trees.every((tree) => tree[name] === tree[name.slice(0, -3)])) && !(name === "id" && trees.every((tree) => tree.id === tree.name)));
  return {
    kind: "table",
    title,
    columns: kept.map((name) => ({ name: words(name), isNumber: trees.every((tree) => tree[name] == null || typeof tree[name] === "number"), isState: STATES.has(name) && trees.every((tree) => tree[name] == null || typeof tree[name] === "string") })),
    rows: trees.map((tree) => kept.map((name) => said(tree[name]))),
    total,
  };
}
