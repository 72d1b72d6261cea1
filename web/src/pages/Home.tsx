/** A goal, what it may do, and what has been done. An empty house is led to its first answer. */

import { useEffect, useRef, useState } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { count, title } from "../model/format";
import * as wire from "../wire/house";
import type { House } from "../wire/shapes";
import { t } from "../words/en";
import { isMac, useQuick } from "../app/shell";
import { isEmptyHouse, useCan, useHouse, useProfile, useProfiles } from "../app/session";
import { Answer, Empty, Problem } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { meaningOf, ProfileSelector } from "../parts/ProfileSelector";
import { RunEntry } from "./Runs";

export function Home() {
  const house = useHouse();
  const isEmpty = house.data ? isEmptyHouse(house.data) : false;
  return (
    <div className="page">
      {isEmpty ? <FirstRun /> : <Goal house={house.data} />}
      {!isEmpty && <Waiting />}
      {!isEmpty && <Quick />}
      <Recent hidden={isEmpty} />
    </div>
  );
}

function Goal({ house }: { readonly house: House | undefined }) {
  const given = useSearch({ from: "/" }).goal;
  const navigate = useNavigate();
  const profiles = useProfiles();
  const [profile, setProfile] = useProfile();
  const [goal, setGoal] = useState(given ?? "");
  const key = useRef("");
  const field = useRef<HTMLTextAreaElement>(null);
  const may = useCan("start_run");
  const example = useExample(house);
  useEffect(() => {
    if (given) setGoal(given);
    if (given || matchMedia("(min-width: 60rem)").matches) field.current?.focus();
  }, [given]);

  const start = useMutation({
    mutationFn: (what: "run" | "plan") => {
      key.current ||= crypto.randomUUID?.() ?? String(Math.random());
      return what === "run" ? wire.startRun({ goal, profile }, key.current) : wire.makePlan(goal, profile).then((plan) => plan.runId);
    },
    onSuccess: (id, what) => void navigate(what === "run" ? { to: "/runs/$id", params: { id } } : { to: "/plans/$id", params: { id } }),
    onSettled: () => (key.current = ""),
  });
  const ready = goal.trim() !== "" && profile !== "" && !start.isPending && may;
  const chosen = profiles.data?.find((one) => one.name === profile);
  return (
    <section className="stack">
      <h1 tabIndex={-1}>{t.home.title}</h1>
      <form
        className="card goal"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) start.mutate("plan");
        }}
      >
        <label htmlFor="goal" className="hush">
          {t.home.goal}
        </label>
        <textarea
          id="goal"
          ref={field}
          value={goal}
          placeholder={example}
          onChange={(event) => setGoal(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && ready) start.mutate("run");
          }}
        />
        <div className="foot">
          <ProfileSelector profiles={profiles.data ?? []} value={profile} onPick={setProfile} />
          <span className="end row">
            <button type="button" className="button" disabled={!ready} onClick={() => start.mutate("run")}>
              {t.home.run}
            </button>
            <button type="submit" className="button first" disabled={!ready}>
              {start.isPending && start.variables === "plan" ? t.home.planning : t.home.plan}
            </button>
          </span>
        </div>
      </form>
      {start.isError && <Problem error={start.error} />}
      <div className="glance" style={{ minHeight: "1.3rem" }}>
        {chosen && <span>{meaningOf(chosen)}</span>}
        {house && <Status house={house} />}
      </div>
    </section>
  );
}

/** A goal to begin with, about an account that there is in this house. */
function useExample(house: House | undefined): string {
  const has = (house?.data.accounts ?? 0) > 0;
  const first = useQuery({ queryKey: ["crm", "example"], queryFn: () => wire.records("accounts", { limit: 1 }), enabled: has, staleTime: 600_000 });
  if (!house) return "";
  if (!has) return t.home.placeholder;
  const [account] = first.data?.items ?? [];
  const name = typeof account === "object" && account !== null && !Array.isArray(account) ? account.name : undefined;
  return typeof name === "string" ? t.home.about(name) : "";
}

/** What the goal would work on: the data there is, and whether a model helps. */
function Status({ house }: { readonly house: House }) {
  const data = Object.entries(house.data).filter(([, n]) => n > 0).slice(0, 3);
  return (
    <>
      <span className="end">
        {data.map(([kind, n], at) => (
          <span key={kind}>
            {at > 0 && ", "}
            <b>{count(n)}</b> {(t.data.kinds[kind] ?? kind).toLowerCase()}
          </span>
        ))}
        {house.isSample && ` (${t.home.sample})`}
      </span>
      {house.model.line && (
        <span className={house.model.isOn ? "text-tone tone-good" : ""} title={t.home.model}>
          {house.model.line}
        </span>
      )}
    </>
  );
}

const FIRST = ["score-prospect", "research-account", "find-decision-makers", "cold-email", "deal-risk", "next-action", "qualify", "full-workup"];

/** The goals that sellers have most, one press away. */
function Quick() {
  const open = useQuick();
  const plays = useQuery({ queryKey: ["quick"], queryFn: wire.quick, staleTime: 60_000 });
  const first = FIRST.flatMap((name) => plays.data?.filter((play) => play.name === name && !play.missing.length) ?? []);
  if (plays.isError) return null;
  return (
    <section className="stack gap3">
      <div className="row spread">
        <h2>{t.home.quick}</h2>
        <button type="button" className="button bare small" onClick={() => open()}>
          {t.quick.all}
          <kbd>{isMac() ? "⌘K" : "Ctrl K"}</kbd>
        </button>
      </div>
      <div className="picks">
        {first.map((play) => (
          <button key={play.name} type="button" className="pick" onClick={() => open(play.name)}>
            <span style={{ fontWeight: 550 }}>{play.title}</span>
            <span className="tiny dim">{title(play.category)}</span>
          </button>
        ))}
      </div>
    </section>
  );
}

function Waiting() {
  const cards = useQuery({ queryKey: ["approvals"], queryFn: wire.approvals });
  const n = cards.data?.filter((card) => card.isYours).length ?? 0;
  if (!n) return null;
  return (
    <Link to="/inbox" className="notice tone-wait" style={{ alignItems: "center" }}>
      <Icon name="inbox" />
      <span className="strong">{t.home.waiting(n)}</span>
      <span className="end small">{t.home.toInbox}</span>
    </Link>
  );
}

function Recent({ hidden }: { readonly hidden: boolean }) {
  const runs = useQuery({ queryKey: ["runs", "recent"], queryFn: () => wire.runs({ limit: 8 }), refetchInterval: 30_000 });
  if (hidden && !runs.data?.items.length) return null;
  return (
    <section className="stack gap3">
      <div className="row spread">
        <h2>{t.home.recent}</h2>
        <Link to="/runs" className="small">
          {t.home.allRuns}
        </Link>
      </div>
      <Answer of={runs} bones={5}>
        {({ items }) =>
          items.length ? (
            <ul className="card list">
              {items.map((run) => (
                <li key={run.runId}>
                  <RunEntry run={run} />
                </li>
              ))}
            </ul>
          ) : (
            <div className="card">
              <Empty icon="runs" title={t.home.noRuns}>
                {t.home.noRunsLead}
              </Empty>
            </div>
          )
        }
      </Answer>
    </section>
  );
}

function FirstRun() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const fill = useMutation({
    mutationFn: wire.fillWithSample,
    onSuccess: async () => {
      await client.invalidateQueries();
      await navigate({ to: "/", search: { goal: t.first.tryGoal } });
    },
  });
  return (
    <section className="welcome" aria-label={t.first.title}>
      <div className="stack gap2">
        <h1 tabIndex={-1}>{t.first.title}</h1>
        <p className="dim prose">{t.first.lead}</p>
      </div>
      <div className="tiles" style={{ "--tile": "20rem" } as React.CSSProperties}>
        <div className="card door">
          <Icon name="spark" size={26} />
          <h2>{t.first.sample}</h2>
          <p className="dim">{t.first.sampleLead}</p>
          <div>
            <button type="button" className="button first big" disabled={fill.isPending} onClick={() => fill.mutate()}>
              {fill.isPending ? t.first.sampleDoing : t.first.sampleDo}
            </button>
          </div>
        </div>
        <div className="card door">
          <Icon name="upload" size={26} />
          <h2>{t.first.own}</h2>
          <p className="dim">{t.first.ownLead}</p>
          <div>
            <Link className="button big" to="/data/$kind" params={{ kind: "import" }}>
              {t.first.ownDo}
            </Link>
          </div>
        </div>
      </div>
      {fill.isError && <Problem error={fill.error} />}
      <p className="small dim row">
        <Icon name="lock" size={16} />
        {t.first.promise}
      </p>
    </section>
  );
}
