/** One request, decided on: what exactly would be done and where it goes, what changes, why, what follows, who says so.
 *
 * What stands here is drawn from the bytes that the server will use; the digest over them is checked before anybody
 * can agree, and is sent with the decision. Agreeing is never what the keyboard falls on first.
 */

import { useEffect, useMemo, useState, type FormEvent, type ReactNode } from "react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { wordsBetween } from "../model/diff";
import { cost, dayAndTime, spanOf, title, words } from "../model/format";
import { suspicionsIn } from "../model/hidden";
import { blocksOf, isLetter, letterOf, said } from "../model/outputs";
import { sha256 } from "../wire/exact";
import * as wire from "../wire/house";
import { Refused } from "../wire/http";
import type { Json } from "../wire/read";
import type { Card, CardNow, Change } from "../wire/shapes";
import { t } from "../words/en";
import { useMe } from "../app/session";
import { Copy, Effect, Exact, Facts, Field, State, useNow } from "./basic";
import { Ask, Dialog } from "./dialog";
import { Bones, Empty, Problem, useToast } from "./feedback";
import { Icon } from "./icons";
import { Drawn, LetterView } from "./outputs";

interface Props {
  readonly id: string | null;
  readonly onClose: () => void;
  readonly onNext?: (() => void) | undefined;
  readonly toRun?: (runId: string) => void;
}

type Doing = "approve" | "deny" | "request-changes" | "amend";

export function ApprovalDialog({ id, onClose, onNext, toRun }: Props) {
  const found = useQuery({ queryKey: ["approval", id], queryFn: () => wire.approval(id!), enabled: id !== null, staleTime: 0, refetchInterval: false });
  if (id === null) return null;
  if (found.isError) {
    return (
      <Dialog open onClose={onClose} title={t.ask.gone}>
        <Problem error={found.error} retry={() => void found.refetch()} />
      </Dialog>
    );
  }
  if (!found.data) {
    return (
      <Dialog open onClose={onClose} title={t.ask.title} wide="46rem">
        <Bones lines={8} />
      </Dialog>
    );
  }
  const { now, bytes } = found.data;
  return <Request key={`${id}/${now.card.digest}/${now.card.state}`} now={now} bytes={bytes} onClose={onClose} onNext={onNext} toRun={toRun} reload={() => void found.refetch()} />;
}

interface RequestProps extends Omit<Props, "id"> {
  readonly now: CardNow;
  readonly bytes: string;
  readonly reload: () => void;
}

type Seal = "checking" | "holds" | "broken" | "unknown";

function useSeal(bytes: string, digest: string): Seal {
  const [seal, set] = useState<Seal>("checking");
  useEffect(() => {
    let here = true;
    void sha256(bytes).then((found) => here && set(found === null ? "unknown" : found === digest ? "holds" : "broken"));
    return () => void (here = false);
  }, [bytes, digest]);
  return seal;
}

function Request({ now, bytes, onClose, onNext, toRun, reload }: RequestProps) {
  const { card, mayDecide } = now;
  const me = useMe();
  const say = useToast();
  const client = useQueryClient();
  const seal = useSeal(bytes, card.argumentsDigest);
  const [doing, setDoing] = useState<Doing | null>(null);
  const [stepUp, setStepUp] = useState<(() => Promise<void>) | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [stale, setStale] = useState(false);
  const [busy, setBusy] = useState(false);

  const isOpen = card.state === "open";
  const isOwn = !me.isSolo && card.requesters.includes(me.user);
  const ready = isOpen && mayDecide && seal !== "broken" && seal !== "checking" && !busy && !stale;

  const decide = async (verdict: Doing, reason: string, changes?: Record<string, Json>) => {
    setBusy(true);
    setError(null);
    try {
      await wire.decide(card.approvalId, { verdict, digest: card.digest, ...(reason ? { reason } : {}), ...(changes ? { changes } : {}) });
      say(t.ask.done[verdict] ?? "");
      void client.invalidateQueries();
      onNext ? onNext() : onClose();
    } catch (refused) {
      if (refused instanceof Refused && refused.code === "step_up_needed") {
        setStepUp(() => () => decide(verdict, reason, changes));
      } else if (refused instanceof Refused && [404, 409, 410, 412].includes(refused.status)) {
        setStale(true);
        setError(refused);
      } else {
        setError(refused);
        throw refused;
      }
    } finally {
      setBusy(false);
    }
  };

  const onKey = (event: React.KeyboardEvent) => {
    const target = event.target as HTMLElement;
    if (event.metaKey || event.ctrlKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || doing) return;
    const act = { a: () => ready && void decide("approve", "").catch(() => undefined), d: () => ready && setDoing("deny"), c: () => ready && setDoing("request-changes"), e: () => ready && setDoing("amend") }[event.key.toLowerCase()];
    if (act) {
      event.preventDefault();
      act();
    }
  };

  return (
    <>
      <Dialog
        open
        wide="48rem"
        onClose={onClose}
        onKey={onKey}
        title={<span className="row">{title(card.name || card.tool)} {!isOpen && <State state={card.state} />}</span>}
        lead={<span className="row gap2"><Effect of={card.sideEffect} /><State state={card.risk} label={t.inbox.risk[card.risk] ?? card.risk} />{isOpen && <TimeLeft until={card.expiresAt} />}</span>}
        footer={isOpen && !stale ? <Actions ready={ready} mayDecide={mayDecide} why={isOwn ? t.ask.own : t.ask.notYours(now.whoCan.join(", ") || card.roles.join(", "))} onApprove={() => void decide("approve", "").catch(() => undefined)} onDo={setDoing} /> : <After card={card} toRun={toRun} onNext={onNext} stale={stale} reload={reload} />}
      >
        <div className="stack gap5">
          {stale && (
            <div className="notice tone-wait" role="alert">
              <Icon name="clock" />
              <div>
                <p className="title">{t.ask.stale}</p>
                <p className="small">{t.ask.staleLead}</p>
                {error instanceof Refused && <p className="small dim">{error.message}</p>}
              </div>
            </div>
          )}
          {!stale && error != null && <Problem error={error} />}
          <Suspicious card={card} />
          <What card={card} bytes={bytes} seal={seal} />
          <Diff now={now} />
          <Why card={card} />
          {card.votes.length > 0 && <Votes card={card} />}
          {isOpen && now.onBehalfOf && <p className="small dim">{t.ask.behalf(now.onBehalfOf)}</p>}
          {isOpen && me.isSolo && <p className="small dim">{t.ask.solo}</p>}
        </div>
      </Dialog>
      <Ask open={doing === "deny"} onClose={() => setDoing(null)} title={t.ask.deny} lead={t.ask.denyWhy} submit={t.ask.deny} risky optional onSubmit={(reason) => decide("deny", reason)} />
      <Ask open={doing === "request-changes"} onClose={() => setDoing(null)} title={t.ask.changes} lead={t.ask.changesWhy} submit={t.ask.changes} onSubmit={(reason) => decide("request-changes", reason)} />
      {doing === "amend" && <Amend card={card} onClose={() => setDoing(null)} onSubmit={(changes, reason) => decide("amend", reason, changes)} />}
      <Ask
        open={stepUp !== null}
        onClose={() => setStepUp(null)}
        title={t.entrance.stepUpTitle}
        lead={t.entrance.stepUpLead}
        label={t.entrance.password}
        type="password"
        submit={t.entrance.confirm}
        onSubmit={async (password) => {
          await wire.stepUp(password);
          await stepUp?.();
        }}
      />
    </>
  );
}

function TimeLeft({ until }: { readonly until: Date }) {
  const now = useNow(1_000);
  const left = (+until - +now) / 1000;
  return <span className={`state plain tone-${left < 900 ? "bad" : "calm"}`}>{left > 0 ? t.inbox.left(spanOf(left)) : t.inbox.late}</span>;
}

function Actions({ ready, mayDecide, why, onApprove, onDo }: { readonly ready: boolean; readonly mayDecide: boolean; readonly why: string; readonly onApprove: () => void; readonly onDo: (doing: Doing) => void }) {
  if (!mayDecide) return <p className="row small dim"><Icon name="lock" size={16} />{why}</p>;
  return (
    <div className="ask-actions">
      <button type="button" className="button first big whole" disabled={!ready} onClick={onApprove}>
        <Icon name="check" size={18} />
        {t.ask.approve}
      </button>
      <button type="button" className="button big risky" disabled={!ready} onClick={() => onDo("deny")}>
        {t.ask.deny}
      </button>
      <button type="button" className="button big" disabled={!ready} onClick={() => onDo("request-changes")}>
        {t.ask.changes}
      </button>
      <button type="button" className="button big bare end" disabled={!ready} onClick={() => onDo("amend")}>
        {t.ask.edit}
      </button>
    </div>
  );
}

function After({ card, toRun, onNext, stale, reload }: Pick<RequestProps, "toRun" | "onNext" | "reload"> & { readonly card: Card; readonly stale: boolean }) {
  const [asking, setAsking] = useState(false);
  const client = useQueryClient();
  return (
    <div className="row grow">
      {stale && (
        <button type="button" className="button first" onClick={reload}>
          {t.ask.reload}
        </button>
      )}
      {card.state === "approved" && (
        <button type="button" className="button risky" onClick={() => setAsking(true)}>
          {t.ask.revoke}
        </button>
      )}
      {toRun && (
        <button type="button" className="button" onClick={() => toRun(card.runId)}>
          {t.ask.toRun}
        </button>
      )}
      {onNext && (
        <button type="button" className="button end" onClick={onNext}>
          {t.ask.next}
        </button>
      )}
      <Ask
        open={asking}
        onClose={() => setAsking(false)}
        title={t.ask.revoke}
        submit={t.ask.revoke}
        risky
        optional
        onSubmit={async (reason) => {
          await wire.revoke(card.approvalId, reason);
          await client.invalidateQueries();
          reload();
        }}
      />
    </div>
  );
}

function Suspicious({ card }: { readonly card: Card }) {
  const found = useMemo(() => suspicionsIn(card.arguments), [card]);
  if (!found.hidden && !found.alike) return null;
  return (
    <div className="notice tone-bad" role="alert">
      <Icon name="warn" />
      <div className="stack gap1">
        {found.hidden > 0 && <p className="strong">{t.ask.hidden(found.hidden)}</p>}
        {found.alike > 0 && <p className="strong">{t.ask.alike(found.alike)}</p>}
      </div>
    </div>
  );
}

function What({ card, bytes, seal }: { readonly card: Card; readonly bytes: string; readonly seal: Seal }) {
  const given = card.arguments !== null && typeof card.arguments === "object" && !Array.isArray(card.arguments) ? card.arguments : { value: card.arguments };
  const through = Object.entries(card.adapters).map(([capability, adapter]) => `${capability}: ${adapter}`).join(", ");
  const kind = card.effect.split(":", 1)[0];
  const target = kind && kind !== card.tool ? card.effect.slice(kind.length + 1) : "";
  return (
    <section className="stack gap3" aria-label={t.ask.exactly}>
      <h3>{card.sideEffect === "execute" ? t.ask.leaves : t.ask.stays}</h3>
      <Facts rows={[[t.ask.to, target && <span className="strong"><Exact>{target}</Exact></span>], [t.ask.through, through]]} />
      {Object.entries(given).map(([name, value]) => (isLetter(value) ? <Message key={name} name={name} value={value} /> : null))}
      <Others given={given} />
      <Bytes bytes={bytes} card={card} seal={seal} />
    </section>
  );
}

function Message({ name, value }: { readonly name: string; readonly value: { [name: string]: Json } }) {
  const rest = Object.fromEntries(Object.entries(value).filter(([field]) => !["body", "subject", "unfilled", "recipient", "recipient_name", "recipient_title"].includes(field)));
  return (
    <div className="stack gap2" aria-label={name}>
      <LetterView letter={letterOf(value)} />
      <details>
        <summary className="small dim">{t.outputs.rest}</summary>
        <div className="stack gap3 sunk" style={{ marginTop: "var(--s2)" }}>
          {blocksOf(rest).map((block, at) => (
            <Drawn key={at} block={block} />
          ))}
        </div>
      </details>
    </div>
  );
}

function Others({ given }: { readonly given: { [name: string]: Json } }) {
  const others = Object.entries(given).filter(([, value]) => !isLetter(value));
  const plain = others.filter(([, value]) => value === null || typeof value !== "object");
  return (
    <>
      {plain.length > 0 && <Facts rows={plain.map(([name, value]) => [words(name), <Exact key={name}>{said(value) || "–"}</Exact>])} />}
      {others
        .filter(([, value]) => value !== null && typeof value === "object")
        .map(([name, value]) => (
          <details key={name} open>
            <summary className="small strong">{title(name)}</summary>
            <div className="stack gap3 sunk" style={{ marginTop: "var(--s2)" }}>
              {blocksOf(value).map((block, at) => (
                <Drawn key={at} block={block} />
              ))}
            </div>
          </details>
        ))}
    </>
  );
}

function Bytes({ bytes, card, seal }: { readonly bytes: string; readonly card: Card; readonly seal: Seal }) {
  return (
    <details open={seal === "broken"}>
      <summary className="small dim">
        {t.ask.bytes}{" "}
        {seal === "holds" && <span className="text-tone tone-good">· {t.ask.sealed}</span>}
        {seal === "unknown" && <span>· {t.ask.noSeal}</span>}
      </summary>
      <div className="stack gap2" style={{ marginTop: "var(--s2)" }}>
        <p className="small dim">{t.ask.bytesLead}</p>
        <pre className="exact" tabIndex={0}>
          <Exact>{bytes}</Exact>
        </pre>
        <p className="seal">sha256 {card.argumentsDigest}</p>
        <Copy text={bytes} />
      </div>
      {seal === "broken" && (
        <div className="notice tone-bad" role="alert">
          <Icon name="warn" />
          <p className="strong">{t.ask.unsealed}</p>
        </div>
      )}
    </details>
  );
}

/** What changes: against what is in the records now, and against the request that this one replaced. */
function Diff({ now }: { readonly now: CardNow }) {
  return (
    <>
      <Changes title={t.ask.diff} changes={now.changes} />
      <Changes title={t.ask.amended} changes={now.edits} />
    </>
  );
}

function Changes({ title: name, changes }: { readonly title: string; readonly changes: readonly Change[] }) {
  if (!changes.length) return null;
  return (
    <section className="stack gap3">
      <h3>{name}</h3>
      {changes.map((change) => (
        <div key={change.name} className="stack gap1">
          <h4 className="mono">{change.name}</h4>
          <p className="sunk pre small">
            {wordsBetween(change.was, change.becomes).map((run, at) => {
              const text = <Exact>{run.text}</Exact>;
              return run.kind === "gone" ? <del key={at}>{text}</del> : run.kind === "new" ? <ins key={at}>{text}</ins> : <span key={at}>{text}</span>;
            })}
          </p>
        </div>
      ))}
    </section>
  );
}

function Why({ card }: { readonly card: Card }) {
  const rows: (readonly [string, ReactNode])[] = [
    [t.ask.goal, <Exact key="goal">{card.goal}</Exact>],
    [t.ask.askedBy, card.requesters.join(", ")],
    [t.ask.mayDecide, card.roles.join(" or ") || t.ask.anybody],
    [t.ask.until, dayAndTime(card.expiresAt)],
    [t.ask.cost, cost(card.cost)],
    ["", card.quorum > 1 && t.ask.quorum(card.quorum, Math.max(card.quorum - card.votes.filter((vote) => vote.verdict === "approve").length, 0))],
  ];
  return (
    <section className="stack gap3">
      {card.consequences.length > 0 && (
        <div className="stack gap1">
          <h3>{t.ask.consequences}</h3>
          <ul className="stack gap1">
            {card.consequences.map((one) => (
              <li key={one} className="wrap-any">
                <Exact>{one}</Exact>
              </li>
            ))}
          </ul>
        </div>
      )}
      {card.reason && (
        <div className="stack gap1">
          <h3>{t.ask.why}</h3>
          <blockquote className="quote" style={{ margin: 0 }}>
            <Exact>{card.reason}</Exact>
          </blockquote>
          <p className="tiny dim">{t.ask.whyLead}</p>
        </div>
      )}
      <Facts fold rows={rows} />
    </section>
  );
}

function Votes({ card }: { readonly card: Card }) {
  return (
    <section className="stack gap2">
      <h3>{t.ask.votes}</h3>
      <ul className="stack gap1 small">
        {card.votes.map((vote, at) => (
          <li key={at} className="row">
            <State state={vote.verdict === "approve" ? "approved" : vote.verdict === "deny" ? "denied" : vote.verdict} label={vote.verdict} />
            <span className="strong">{vote.by || vote.rule}</span>
            {vote.onBehalfOf && <span className="dim">for {vote.onBehalfOf}</span>}
            <span className="dim">{dayAndTime(vote.at)}</span>
            {vote.solo && <span className="tag">solo</span>}
            {vote.reason && <Exact>{vote.reason}</Exact>}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Change leaves of the arguments; what is sent is path and new value, the rest stays as it was. */
function Amend({ card, onClose, onSubmit }: { readonly card: Card; readonly onClose: () => void; readonly onSubmit: (changes: Record<string, Json>, reason: string) => Promise<void> }) {
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
