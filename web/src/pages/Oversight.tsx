/** How people decided, in figures; and the evidence of it as a file that an auditor checks offline. */

import { useState } from "react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { count, spanOf } from "../model/format";
import * as wire from "../wire/house";
import { t } from "../words/en";
import { Choices, Exact, Head, Section } from "../parts/basic";
import { Answer, Empty } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { AuditTabs } from "./Audit";

const DAY_MS = 86_400_000;

export function Oversight() {
  const [days, setDays] = useState("30");
  const [until] = useState(() => new Date());
  const span = { since: new Date(+until - Number(days) * DAY_MS).toISOString(), until: until.toISOString() };
  const found = useQuery({ queryKey: ["oversight", days], queryFn: () => wire.oversight(span), placeholderData: keepPreviousData });
  return (
    <div className="page">
      <Head title={t.audit.oversight} lead={t.audit.oversightLead} />
      <AuditTabs />
      <div>
        <Choices label={t.audit.oversight} value={days} onPick={setDays} options={Object.entries(t.audit.spans)} />
      </div>
      <Answer of={found} bones={8}>
        {(over) => (
          <>
            <Figures over={over} />
            <Section
              title={t.audit.evidence}
              action={
                <a className="button small" href={wire.evidenceLink(span)} download>
                  <Icon name="file" size={16} />
                  {t.audit.evidencePeriod}
                </a>
              }
            >
              <p className="dim prose">{t.audit.evidenceLead}</p>
            </Section>
          </>
        )}
      </Answer>
    </div>
  );
}

function Figures({ over }: { readonly over: wire.Overseen }) {
  const { figures } = over;
  const rules = Object.entries(figures.decidedByRules);
  const tiles: readonly (readonly [string, string, string])[] = [
    [t.audit.requests, count(figures.requests), `${count(figures.expired)} ${t.audit.expired}`],
    [t.audit.byPeople, count(figures.decidedByPeople), `${count(figures.under_3S)} ${t.audit.hasty.toLowerCase()}`],
    [t.audit.byRules, count(rules.reduce((sum, [, n]) => sum + n, 0)), ""],
    [t.audit.median, figures.medianS === null ? "–" : spanOf(figures.medianS), ""],
  ];
  return (
    <>
      <div className="tiles figures">
        {tiles.map(([name, value, more]) => (
          <div key={name} className="card figure">
            <p className="small dim">{name}</p>
            <p className="big-number">{value}</p>
            {more && <p className="small dim">{more}</p>}
          </div>
        ))}
      </div>
      {!over.isWhole && <p className="small dim">{t.audit.latest(over.runs)}</p>}
      <div className="card">
        {figures.approvers.length ? (
          <div className="table-box" tabIndex={0} role="group" aria-label={t.audit.approver}>
            <table className="table fold">
              <thead>
                <tr>
                  {[t.audit.approver, t.audit.decided, t.audit.yes, t.audit.no, t.audit.other, t.audit.median, t.audit.hasty, t.audit.evidence].map((name, at) => (
                    <th key={name} scope="col" className={at > 0 && at < 7 ? "num" : ""}>
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {figures.approvers.map((one) => (
                  <tr key={one.approver}>
                    <td className="strong" data-label={t.audit.approver}>
                      <Exact>{one.approver}</Exact>
                      {one.solo > 0 && <span className="tag" style={{ marginInlineStart: 4 }}>solo</span>}
                    </td>
                    <td className="num" data-label={t.audit.decided}>{count(one.decisions)}</td>
                    <td className="num" data-label={t.audit.yes}>{`${count(one.approved)} (${one.approvePercent} %)`}</td>
                    <td className="num" data-label={t.audit.no}>{count(one.denied)}</td>
                    <td className="num" data-label={t.audit.other}>{count(one.other)}</td>
                    <td className="num" data-label={t.audit.median}>{spanOf(one.medianS)}</td>
                    <td className="num" data-label={t.audit.hasty}>{count(one.under_3S)}</td>
                    <td data-label={t.audit.evidence}>
                      <a href={wire.evidenceLink({ approver: one.approver })} download aria-label={t.audit.evidenceOf(one.approver)}>
                        ZIP
                      </a>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ) : (
          <Empty icon="audit" title={t.audit.nobody} />
        )}
      </div>
      {rules.length > 0 && (
        <div className="card">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{t.audit.rule}</th>
                <th scope="col" className="num">
                  {t.audit.passed}
                </th>
              </tr>
            </thead>
            <tbody>
              {rules.map(([rule, n]) => (
                <tr key={rule}>
                  <td className="text mono small">
                    <Exact>{rule}</Exact>
                  </td>
                  <td className="num">{count(n)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
