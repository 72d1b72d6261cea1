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

/** Change leaves of the arguments; what is sent is path and new value, the rest stays as it was. */
export function Amend({ card, onClose, onSubmit }: { readonly card: Card; readonly onClose: () => void; readonly onSubmit: (changes: Record<string, Json>, reason: string) => Promise<void> }) {
  const leaves = useMemo(() => leavesOf(card.arguments), [card]);
  const [edited, edit] = useState<Record<string, string>>({});
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const changed = Object.entries(edited).filter(([path, value]) => said(leaves.find(([name]) => name === path)?.[1]) !== value);
  const go = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const changes = Object.fromEntries(changed.map(([path, value]) => [path, likeBefore(leaves.find(([name]) => name === path)![1], value)]));
      // a body that was rewritten has no hash of its own yet; the digest of the new request binds it
      for (const path of Object.keys(changes)) if (/(^|\.)body$/.test(path)) changes[`${path}_hash`] = "";
      await onSubmit(changes, reason);
      onClose();
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  if (!leaves.length) {
    return (
      <Dialog open onClose={onClose} title={t.ask.edit}>
        <Empty title={t.ask.nothingChanged} />
      </Dialog>
    );
  }
  return (
    <Dialog open onClose={onClose} title={t.ask.edit} lead={t.ask.editLead} wide="42rem">
      <form className="stack" onSubmit={(event) => void go(event)}>
        {leaves.map(([path, value], at) => {
          const text = edited[path] ?? said(value);
          const isLong = text.length > 70 || text.includes("\n");
          const given = { value: text, onChange: (event: { target: { value: string } }) => edit({ ...edited, [path]: event.target.value }), ...(at === 0 ? { "data-autofocus": true } : {}) };
          return (
            <Field key={path} label={words(path.replaceAll(".", " › "))}>
              {isLong ? <textarea className="area" rows={Math.min(12, text.split("\n").length + 2)} {...given} /> : <input className="input" {...given} />}
            </Field>
          );
        })}
        <Field label={`${t.common.reason} (${t.common.optional})`}>
          <input className="input" value={reason} onChange={(event) => setReason(event.target.value)} />
        </Field>
        {error != null && <Problem error={error} />}
        <div className="row">
          <button type="submit" className="button first" disabled={busy || !changed.length}>
            {t.ask.editDo}
          </button>
          {!changed.length && <span className="small dim">{t.ask.nothingChanged}</span>}
        </div>
      </form>
    </Dialog>
  );
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
