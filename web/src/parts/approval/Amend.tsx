/** Change what would be done. It becomes a request of its own, which somebody decides. */

import { useMemo, useState, type FormEvent } from "react";
import { words } from "../../model/format";
import { said } from "../../model/outputs";
import type { Json } from "../../wire/read";
import type { Card } from "../../wire/shapes";
import { t } from "../../words/en";
import { Field } from "../basic";
import { Dialog } from "../dialog";
import { Empty, Problem } from "../feedback";

interface Props {
  readonly card: Card;
  readonly onClose: () => void;
  readonly onSubmit: (changes: Record<string, Json>, reason: string, without: readonly number[]) => Promise<void>;
}

/** Change leaves of the arguments; what is sent is path and new value, the rest stays as it was. Of a list a path begins
 * with the number of a call, and calls can be left out: they are denied. */
export function Amend({ card, onClose, onSubmit }: Props) {
  const groups = useMemo(() => groupsOf(card), [card]);
  const leaves = groups.flatMap((group) => group.leaves);
  const [edited, edit] = useState<Record<string, string>>({});
  const [out, leaveOut] = useState<ReadonlySet<number>>(new Set());
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const isOut = (path: string) => groups.some((group) => out.has(group.number) && group.leaves.some(([name]) => name === path));
  const changed = Object.entries(edited).filter(([path, value]) => !isOut(path) && said(leaves.find(([name]) => name === path)?.[1]) !== value);
  const isAllOut = card.calls.length > 0 && out.size === groups.length;
  const go = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const changes = Object.fromEntries(changed.map(([path, value]) => [path, likeBefore(leaves.find(([name]) => name === path)![1], value)]));
      // a body that was rewritten has no hash of its own yet; the digest of the new request binds it
      for (const path of Object.keys(changes)) if (/(^|\.)body$/.test(path)) changes[`${path}_hash`] = "";
      await onSubmit(changes, reason, [...out]);
      onClose();
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  if (!leaves.length && !card.calls.length) {
    return (
      <Dialog open onClose={onClose} title={t.ask.edit}>
        <Empty title={t.ask.nothingChanged} />
      </Dialog>
    );
  }
  return (
    <Dialog open onClose={onClose} title={t.ask.edit} lead={t.ask.editLead} wide="42rem">
      <form className="stack" onSubmit={(event) => void go(event)}>
        {groups.map((group) => (
          <div key={group.number} role="group" aria-label={group.of ? t.ask.call(group.at, group.of) : t.ask.edit} className="stack gap3">
            {group.of > 0 && (
              <div className="row grow">
                <span className="strong">{t.ask.call(group.at, group.of)}</span>
                <span className="small dim wrap-any">{group.about}</span>
                <label className="row gap2 end small">
                  <input type="checkbox" checked={out.has(group.number)} onChange={() => leaveOut(new Set(out.has(group.number) ? [...out].filter((one) => one !== group.number) : [...out, group.number]))} />
                  {t.ask.leaveOut}
                </label>
              </div>
            )}
            {!out.has(group.number) &&
              group.leaves.map(([path, value], at) => {
                const text = edited[path] ?? said(value);
                const isLong = text.length > 70 || text.includes("\n");
                const given = { value: text, onChange: (event: { target: { value: string } }) => edit({ ...edited, [path]: event.target.value }), ...(at === 0 && group.at === 1 ? { "data-autofocus": true } : {}) };
                const label = group.of ? path.slice(path.indexOf(".") + 1) : path;
                return (
                  <Field key={path} label={words(label.replaceAll(".", " › "))}>
                    {isLong ? <textarea className="area" rows={Math.min(12, text.split("\n").length + 2)} {...given} /> : <input className="input" {...given} />}
                  </Field>
                );
              })}
          </div>
        ))}
        <Field label={`${t.common.reason} (${t.common.optional})`}>
          <input className="input" value={reason} onChange={(event) => setReason(event.target.value)} />
        </Field>
        {error != null && <Problem error={error} />}
        <div className="row">
          <button type="submit" className="button first" disabled={busy || isAllOut || !(changed.length || out.size)}>
            {t.ask.editDo}
          </button>
          {isAllOut ? <span className="small dim">{t.ask.allOut}</span> : !changed.length && !out.size && <span className="small dim">{t.ask.nothingChanged}</span>}
        </div>
      </form>
    </Dialog>
  );
}

interface Group {
  readonly number: number; // the call's own, as in `s3#2`
  readonly at: number; // its place on the card, from 1
  readonly of: number; // calls of the card; 0: it is one call and no list
  readonly about: string;
  readonly leaves: readonly (readonly [string, Json])[];
}

function groupsOf(card: Card): readonly Group[] {
  if (!card.calls.length) return [{ number: 0, at: 1, of: 0, about: "", leaves: leavesOf(card.arguments) }];
  const given = Array.isArray(card.arguments) ? card.arguments : [];
  return card.calls.map((call, at) => {
    const number = Number(call.slice(call.lastIndexOf("#") + 1));
    const leaves = leavesOf(given[at] ?? null);
    const about = leaves.find(([path]) => /(^|\.)(recipient|account|opportunity)$/.test(path))?.[1];
    return { number, at: at + 1, of: card.calls.length, about: said(about ?? ""), leaves: leaves.map(([path, value]) => [`${number}.${path}`, value] as const) };
  });
}

const SEALED = new Set(["body_hash", "message_id", "kind", "intent", "account_id"]); // names and hashes, not words of a message

/** What a person may sensibly rewrite: texts and numbers, by path. */
function leavesOf(value: Json, path = "", depth = 0): (readonly [string, Json])[] {
  if (value === null) return [];
  if (typeof value !== "object") return path && !SEALED.has(path.split(".").at(-1)!) ? [[path, value]] : [];
  if (Array.isArray(value) || depth > 1) return [];
  return Object.entries(value).flatMap(([name, item]) => (name === "clearance" ? [] : leavesOf(item, path ? `${path}.${name}` : name, depth + 1)));
}

function likeBefore(before: Json, text: string): Json {
  if (typeof before === "number" && text.trim() !== "" && !isNaN(Number(text))) return Number(text);
  if (typeof before === "boolean") return text === "yes" || text === "true";
  return text;
}
