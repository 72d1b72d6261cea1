/** What may be done: profiles, tools with their contracts, adapters that can be switched while runs go on, and "what if". */

import { useState, type FormEvent } from "react";
import { Link, useParams } from "@tanstack/react-router";
import { useMutation, useQuery } from "@tanstack/react-query";
import { cost, count, spanOf, title, words } from "../model/format";
import * as wire from "../wire/house";
import type { Json } from "../wire/read";
import type { Profile, Tool } from "../wire/shapes";
import { t } from "../words/en";
import { useProfile, useProfiles } from "../app/session";
import { Effect, Exact, Facts, Field, Head, Section, showCurrent } from "../parts/basic";
import { Answer, Bones, Empty, Problem } from "../parts/feedback";
import { Adapters } from "../parts/Adapters";
import { Rehearsal } from "./policy/Rehearsal";
import { toneOf } from "../model/states";

const TABS = ["profiles", "tools", "adapters", "what-if", "rehearsal"] as const;

export function Policy() {
  const { tab = "profiles" } = useParams({ strict: false });
  return (
    <div className="page">
      <Head title={t.policy.title} lead={t.policy.lead} />
      <nav className="tabs" ref={showCurrent} aria-label={t.policy.title}>
        {TABS.map((name) => (
          <Link key={name} to="/policy/$tab" params={{ tab: name }} aria-current={name === tab ? "page" : undefined}>
            {name === "what-if" ? t.policy.whatIf : t.policy[name]}
          </Link>
        ))}
      </nav>
      {tab === "tools" ? <Tools /> : tab === "adapters" ? <Adapters /> : tab === "what-if" ? <WhatIf /> : tab === "rehearsal" ? <Rehearsal /> : <Profiles />}
    </div>
  );
}

function Profiles() {
  const found = useProfiles();
  return (
    <Answer of={found} bones={8}>
      {(profiles) => (
        <div className="tiles" style={{ "--tile": "20rem", gap: "var(--s5)" } as React.CSSProperties}>
          {profiles.map((profile) => (
            <Section key={profile.name} title={profile.name}>
              <OneProfile profile={profile} />
            </Section>
          ))}
        </div>
      )}
    </Answer>
  );
}

function OneProfile({ profile }: { readonly profile: Profile }) {
  const { limits, approvals } = profile;
  const consent = (name: string) => t.policy.consents[name] ?? name;
  return (
    <div className="stack">
      <div className="stack gap2">
        <h3>{t.policy.asks}</h3>
        <Facts rows={[[t.policy.reads, consent(approvals.readOnly)], [t.policy.proposes, consent(approvals.propose)], [t.policy.acts, <span key="x" className="strong">{consent(approvals.execute)}</span>], [t.policy.quorum, String(approvals.quorum)], [t.ask.mayDecide, approvals.roles.join(", ") || t.ask.anybody], [t.ask.until, spanOf(approvals.expiresS)]]} />
        {profile.simulatesExecute && <p className="small text-tone tone-wait">{t.policy.simulates}</p>}
      </div>
      <hr className="rule" />
      <div className="stack gap2">
        <h3>{t.policy.limits}</h3>
        <Facts
          rows={[
            [t.budget.calls, count(limits.calls)],
            ...Object.entries(limits.callsPerDomain).map(([name, n]) => [`\u2003${name}`, count(n)] as const),
            [t.budget.cost, cost(limits.cost)],
            [t.budget.tokens, count(limits.tokens)],
            [t.policy.warns, `${limits.warningPercent} %`],
            [t.policy.atLimitSaid, t.policy.atLimit[limits.atLimit] ?? limits.atLimit],
            [t.policy.parallel, String(profile.maxParallel)],
          ]}
        />
      </div>
      <hr className="rule" />
      <div className="stack gap2">
        <h3>{t.policy.adapters}</h3>
        <Facts rows={[...Object.entries(profile.adapters).map(([capability, names]) => [capability, names.join(", ")] as const), [t.common.all.toLowerCase(), profile.anyAdapters.join(", ")]]} />
      </div>
    </div>
  );
}

function Tools() {
  const found = useQuery({ queryKey: ["tools"], queryFn: wire.tools, staleTime: 60_000 });
  const [said, say] = useState("");
  return (
    <div className="stack">
      <input className="input small" style={{ maxWidth: "20rem" }} type="search" aria-label={t.policy.search} placeholder={t.policy.search} value={said} onChange={(event) => say(event.target.value)} />
      <Answer of={found} bones={10}>
        {(tools) => {
          const wanted = said.toLowerCase().split(/\s+/).filter(Boolean);
          const fitting = tools.filter((tool) => wanted.every((word) => `${tool.name} ${tool.domain} ${tool.purpose} ${tool.sideEffect}`.toLowerCase().replaceAll("_", " ").includes(word)));
          const domains = [...new Set(fitting.map((tool) => tool.domain))].sort();
          return fitting.length ? (
            <div className="stack gap5">
              {domains.map((domain) => (
                <Section key={domain} title={title(domain)} flush>
                  <ul className="list">
                    {fitting.filter((tool) => tool.domain === domain).map((tool) => (
                      <li key={tool.name}>
                        <OneTool tool={tool} />
                      </li>
                    ))}
                  </ul>
                </Section>
              ))}
            </div>
          ) : (
            <div className="card">
              <Empty icon="search" title={t.policy.noTool} />
            </div>
          );
        }}
      </Answer>
    </div>
  );
}

function OneTool({ tool }: { readonly tool: Tool }) {
  return (
    <details>
      <summary className="entry" style={{ cursor: "pointer" }}>
        <span className="stack" style={{ gap: 0 }}>
          <span className="strong">{title(tool.name)}</span>
          <span className="small dim">{tool.purpose}</span>
        </span>
        <span className="row gap2">
          <span className="small dim num">{cost(tool.cost)}</span>
          <Effect of={tool.sideEffect} />
        </span>
      </summary>
      <div className="inside stack gap3" style={{ paddingTop: 0 }}>
        {tool.guardrails.length > 0 && (
          <div className="stack gap1">
            <h4>{title(t.policy.must)}</h4>
            <ul className="small stack gap1">
              {tool.guardrails.map((one) => (
                <li key={one}>
                  <Exact>{one}</Exact>
                </li>
              ))}
            </ul>
          </div>
        )}
        {tool.slots.length > 0 && (
          <div className="stack gap1">
            <h4>{t.policy.takes}</h4>
            <Facts fold rows={tool.slots.map((slot) => [`${slot.name}${slot.required ? " *" : ""}`, [slot.purpose, slot.choices.join(", ")].filter(Boolean).join(": ") || slot.kind || "–"] as const)} />
          </div>
        )}
        <Facts rows={[[t.policy.uses, tool.uses.join(", ")], [t.policy.digest, tool.version], ["module", <code key="m" className="tiny wrap-any">{tool.module}</code>]]} />
      </div>
    </details>
  );
}

function WhatIf() {
  const profiles = useProfiles();
  const tools = useQuery({ queryKey: ["tools"], queryFn: wire.tools, staleTime: 60_000 });
  const [chosen, setProfile] = useProfile();
  const [tool, setTool] = useState("send_message");
  const [input, setInput] = useState("{}");
  const [bad, setBad] = useState(false);
  const ask = useMutation({ mutationFn: (given: Json) => wire.whatIf(tool, chosen, given) });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    try {
      const given = JSON.parse(input || "{}") as Json;
      setBad(false);
      ask.mutate(given);
    } catch {
      setBad(true);
    }
  };
  if (!tools.data || !profiles.data) return tools.isError ? <Problem error={tools.error} /> : <Bones card lines={6} />;
  return (
    <div className="two">
      <Section title={t.policy.whatIf}>
        <form className="stack" onSubmit={submit}>
          <p className="dim">{t.policy.ifLead}</p>
          <div className="tiles">
            <Field label={t.policy.tool}>
              <select className="select" value={tool} onChange={(event) => setTool(event.target.value)}>
                {tools.data.map((one) => (
                  <option key={one.name} value={one.name}>
                    {words(one.name)}
                  </option>
                ))}
              </select>
            </Field>
            <Field label={t.profiles.label}>
              <select className="select" value={chosen} onChange={(event) => setProfile(event.target.value)}>
                {profiles.data.map((one) => (
                  <option key={one.name}>{one.name}</option>
                ))}
              </select>
            </Field>
          </div>
          <Field label={t.policy.input}>
            <textarea className="area mono" rows={5} spellCheck={false} value={input} onChange={(event) => setInput(event.target.value)} aria-invalid={bad} />
          </Field>
          {bad && <p className="small text-tone tone-bad" role="alert">{t.policy.badJson}</p>}
          {ask.isError && <Problem error={ask.error} />}
          <div>
            <button type="submit" className="button first" disabled={ask.isPending}>
              {t.policy.ask}
            </button>
          </div>
        </form>
      </Section>
      <div aria-live="polite">
        {ask.data && (
          <div className={`notice tone-${toneOf(ask.data.verdict)}`}>
            <div className="stack gap2">
              <p className="title">{t.policy.verdicts[ask.data.verdict] ?? ask.data.verdict}</p>
              <ul className="small stack gap1">
                {[...ask.data.faults, ...ask.data.reasons].map((reason) => (
                  <li key={reason} className="wrap-any">
                    <Exact>{reason}</Exact>
                  </li>
                ))}
              </ul>
              <Facts rows={[[t.ask.mayDecide, ask.data.verdict === "asks" ? ask.data.roles.join(", ") : ""], [t.ask.cost, cost(ask.data.cost)], [t.ask.through, Object.entries(ask.data.adapters).map(([one, other]) => `${one}: ${other}`).join(", ")]]} />
            </div>
          </div>
        )}
      </div>
    </div>
  );
}
