/** What waits for a person, over all runs, the riskiest first; one is opened to be decided, harmless ones may be decided together. */

import { useRef, useState, type KeyboardEvent } from "react";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { spanOf, title } from "../model/format";
import { canBeBulk, orderOf, targetOf } from "../model/inbox";
import * as wire from "../wire/house";
import type { Card } from "../wire/shapes";
import { t } from "../words/en";
import { useMe } from "../app/session";
import { ApprovalDialog } from "../parts/ApprovalDialog";
import { Effect, Exact, Head, State, useNow } from "../parts/basic";
import { Ask } from "../parts/dialog";
import { Answer, Empty, useToast } from "../parts/feedback";
import { RunEntry } from "./Runs";

const NONE: ReadonlySet<string> = new Set();

export function Inbox() {
  const { id } = useParams({ strict: false });
  const navigate = useNavigate();
  const client = useQueryClient();
  const say = useToast();
  const me = useMe();
  const cards = useQuery({ queryKey: ["approvals"], queryFn: wire.approvals });
  const [picking, setPicking] = useState(false);
  const [picked, pick] = useState<ReadonlySet<string>>(new Set());
  const [bulk, setBulk] = useState<"approve" | "deny" | null>(null);
  const open = id ?? null;
  const go = (to: string | null) => void navigate(to ? { to: "/inbox/$id", params: { id: to } } : { to: "/inbox" });
  const all = orderOf(cards.data ?? []);
  const items = all.filter((card) => card.isYours);
  const elsewhere = all.filter((card) => !card.isYours);
  const next = items.find((card) => card.approvalId !== open);
  const chosen = items.filter((card) => picked.has(card.approvalId));
  const decideAll = async (reason: string) => {
    const answers = await wire.decideMany(bulk!, chosen.map((card) => ({ approval_id: card.approvalId, digest: card.digest })), reason);
    say(t.inbox.bulkDone(answers.filter((one) => one.done).length, chosen.length));
    pick(new Set());
    setPicking(false);
    await client.invalidateQueries();
  };
  return (
    <div className="page">
      <Head title={t.inbox.title} lead={t.inbox.lead}>
        {items.length > 1 && me.can.includes("decide") && (
          <button type="button" className="button" aria-pressed={picking} onClick={() => { setPicking(!picking); pick(new Set()); }}>
            {picking ? t.common.cancel : t.inbox.pick}
          </button>
        )}
      </Head>
      {picking && (
        <div className="notice tone-calm" style={{ alignItems: "center", flexWrap: "wrap" }}>
          <p className="grow small" style={{ flexBasis: "16rem" }}>{chosen.length ? t.inbox.picked(chosen.length) : t.inbox.bulkLead}</p>
          <button type="button" className="button small risky" disabled={!chosen.length} onClick={() => setBulk("deny")}>
            {t.inbox.denyMany}
          </button>
          <button type="button" className="button small first" disabled={!chosen.length || chosen.some((card) => !canBeBulk(card))} onClick={() => setBulk("approve")}>
            {t.inbox.approveMany}
          </button>
        </div>
      )}
      <Answer of={cards} bones={6}>
        {() =>
          items.length ? (
            <Cards items={items} picking={picking} picked={picked} onPick={(one) => pick(new Set(picked.has(one) ? [...picked].filter((other) => other !== one) : [...picked, one]))} onOpen={go} />
          ) : (
            <div className="card">
              <Empty icon="inbox" title={t.inbox.empty}>
                {t.inbox.emptyLead}
              </Empty>
            </div>
          )
        }
      </Answer>
      {elsewhere.length > 0 && (
        <section className="stack gap3">
          <h2>{t.inbox.elsewhere}</h2>
          <Cards items={elsewhere} picking={false} picked={NONE} onPick={() => undefined} onOpen={go} />
        </section>
      )}
      <Others />
      <ApprovalDialog id={open} onClose={() => go(null)} onNext={next ? () => go(next.approvalId) : undefined} toRun={(run) => void navigate({ to: "/runs/$id", params: { id: run } })} />
      <Ask open={bulk !== null} onClose={() => setBulk(null)} title={bulk === "deny" ? t.inbox.denyMany : t.inbox.approveMany} lead={t.inbox.bulkLead} submit={bulk === "deny" ? t.ask.deny : t.ask.approve} risky={bulk === "deny"} optional onSubmit={decideAll} />
    </div>
  );
}

function Cards({ items, picking, picked, onPick, onOpen }: { readonly items: readonly Card[]; readonly picking: boolean; readonly picked: ReadonlySet<string>; readonly onPick: (id: string) => void; readonly onOpen: (id: string) => void }) {
  const list = useRef<HTMLUListElement>(null);
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
    if (!step) return;
    const all = [...(list.current?.querySelectorAll<HTMLElement>(".entry") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    event.preventDefault();
    all[Math.min(Math.max(at + step, 0), all.length - 1)]?.focus();
  };
  return (
    <ul className="card list" ref={list} onKeyDown={onKey}>
      {items.map((card) => (
        <li key={card.approvalId} className="row" style={{ flexWrap: "nowrap", gap: 0 }}>
          {picking && (
            <label style={{ padding: "var(--s3) 0 var(--s3) var(--s4)" }}>
              <span className="hush">{card.tool}</span>
              <input type="checkbox" style={{ width: "1.2rem", height: "1.2rem", accentColor: "var(--ink)" }} checked={picked.has(card.approvalId)} onChange={() => onPick(card.approvalId)} />
            </label>
          )}
          <Entry card={card} onOpen={() => onOpen(card.approvalId)} />
        </li>
      ))}
    </ul>
  );
}

function Entry({ card, onOpen }: { readonly card: Card; readonly onOpen: () => void }) {
  const me = useMe();
  const now = useNow(10_000);
  const left = (+card.expiresAt - +now) / 1000;
  const target = targetOf(card);
  const own = !me.isSolo && card.requesters.includes(me.user);
  return (
    <button type="button" className="entry tall" onClick={onOpen}>
      <span className="stack" style={{ gap: "0.15rem" }}>
        <span className="row gap2">
          <span className="strong">{title(card.name || card.tool)}</span>
          {target && (
            <span className="wrap-any">
              <Exact>{target}</Exact>
            </span>
          )}
        </span>
        <span className="small dim cut" style={{ whiteSpace: "normal" }}>{card.consequences[0]}</span>
        <span className="small dim cut">
          {t.inbox.askedBy} {card.requesters.join(", ")}
          {own && ` (${t.inbox.own})`} · <Exact>{card.goal}</Exact>
        </span>
      </span>
      <span className="stack gap1" style={{ alignItems: "flex-end" }}>
        <span className="row gap1">
          <Effect of={card.sideEffect} />
          <State state={card.risk} label={t.inbox.risk[card.risk] ?? card.risk} />
        </span>
        <span className={`tiny ${left < 900 ? "text-tone tone-bad strong" : "dim"}`}>{left > 0 ? t.inbox.left(spanOf(left)) : t.inbox.late}</span>
      </span>
    </button>
  );
}

/** Parked runs that wait for something other than an approval: an answer, a budget, a doubt. */
function Others() {
  const parked = useQuery({ queryKey: ["runs", "parked"], queryFn: () => wire.runs({ status: "parked", limit: 40 }) });
  const others = (parked.data?.items ?? []).filter((run) => !run.waitsFor.includes("approval"));
  if (!others.length) return null;
  return (
    <section className="stack gap3">
      <h2>{t.inbox.others}</h2>
      <ul className="card list">
        {others.map((run) => (
          <li key={run.runId}>
            <RunEntry run={run} />
          </li>
        ))}
      </ul>
    </section>
  );
}
