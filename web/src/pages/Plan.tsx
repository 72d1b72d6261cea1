/** A plan before anything runs: steps with reasons, what each costs, who is asked, and whether it fits the budgets. */

import { useState } from "react";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useMutation, useQuery } from "@tanstack/react-query";
import { cost, count, title } from "../model/format";
import * as wire from "../wire/house";
import type { Planned } from "../wire/shapes";
import { t } from "../words/en";
import { Dot, Effect, Exact, Head, MeterBar, Section } from "../parts/basic";
import { Answer, Problem } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { StepsView } from "../parts/StepsView";
import { meterOf } from "../model/budget";
import { graphOf } from "../model/graph";
import { useCan } from "../app/session";
import { NoRun } from "./NotFound";

export function Plan() {
  const { id } = useParams({ from: "/plans/$id" });
  const found = useQuery({ queryKey: ["plan", id], queryFn: () => wire.planOf(id), refetchInterval: (query) => (query.state.data && !query.state.data.plan && query.state.data.status === "running" ? 600 : false) });
  return (
    <div className="page">
      <Answer of={found} bones={9} missing={<NoRun />}>
        {(planned) => <Preview planned={planned} />}
      </Answer>
    </div>
  );
}

function Preview({ planned }: { readonly planned: Planned }) {
  const navigate = useNavigate();
  const may = useCan("start_run");
  const [key] = useState(() => crypto.randomUUID?.() ?? String(Math.random()));
  const run = useMutation({ mutationFn: () => wire.startRun({ planned_in: planned.runId }, key), onSuccess: (id) => void navigate({ to: "/runs/$id", params: { id } }) });
  const { plan, forecast } = planned;
  if (!plan || !forecast) return <NoPlan planned={planned} />;
  const asks = forecast.approvals.length;
  return (
    <>
      <Head title={<Exact>{plan.goal}</Exact>} lead={t.plan.before}>
        <button type="button" className="button bare" onClick={() => void navigate({ to: "/", search: { goal: plan.goal } })}>
          {t.plan.change}
        </button>
        <button type="button" className="button first" disabled={!may || run.isPending} onClick={() => run.mutate()}>
          {t.plan.runIt}
        </button>
      </Head>
      {run.isError && <Problem error={run.error} />}
      <div className="two">
        <div className="stack gap5">
          <StepsView
            title={t.plan.title}
            graph={graphOf(plan.steps, (step) => step.stepId, (step) => consentTone(forecast.steps.find((one) => one.step === step.stepId)?.consent ?? ""))}
          >
            <ol className="list steps">
              {plan.steps.map((step, at) => {
                const cast = forecast.steps.find((one) => one.step === step.stepId);
                return (
                  <li key={step.stepId}>
                    <div className="step-head" style={{ alignItems: "start" }}>
                      <Dot tone={cast?.consent === "human" ? "wait" : "calm"}>{at + 1}</Dot>
                      <div className="stack gap1">
                        <p className="row">
                          <span className="strong">{title(step.name || step.tool)}</span>
                          <Effect of={step.sideEffect} />
                          {cast?.simulated && <span className="tag">{t.plan.simulated}</span>}
                        </p>
                        <p className="small dim wrap-any">
                          <Exact>{step.reason}</Exact>
                        </p>
                        {step.when && (
                          <p className="small dim">
                            {t.plan.conditional} <code>{step.when.expr}</code>
                          </p>
                        )}
                        <p className={`small row gap1 ${cast?.consent === "human" ? "text-tone tone-wait strong" : "dim"}`}>
                          {cast?.consent === "human" && <Icon name="people" size={16} />}
                          {cast?.consent === "human" ? t.plan.asks : cast?.consent === "rule" ? t.plan.rule : t.plan.free}
                          {step.dependsOn.length > 0 && <span className="dim" style={{ fontWeight: 400 }}>· {t.plan.after} {step.dependsOn.map((from) => plan.steps.findIndex((one) => one.stepId === from) + 1).join(", ")}</span>}
                        </p>
                        {cast?.exceeds && <p className="small text-tone tone-bad strong">{t.plan.exceeds(cast.exceeds)}</p>}
                      </div>
                      <span className="small dim num">{cost(step.cost)}</span>
                    </div>
                  </li>
                );
              })}
            </ol>
          </StepsView>
          <Reasons why={plan.why} notes={plan.notes} />
        </div>
        <aside className="stack gap5">
          <Section title={t.plan.cost}>
            <div className="stack">
              <p className="big-number">{cost(forecast.cost)}</p>
              <p className="small dim">
                {count(forecast.calls)} {t.plan.calls.toLowerCase()}, {t.plan.approvals(asks)}
              </p>
              <hr className="rule" />
              {forecast.scopes.map((scope) => (
                <MeterBar key={scope.scope} meter={meterOf({ ...scope, raised: 0 }, title(scope.scope.split("/").at(-1) ?? ""), scope.warns ? 0 : 80)} />
              ))}
            </div>
          </Section>
        </aside>
      </div>
    </>
  );
}

const consentTone = (consent: string) => (consent === "human" ? "awaiting_approval" : "pending");

export function Reasons({ why, notes }: { readonly why: readonly string[]; readonly notes: readonly string[] }) {
  return (
    <>
      {notes.length > 0 && (
        <Section title={t.plan.notes}>
          <ul className="stack gap2">
            {notes.map((note, at) => (
              <li key={at} className="prose wrap-any">
                <Exact>{note}</Exact>
              </li>
            ))}
          </ul>
        </Section>
      )}
      {why.length > 0 && (
        <details className="card">
          <summary className="inside strong">{t.plan.why}</summary>
          <ul className="stack gap1 small dim inside" style={{ paddingTop: 0 }}>
            {why.map((one, at) => (
              <li key={at} className="wrap-any">
                <Exact>{one}</Exact>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function NoPlan({ planned }: { readonly planned: Planned }) {
  const navigate = useNavigate();
  const [answer, say] = useState("");
  const send = useMutation({ mutationFn: (words: string) => wire.answerRun(planned.runId, words), onSuccess: () => void navigate({ to: "/runs/$id", params: { id: planned.runId } }) });
  if (planned.question) {
    return (
      <div className="page narrow" style={{ margin: 0 }}>
        <Head title={t.plan.question} lead={<Exact>{planned.question}</Exact>} />
        <form className="stack" onSubmit={(event) => { event.preventDefault(); if (answer.trim()) send.mutate(answer); }}>
          {planned.options.length > 0 && (
            <div className="row">
              {planned.options.map((option) => (
                <button key={option} type="button" className="button" onClick={() => send.mutate(option)}>
                  <Exact>{option}</Exact>
                </button>
              ))}
            </div>
          )}
          <div className="row">
            <input className="input grow" style={{ flexBasis: "12rem" }} aria-label={t.plan.answer} placeholder={t.plan.answer} value={answer} onChange={(event) => say(event.target.value)} />
            <button type="submit" className="button first" disabled={!answer.trim() || send.isPending}>
              {t.run.answerDo}
            </button>
          </div>
          {send.isError && <Problem error={send.error} />}
        </form>
      </div>
    );
  }
  return (
    <>
      <Head title={t.plan.failed} lead={<Exact>{planned.reason}</Exact>}>
        <button type="button" className="button" onClick={() => void navigate({ to: "/" })}>
          {t.plan.change}
        </button>
      </Head>
      {planned.mend && (
        <p className="prose">
          <Exact>{planned.mend}</Exact>
        </p>
      )}
    </>
  );
}
