/** A run: what came of it first, what it waits for, then each step, and the machinery last. */

import { useState } from "react";
import { DropdownMenu as Menu } from "radix-ui";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { cost, count, duration } from "../model/format";
import { graphOf } from "../model/graph";
import { isEnded } from "../model/states";
import * as wire from "../wire/house";
import type { RunResult } from "../wire/shapes";
import { t } from "../words/en";
import { useLiveRun } from "../app/live";
import { useCan, useMe, useProfiles } from "../app/session";
import { ApprovalDialog } from "../parts/ApprovalDialog";
import { BudgetIndicator } from "../parts/BudgetIndicator";
import { Ago, Exact, Facts, Head, Section, State } from "../parts/basic";
import { Ask } from "../parts/dialog";
import { Answer, Empty, Problem, useToast } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { StepCard } from "../parts/StepCard";
import { StepsView } from "../parts/StepsView";
import { NoRun } from "./NotFound";
import { Reasons } from "./Plan";

export function Run() {
  const { id } = useParams({ from: "/runs/$id" });
  const { run, budget, line } = useLiveRun(id);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const profiles = useProfiles();
  const warns = (name: string) => profiles.data?.find((one) => one.name === name)?.limits.warningPercent ?? 80;
  const toggle = (step: string) => setOpen((now) => new Set(now.has(step) ? [...now].filter((one) => one !== step) : [...now, step]));
  return (
    <div className="page">
      <Answer of={run} bones={9} missing={<NoRun />}>
        {(found) => (
          <>
            <Top run={found} isLive={line === "open"} />
            <Needs run={found} />
            <div className="two">
              <div className="stack gap5">
                <StepsView title={t.run.result} graph={graphOf(found.steps.filter((step) => !step.listOf), (step) => step.step, (step) => step.state)}>
                  {found.steps.length ? (
                    <ol className="list steps">
                      {found.steps.map((step, at) => (
                        <StepCard key={step.step} step={step} number={numberOf(found.steps, at)} run={found} open={isOpen(open, step.step, step.output !== null && !step.calls.length)} onToggle={() => toggle(step.step)} />
                      ))}
                    </ol>
                  ) : (
                    <Empty icon="spark" title={t.run.empty}>
                      {found.questions.length ? "" : found.reason || t.run.emptyLead}
                    </Empty>
                  )}
                </StepsView>
                <Evidence run={found} />
                <Reasons why={found.why} notes={found.notes} />
              </div>
              <aside className="stack gap5">
                <Section title={t.budget.title}>
                  <Answer of={budget} card={false} bones={4}>
                    {(used) => <BudgetIndicator budget={used} warningPercent={warns(found.profile)} />}
                  </Answer>
                </Section>
                <Unknowns run={found} />
              </aside>
            </div>
          </>
        )}
      </Answer>
    </div>
  );
}

/** A step with an output stands open until somebody closes it; the others stand closed until somebody opens them. */
function isOpen(toggled: ReadonlySet<string>, step: string, hasOutput: boolean): boolean {
  return toggled.has(step) !== hasOutput;
}

/** Steps are counted; the calls of a list are counted within it. */
function numberOf(steps: RunResult["steps"], at: number): string {
  const step = steps[at]!;
  const whole = steps.filter((one) => !one.listOf);
  if (!step.listOf) return String(whole.indexOf(step) + 1);
  return `${whole.findIndex((one) => one.step === step.listOf) + 1}.${steps.filter((one) => one.listOf === step.listOf).indexOf(step) + 1}`;
}

function Top({ run, isLive }: { readonly run: RunResult; readonly isLive: boolean }) {
  const navigate = useNavigate();
  return (
    <Head
      title={<Exact>{run.goal}</Exact>}
      lead={
        <span className="row small" style={{ gap: "var(--s2) var(--s3)" }}>
          <State state={run.status} label={t.runs.statuses[run.status] ?? run.status} live={isLive && run.status === "running"} />
          {!run.questions.length && <span>{run.reason}</span>}
          <span>
            {t.run.by} {run.requester}, <Ago at={run.startedAt} />
          </span>
          <span>
            {run.profile}, {count(run.calls)} {t.budget.calls.toLowerCase()}, {t.budget.cost.toLowerCase()} {cost(run.cost)}
            {run.endedAt && `, ${t.run.took} ${duration(run.durationUs)}`}
          </span>
        </span>
      }
    >
      <Link className="button" to="/runs/$id/trace" params={{ id: run.runId }}>
        <Icon name="trace" size={16} />
        {t.run.trace}
      </Link>
      <Export run={run} />
      {isEnded(run.status) ? (
        <button type="button" className="button" onClick={() => void navigate({ to: "/", search: { goal: run.goal } })}>
          {t.run.again2}
        </button>
      ) : (
        <Stop run={run} />
      )}
    </Head>
  );
}

function Export({ run }: { readonly run: RunResult }) {
  return (
    <Menu.Root>
      <Menu.Trigger asChild>
        <button type="button" className="button">
          {t.run.export}
          <Icon name="down" size={14} />
        </button>
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Content className="menu" align="end" sideOffset={6}>
          {["csv", "xlsx", "json"].map((format) => (
            <Menu.Item key={format} asChild>
              <a className="menu-item" href={wire.exportLink(run.runId, format)} download>
                <Icon name="file" size={16} />
                {format.toUpperCase()}
              </a>
            </Menu.Item>
          ))}
          <Menu.Item asChild>
            <a className="menu-item" href={wire.evidenceLink({ run_id: run.runId })} download>
              <Icon name="audit" size={16} />
              {t.audit.evidenceRun}
            </a>
          </Menu.Item>
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  );
}

function Stop({ run }: { readonly run: RunResult }) {
  const [asking, ask] = useState(false);
  const client = useQueryClient();
  const may = useCan("steer_run");
  if (!may) return null;
  return (
    <>
      <button type="button" className="button" onClick={() => ask(true)}>
        <Icon name="stop" size={16} />
        {t.run.cancelDo}
      </button>
      <Ask open={asking} onClose={() => ask(false)} title={t.run.cancel} lead={t.run.cancelLead} submit={t.run.cancelDo} risky optional onSubmit={(reason) => wire.cancelRun(run.runId, reason).then(() => client.invalidateQueries())} />
    </>
  );
}

/** What only a person can do now, each with the means to do it. */
function Needs({ run }: { readonly run: RunResult }) {
  const [deciding, decide] = useState<string | null>(null);
  const me = useMe();
  const isOwn = (requesters: readonly string[]) => !me.isSolo && requesters.includes(me.user); // who asks never decides
  const open = run.approvals.filter((card) => card.state === "open");
  const isParked = run.status === "parked";
  const blocked = run.steps.find((step) => step.state === "pending" && step.reason.startsWith("waits for the budget"));
  const hasOther = isParked && !open.length && !run.questions.length && !run.steps.some((step) => step.state === "in_doubt");
  return (
    <>
      {open.map((card) => (
        <div key={card.approvalId} className="notice tone-wait" style={{ alignItems: "center", flexWrap: "wrap" }}>
          <Icon name="inbox" />
          <div className="grow" style={{ flexBasis: "14rem" }}>
            <p className="strong">{isOwn(card.requesters) ? t.run.waitsForOther : t.run.waits}</p>
            <p className="small dim wrap-any">
              {card.tool.replaceAll("_", " ")}: {card.consequences[0] ?? card.reason}
            </p>
          </div>
          <button type="button" className="button first" onClick={() => decide(card.approvalId)}>
            {isOwn(card.requesters) ? t.run.look : t.run.decide}
          </button>
        </div>
      ))}
      {run.questions.map((question) => (
        <Question key={question} run={run} question={question} />
      ))}
      {blocked ? <TopUp run={run} reason={blocked.reason} /> : hasOther && <GoOn run={run} />}
      <ApprovalDialog id={deciding} onClose={() => decide(null)} />
    </>
  );
}

function Question({ run, question }: { readonly run: RunResult; readonly question: string }) {
  const client = useQueryClient();
  const [answer, say] = useState("");
  const send = useMutation({ mutationFn: (words: string) => wire.answerRun(run.runId, words), onSuccess: () => void client.invalidateQueries() });
  return (
    <form className="notice tone-wait" onSubmit={(event) => { event.preventDefault(); if (answer.trim()) send.mutate(answer); }}>
      <Icon name="spark" />
      <div className="stack gap3 grow">
        <div>
          <p className="title">{t.run.questions}</p>
          <p className="wrap-any">
            <Exact>{question}</Exact>
          </p>
        </div>
        {run.options.length > 0 && (
          <div className="row">
            {run.options.map((option) => (
              <button key={option} type="button" className="button" disabled={send.isPending} onClick={() => send.mutate(option)}>
                <Exact>{option}</Exact>
              </button>
            ))}
          </div>
        )}
        <div className="row">
          <input className="input grow" style={{ flexBasis: "12rem" }} aria-label={t.run.answerPlaceholder} placeholder={t.run.answerPlaceholder} value={answer} onChange={(event) => say(event.target.value)} />
          <button type="submit" className="button first" disabled={!answer.trim() || send.isPending}>
            {t.run.answerDo}
          </button>
        </div>
        {send.isError && <Problem error={send.error} />}
      </div>
    </form>
  );
}

function TopUp({ run, reason }: { readonly run: RunResult; readonly reason: string }) {
  const [asking, ask] = useState(false);
  const client = useQueryClient();
  return (
    <div className="notice tone-wait" style={{ alignItems: "center", flexWrap: "wrap" }}>
      <Icon name="warn" />
      <p className="grow strong">{reason}</p>
      <button type="button" className="button first" onClick={() => ask(true)}>
        {t.run.topUp}
      </button>
      <Ask open={asking} onClose={() => ask(false)} title={t.run.topUp} lead={t.run.topUpLead} submit={t.run.topUpDo} optional onSubmit={(why) => wire.topUp(run.runId, why).then(() => client.invalidateQueries())} />
    </div>
  );
}

function GoOn({ run }: { readonly run: RunResult }) {
  const client = useQueryClient();
  const say = useToast();
  const go = useMutation({
    mutationFn: () => wire.resumeRun(run.runId),
    onSuccess: () => void client.invalidateQueries(),
    onError: (error) => say(error.message),
  });
  return (
    <div className="notice tone-wait" style={{ alignItems: "center", flexWrap: "wrap" }}>
      <Icon name="clock" />
      <div className="grow">
        <p className="strong">{run.reason}</p>
        {run.next.map((line) => (
          <p key={line} className="small dim mono wrap-any">
            {line}
          </p>
        ))}
      </div>
      <button type="button" className="button" disabled={go.isPending} onClick={() => go.mutate()}>
        {t.run.resume}
      </button>
    </div>
  );
}

function Evidence({ run }: { readonly run: RunResult }) {
  if (!run.evidence.length) return null;
  return (
    <details className="card">
      <summary className="inside strong">
        {t.run.evidence} <span className="dim num">{run.evidence.length}</span>
      </summary>
      <div className="table-box" tabIndex={0} role="group" aria-label={t.run.evidence}>
        <table className="table">
          <thead>
            <tr>
              {[t.outputs.record, t.outputs.field, t.outputs.value, t.data.source].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {unique(run.evidence, (row) => `${row.record}/${row.field}/${row.value}/${row.source}`).map((row, at) => (
              <tr key={at}>
                <td className="wrap-any"><Exact>{row.record}</Exact></td>
                <td>{row.field}</td>
                <td className="wrap-any"><Exact>{row.value}</Exact></td>
                <td className="mono tiny">{row.source}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function Unknowns({ run }: { readonly run: RunResult }) {
  const said = unique(run.unknowns, (one) => one.text);
  if (!said.length) return null;
  return (
    <Section title={t.run.unknowns}>
      <Facts fold rows={said.map((one) => [one.tool.replaceAll("_", " "), <Exact key={one.text}>{one.text}</Exact>])} />
    </Section>
  );
}

function unique<T>(all: readonly T[], keyOf: (one: T) => string): readonly T[] {
  return [...new Map(all.map((one) => [keyOf(one), one])).values()];
}
