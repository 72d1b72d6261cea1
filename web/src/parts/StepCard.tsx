/** One step: where it stands, why it is there, what it gave, who agreed, and what a person can do when nobody knows. */

import { useState } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { cost, duration, title } from "../model/format";
import { toneOf } from "../model/states";
import * as wire from "../wire/house";
import type { RunResult, StepResult } from "../wire/shapes";
import { t } from "../words/en";
import { Dot, Effect, Exact, State } from "./basic";
import { Ask } from "./dialog";
import { Icon } from "./icons";
import { Output, RawJson } from "./outputs";

interface Props {
  readonly step: StepResult;
  readonly number: string;
  readonly run: RunResult;
  readonly open: boolean;
  readonly onToggle: () => void;
}

export function StepCard({ step, number, run, open, onToggle }: Props) {
  const card = run.approvals.find((one) => one.approvalId === step.approval);
  const [raw, show] = useState(false);
  return (
    <li id={`step-${step.step}`} className={step.listOf ? "of-list" : undefined}>
      <button type="button" className="step-head" aria-expanded={open} onClick={onToggle}>
        <Dot tone={toneOf(step.state)}>{step.state === "done" ? <Icon name="check" size={16} /> : number}</Dot>
        <span className="stack" style={{ gap: 0 }}>
          <span className="row gap2">
            <span className="strong">{title(step.name || step.tool)}</span>
            {step.calls.length > 0 && <span className="tag">{t.run.calls(step.calls.length)}</span>}
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
          <Gave step={step} raw={raw} />
          {step.reason && step.purpose && (
            <p className="small dim wrap-any">
              <Exact>{step.purpose}</Exact>
            </p>
          )}
          <p className="small dim row" style={{ columnGap: "var(--s4)", rowGap: 0 }}>
            {factsOf(step).map((fact) => (
              <span key={fact} className="wrap-any">
                <Exact>{fact}</Exact>
              </span>
            ))}
            {step.output !== null && (
              <button type="button" className="button bare small" onClick={() => show(!raw)}>
                {raw ? t.run.readable : t.run.raw}
              </button>
            )}
          </p>
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

/** What else is known of a step, in one line. */
function factsOf(step: StepResult): readonly string[] {
  const without = Object.entries(step.reduced).map(([capability, why]) => `${capability} (${why})`);
  return [
    step.approvedBy && `${t.run.agreed} ${step.approvedBy}`,
    step.cost ? `${t.budget.cost.toLowerCase()} ${cost(step.cost)}` : "",
    step.durationUs ? duration(step.durationUs) : "",
    step.attempts > 1 ? t.run.attempts(step.attempts) : "",
    without.length ? `${t.run.reduced} ${without.join(", ")}` : "",
    step.note,
  ].filter(Boolean);
}

function Gave({ step, raw }: { readonly step: StepResult; readonly raw: boolean }) {
  if (step.output === null) {
    return step.blob ? <p className="small dim">{t.run.large(step.blob.size)}</p> : step.state === "calling" ? <p className="small dim">{t.run.noOutput}</p> : null;
  }
  return raw ? <RawJson value={step.output} /> : <Output value={step.output} />;
}

function Doubt({ step, runId }: { readonly step: StepResult; readonly runId: string }) {
  const client = useQueryClient();
  const [answer, choose] = useState<string | null>(null);
  const [attempt, lookedAt] = useState(step.attempts); // the one that was on screen when an answer was chosen
  const pick = (name: string | null) => {
    lookedAt(step.attempts);
    choose(name);
  };
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
        onSubmit={(reason) => wire.resolveStep(runId, step.step, attempt, answer!, reason).then(() => client.invalidateQueries())}
      />
    </div>
  );
}
