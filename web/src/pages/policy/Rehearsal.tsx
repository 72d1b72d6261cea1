/** Other rules: held against the record, or kept in the shadow of what goes on. */

import { useState, type FormEvent } from "react";
import { Link } from "@tanstack/react-router";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { count, short, words } from "../../model/format";
import * as wire from "../../wire/house";
import { Refused } from "../../wire/http";
import { t } from "../../words/en";
import { useCan } from "../../app/session";
import { Choices, Exact, Field, Section } from "../../parts/basic";
import { Problem } from "../../parts/feedback";

const DAY_MS = 86_400_000;
const FIRST = 50; // changes that are shown

export function Rehearsal() {
  const client = useQueryClient();
  const may = useCan("govern");
  const [text, setText] = useState("");
  const [days, setDays] = useState("7");
  const attempt = useMutation({ mutationFn: () => wire.backtest(text, new Date(Date.now() - Number(days) * DAY_MS).toISOString()) });
  const shadow = useQuery({ queryKey: ["shadow"], queryFn: () => wire.shadow().catch(noneIsNull), retry: false });
  const again = () => void client.invalidateQueries({ queryKey: ["shadow"] });
  const keep = useMutation({ mutationFn: () => wire.beginShadow(text), onSuccess: again });
  const end = useMutation({ mutationFn: wire.endShadow, onSuccess: again });
  const error = attempt.error ?? keep.error ?? end.error;
  const busy = attempt.isPending || keep.isPending;
  return (
    <div className="stack gap5">
      {may && (
        <Section title={t.policy.rehearsal}>
          <form className="stack" onSubmit={(event: FormEvent) => { event.preventDefault(); attempt.mutate(); }}>
            <p className="dim prose">{t.policy.rehearsalLead}</p>
            <Field label={t.policy.chooseFile}>
              <input className="input" type="file" accept=".yaml,.yml" onChange={(event) => void event.target.files?.[0]?.text().then(setText)} />
            </Field>
            <Field label={t.policy.registry}>
              <textarea className="area mono small" rows={8} spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />
            </Field>
            <div className="row gap3">
              <span className="small dim">{t.policy.since}</span>
              <Choices label={t.policy.since} value={days} onPick={setDays} options={Object.entries(t.audit.spans)} />
            </div>
            {error && <Problem error={error} />}
            <div className="row">
              <button type="submit" className="button first" disabled={busy || !text.trim()}>
                {attempt.isPending ? t.policy.trying : t.policy.try}
              </button>
              <button type="button" className="button" disabled={busy || !text.trim()} onClick={() => keep.mutate()}>
                {t.policy.keep}
              </button>
            </div>
          </form>
        </Section>
      )}
      <div aria-live="polite">{attempt.data && <div className="card inside"><Changes found={attempt.data} /></div>}</div>
      <Section
        title={t.policy.shadow}
        action={
          may &&
          shadow.data && (
            <button type="button" className="button small" disabled={end.isPending} onClick={() => end.mutate()}>
              {t.policy.endShadow}
            </button>
          )
        }
      >
        {shadow.data ? (
          <div className="stack">
            <p className="dim">{t.policy.shadowLead}</p>
            <Changes found={shadow.data} />
          </div>
        ) : shadow.isError ? (
          <Problem error={shadow.error} />
        ) : (
          <p>{t.policy.noShadow}</p>
        )}
      </Section>
    </div>
  );
}

const noneIsNull = (refused: unknown) => (refused instanceof Refused && (refused.status === 404 || refused.code === "bad_input") ? null : Promise.reject(refused));

function Changes({ found }: { readonly found: wire.Rehearsed }) {
  const ways = new Map<string, number>();
  for (const one of found.changes) ways.set(`${one.before} → ${one.after}`, (ways.get(`${one.before} → ${one.after}`) ?? 0) + 1);
  return (
    <div className="stack gap3">
      <p className="strong">{found.changes.length ? t.policy.wouldChange(found.changes.length) : t.policy.nothingChanges}</p>
      <p className="small dim">
        {t.policy.looked(found.runs, found.steps)} {[...ways].map(([way, n]) => `${way}: ${count(n)}`).join(", ")}
      </p>
      {found.changes.length > 0 && (
        <div className="table-box" tabIndex={0} role="group" aria-label={t.policy.rehearsal}>
          <table className="table flush fold">
            <thead>
              <tr>
                {[t.policy.tool, t.policy.before, t.policy.after, t.audit.why, t.audit.run].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {found.changes.slice(0, FIRST).map((one, at) => (
                <tr key={at}>
                  <td className="strong" data-label={t.policy.tool}>{words(one.tool)}</td>
                  <td data-label={t.policy.before}>{one.before}</td>
                  <td data-label={t.policy.after}>{one.after}</td>
                  <td className="text" data-label={t.audit.why} data-empty={!one.reason || undefined}>
                    <Exact>{one.reason}</Exact>
                  </td>
                  <td className="brief" data-label={t.audit.run}>
                    <Link to="/runs/$id" params={{ id: one.runId }} className="mono tiny" title={one.runId}>
                      {short(one.runId)}
                    </Link>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {found.changes.length > FIRST && <p className="small dim">{t.common.rowsOf(FIRST, found.changes.length)}</p>}
    </div>
  );
}
