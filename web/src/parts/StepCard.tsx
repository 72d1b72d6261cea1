/** One step: where it stands, why it is there, what it gave, who agreed, and what a person can do when nobody knows. */

import { useState } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { cost, duration, title } from "../model/format";
import { toneOf } from "../model/states";
import * as wire from "../wire/house";
import type { RunResult, StepResult } from "../wire/shapes";
import { t } from "../words/en";
import { Dot, Effect, Exact, Facts, State } from "./basic";
import { Ask } from "./dialog";
import { Icon } from "./icons";
import { Output, RawJson } from "./outputs";

interface Props {
  readonly step: StepResult;
  readonly number: number;
  readonly run: RunResult;
  readonly open: boolean;
  readonly onToggle: () => void;
}

export function StepCard({ step, number, run, open, onToggle }: Props) {
  const card = run.approvals.find((one) => one.approvalId === step.approval);
  return (
    <li id={`step-${step.step}`}>
      <button type="button" className="step-head" aria-expanded={open} onClick={onToggle}>
        <Dot tone={toneOf(step.state)}>{step.state === "done" ? <Icon name="check" size={16} /> : number}</Dot>
        <span className="stack" style={{ gap: 0 }}>
          <span className="row gap2">
            <span className="strong">{title(step.name || step.tool)}</span>
            {step.sideEffect !== "read-only" && <Effect of={step.sideEffect} />}
            {step.simulated && <span className="tag">{t.run.simulated}</span>}
          </span>
          <span className="small dim wrap-any">
            <Exact>{step.reason || step.purpose}</Exact>
          </span>
        </span>
        <State state={step.state} live={step.state === "calling"} />
      </button>
      {open && (
        <div className="step-body stack">
          {step.state === "in_doubt" && <Doubt step={step} runId={run.runId} />}
          <Gave step={step} />
          <Facts
            rows={[
              [t.run.purpose, step.reason && step.purpose ? <Exact key="p">{step.purpose}</Exact> : ""],
              [t.run.agreed, step.approvedBy],
              [t.run.reduced, Object.entries(step.reduced).map(([capability, why]) => `${capability} (${why})`).join(", ")],
              [t.budget.cost, step.cost ? cost(step.cost) : ""],
              [t.run.time, step.durationUs ? `${duration(step.durationUs)}${step.attempts > 1 ? `, ${t.run.attempts(step.attempts)}` : ""}` : ""],
              ["", step.note && <Exact key="n">{step.note}</Exact>],
            ]}
          />
          {card && (
            <details>
              <summary className="small dim">{t.run.input}</summary>
              <RawJson value={card.arguments} />
            </details>
          )}
        </div>
      )}
    </li>
  );
}

function Gave({ step }: { readonly step: StepResult }) {
  const [view, look] = useState<"readable" | "raw">("readable");
  if (step.output === null) {
    return step.blob ? <p className="small dim">{t.run.large(step.blob.size)}</p> : step.state === "calling" ? <p className="small dim">{t.run.noOutput}</p> : null;
  }
  return (
    <div className="stack gap3">
      {view === "readable" ? <Output value={step.output} /> : <RawJson value={step.output} />}
      <div>
        <button type="button" className="button bare small" style={{ marginInlineStart: "calc(-1 * var(--s2))" }} onClick={() => look(view === "raw" ? "readable" : "raw")}>
          {view === "raw" ? t.run.readable : t.run.raw}
        </button>
      </div>
    </div>
  );
}

function Doubt({ step, runId }: { readonly step: StepResult; readonly runId: string }) {
  const client = useQueryClient();
  const [answer, pick] = useState<string | null>(null);
  const answers = [["happened", t.run.happened], ["did-not", t.run.didNot], ["again", t.run.again]] as const;
  return (
    <div className="notice tone-doubt">
      <Icon name="warn" />
      <div className="stack gap2 grow">
        <p className="title">{t.run.doubt}</p>
        <p className="small wrap-any">
          <Exact>{step.reason}</Exact>
        </p>
        <p className="small dim">{t.run.doubtLead}</p>
        <div className="row">
          {answers.map(([name, said]) => (
            <button key={name} type="button" className={`button ${name === "again" ? "risky" : ""}`} onClick={() => pick(name)}>
              {said}
            </button>
          ))}
        </div>
      </div>
      <Ask
        open={answer !== null}
        onClose={() => pick(null)}
        title={answers.find(([name]) => name === answer)?.[1] ?? ""}
        label={t.run.inDoubtReason}
        submit={answers.find(([name]) => name === answer)?.[1] ?? ""}
        risky={answer === "again"}
        onSubmit={(reason) => wire.resolveStep(runId, step.step, answer!, reason).then(() => client.invalidateQueries())}
      />
    </div>
  );
}
