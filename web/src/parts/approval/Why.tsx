/** Why it is wanted, what follows, who asked, who may decide, and who has said what. */

import type { ReactNode } from "react";
import { cost, dayAndTime } from "../../model/format";
import type { Card } from "../../wire/shapes";
import { t } from "../../words/en";
import { Exact, Facts, State } from "../basic";

export function Why({ card }: { readonly card: Card }) {
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

export function Votes({ card }: { readonly card: Card }) {
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
