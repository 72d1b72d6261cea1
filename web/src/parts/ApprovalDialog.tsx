/** One request, decided on: what exactly would be done and where it goes, what changes, why, what follows, who says so.
 *
 * What stands here is drawn from the bytes that the server will use; the digest over them is checked before anybody
 * can agree, and is sent with the decision. Agreeing is never what the keyboard falls on first.
 */

import { useEffect, useState } from "react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { spanOf, title } from "../model/format";
import { sha256 } from "../wire/exact";
import * as wire from "../wire/house";
import { Refused } from "../wire/http";
import type { Json } from "../wire/read";
import type { Card, CardNow } from "../wire/shapes";
import { t } from "../words/en";
import { useMe } from "../app/session";
import { Amend } from "./approval/Amend";
import { Diff, Suspicious, What, type Seal } from "./approval/What";
import { Votes, Why } from "./approval/Why";
import { Effect, State, useNow } from "./basic";
import { Ask, Dialog } from "./dialog";
import { Bones, Problem, useToast } from "./feedback";
import { Icon } from "./icons";

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
  const [error, setError] = useState<unknown>(null);
  const [stale, setStale] = useState(false);
  const [busy, setBusy] = useState(false);

  const isOpen = card.state === "open";
  const isOwn = !me.isSolo && card.requesters.includes(me.user);
  const ready = isOpen && mayDecide && seal !== "broken" && seal !== "checking" && !busy && !stale;

  const decide = async (verdict: Doing, reason: string, changes?: Record<string, Json>, without: readonly number[] = []) => {
    setBusy(true);
    setError(null);
    try {
      await wire.decide(card.approvalId, { verdict, digest: card.digest, ...(reason ? { reason } : {}), ...(changes ? { changes } : {}), ...(without.length ? { without } : {}) });
      say(t.ask.done[verdict] ?? "");
      void client.invalidateQueries();
      onNext ? onNext() : onClose();
    } catch (refused) {
      if (refused instanceof Refused && [404, 409, 410, 412].includes(refused.status)) {
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
      {doing === "amend" && <Amend card={card} onClose={() => setDoing(null)} onSubmit={(changes, reason, without) => decide("amend", reason, changes, without)} />}
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
