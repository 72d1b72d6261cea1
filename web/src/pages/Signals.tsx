/** How the work goes: how runs end, how long calls take, what fails, how long people take, what budgets hold. */

import { lazy, Suspense, useMemo, useState, type ReactNode } from "react";
import { Link } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { count, dayAndTime, duration, share, title, words } from "../model/format";
import { metersOf } from "../model/budget";
import * as wire from "../wire/house";
import type { Signals as Golden } from "../wire/shapes";
import { t } from "../words/en";
import { Choices, Head, MeterBar, Section } from "../parts/basic";
import { Answer, Bones, Empty } from "../parts/feedback";

const Chart = lazy(() => import("../parts/Chart"));
const HOURS: Readonly<Record<string, number>> = { "24h": 24, "7d": 168, "30d": 720 };
const STEPS: Readonly<Record<string, number>> = { "24h": 1, "7d": 6, "30d": 24, all: 72 }; // hours of one point
const ALL_HOURS = 90 * 24;
const before = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();

export function Signals() {
  const [span, pick] = useState<"24h" | "7d" | "30d" | "all">("7d");
  const since = useMemo(() => (HOURS[span] ? before(HOURS[span]) : undefined), [span]);
  const found = useQuery({ queryKey: ["signals", span], queryFn: () => wire.signals({ since }), refetchInterval: 15_000 });
  return (
    <div className="page">
      <Head title={t.signals.title} lead={t.signals.lead}>
        <Choices label={t.signals.overTime} value={span} onPick={pick} options={(["24h", "7d", "30d", "all"] as const).map((name) => [name, t.signals.windows[name]] as const)} />
      </Head>
      <Answer of={found} bones={8}>
        {(signals) =>
          signals.started ? (
            <>
              <Golden4 signals={signals} />
              <OverTime span={span} />
              <div className="tiles" style={{ "--tile": "22rem", gap: "var(--s5)" } as React.CSSProperties}>
                <Tools signals={signals} />
                <div className="stack gap5">
                  <Decisions signals={signals} />
                  <Modes signals={signals} />
                </div>
                <Section title={t.signals.budgets}>
                  <div className="stack gap3">
                    {[...metersOf(signals.budget, 80).totals, ...metersOf(signals.budget, 80).domains].map((meter) => (
                      <MeterBar key={meter.key} meter={meter} />
                    ))}
                  </div>
                </Section>
                <Adapters />
              </div>
            </>
          ) : (
            <div className="card">
              <Empty icon="signals" title={t.signals.empty} action={<Link className="button" to="/">{t.nav.home}</Link>}>
                {t.signals.emptyLead}
              </Empty>
            </div>
          )
        }
      </Answer>
    </div>
  );
}

function Figure({ label, value, more, tone }: { readonly label: string; readonly value: ReactNode; readonly more: ReactNode; readonly tone?: string }) {
  return (
    <div className="card figure">
      <p className="small dim">{label}</p>
      <p className={`big-number${tone ? ` text-tone tone-${tone}` : ""}`}>{value}</p>
      <p className="small dim">{more}</p>
    </div>
  );
}

function Golden4({ signals }: { readonly signals: Golden }) {
  const tasks = signals.success + signals.partial + signals.failed;
  const calls = Object.values(signals.tools).reduce((sum, tool) => sum + tool.calls, 0);
  const errors = Object.values(signals.tools).reduce((sum, tool) => sum + tool.errors, 0);
  return (
    <div className="tiles figures">
      <Figure label={t.signals.success} value={share(signals.success, tasks)} more={t.signals.of(tasks)} />
      <Figure label={t.signals.errors} value={share(errors, calls)} more={t.signals.calls(calls)} tone={errors && errors / calls > 0.1 ? "bad" : ""} />
      <Figure label={t.signals.latency} value={duration(signals.latency.p50)} more={`${t.signals.p95} ${duration(signals.latency.p95)}`} />
      <Figure label={t.signals.people} value={signals.approvals.decided ? duration(signals.approvals.average) : "–"} more={t.signals.decided(signals.approvals.decided)} />
      <Figure label={t.signals.steps} value={tasks + signals.cancelled ? (Math.round((10 * signals.steps) / (tasks + signals.cancelled)) / 10).toString() : "–"} more={t.signals.of(tasks + signals.cancelled)} />
    </div>
  );
}

function OverTime({ span }: { readonly span: string }) {
  const found = useQuery({ queryKey: ["signals", "series", span], queryFn: () => wire.series({ since: before(HOURS[span] ?? ALL_HOURS), hours: STEPS[span] ?? 24 }), refetchInterval: 30_000 });
  const buckets = found.data ?? [];
  const at = useMemo(() => buckets.map((one) => one.at), [found.data]);
  const runs = useMemo(
    () => [
      { label: t.runs.statuses.success!, tone: "good", values: buckets.map((one) => one.signals.success), fill: true },
      { label: t.runs.statuses.partial!, tone: "part", values: buckets.map((one) => one.signals.partial) },
      { label: t.runs.statuses.failed!, tone: "bad", values: buckets.map((one) => one.signals.failed) },
    ],
    [found.data],
  );
  const times = useMemo(
    () => [
      { label: t.signals.median, tone: "run", values: buckets.map((one) => one.signals.latency.p50), fill: true },
      { label: t.signals.p95, tone: "doubt", values: buckets.map((one) => one.signals.latency.p95) },
    ],
    [found.data],
  );
  if (found.isError) return null;
  return (
    <div className="tiles" style={{ "--tile": "22rem", gap: "var(--s5)" } as React.CSSProperties}>
      {(
        [
          [t.signals.overTime, runs, count],
          [t.signals.latencyOverTime, times, duration],
        ] as const
      ).map(([name, series, say]) => (
        <Section key={name} title={name} action={<Legend series={series} />}>
          <Suspense fallback={<div className="chart"><Bones lines={4} /></div>}>
            {found.data ? <Chart label={name} at={at} series={series} say={say} /> : <div className="chart"><Bones lines={4} /></div>}
          </Suspense>
          <details>
            <summary className="small dim">{t.signals.asTable}</summary>
            <div className="table-box" tabIndex={0} role="group" aria-label={name}>
              <table className="table flush">
                <thead>
                  <tr>
                    <th scope="col">{t.audit.when}</th>
                    {series.map((one) => (
                      <th key={one.label} scope="col" className="num">
                        {one.label}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {at.map((when, index) => (
                    <tr key={+when}>
                      <td>{dayAndTime(when)}</td>
                      {series.map((one) => (
                        <td key={one.label} className="num">
                          {say(one.values[index] ?? 0)}
                        </td>
                      ))}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </details>
        </Section>
      ))}
    </div>
  );
}

function Legend({ series }: { readonly series: readonly { label: string; tone: string }[] }) {
  return (
    <span className="row tiny dim">
      {series.map((one) => (
        <span key={one.label} className={`row gap1 tone-${one.tone}`}>
          <i style={{ width: "0.7rem", height: 3, borderRadius: 2, background: "var(--tone)" }} />
          {one.label}
        </span>
      ))}
    </span>
  );
}

function Tools({ signals }: { readonly signals: Golden }) {
  const rows = Object.entries(signals.tools).sort(([, one], [, other]) => other.errors / (other.calls || 1) - one.errors / (one.calls || 1) || other.calls - one.calls);
  return (
    <Section title={t.signals.tools} flush>
      <div className="table-box" tabIndex={0} role="group" aria-label={t.signals.tools} style={{ maxHeight: "24rem", overflowY: "auto" }}>
        <table className="table">
          <thead>
            <tr>
              <th scope="col">{t.policy.tool}</th>
              <th scope="col" className="num">{t.budget.calls}</th>
              <th scope="col" className="num">{t.signals.errors}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, tool]) => (
              <tr key={name}>
                <td>{title(name)}</td>
                <td className="num">{count(tool.calls)}</td>
                <td className={`num${tool.errors ? " text-tone tone-bad" : ""}`}>{tool.errors ? `${count(tool.errors)} (${share(tool.errors, tool.calls)})` : "0"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function Decisions({ signals }: { readonly signals: Golden }) {
  const { approved, denied, expired, byRule, requested } = signals.approvals;
  return (
    <Section title={t.signals.approvals}>
      <div className="stack gap3">
        {(
          [
            [t.states.approved!, approved, "good"],
            [t.states.denied!, denied, "no"],
            [t.states.expired!, expired, "mute"],
            [t.signals.byRule, byRule, "calm"],
          ] as const
        ).map(([label, n, tone]) => (
          <MeterBar key={label} meter={{ key: label, label, used: n, limit: requested, said: count(n), percent: requested ? (100 * n) / requested : 0, tone }} />
        ))}
      </div>
    </Section>
  );
}

function Modes({ signals }: { readonly signals: Golden }) {
  const modes = Object.entries(signals.modes);
  return (
    <Section title={t.signals.modes}>
      {modes.length ? (
        <ul className="stack gap1">
          {modes.map(([mode, n]) => (
            <li key={mode} className="row spread">
              <span>{words(mode)}</span>
              <span className="num dim">{count(n)}</span>
            </li>
          ))}
        </ul>
      ) : (
        <p className="dim">{t.signals.noModes}</p>
      )}
    </Section>
  );
}

function Adapters() {
  const found = useQuery({ queryKey: ["adapters"], queryFn: wire.adapters });
  const used = (found.data ?? []).filter((one) => one.installed);
  return (
    <Section title={t.signals.adapters} action={<Link className="small" to="/policy/$tab" params={{ tab: "adapters" }}>{t.policy.switch}</Link>}>
      <ul className="stack gap2">
        {used.map((one) => (
          <li key={`${one.capability}/${one.adapter}`} className="row spread">
            <span>
              {one.capability} <span className="dim">{one.adapter}</span>
            </span>
            <span className={`state tone-${one.enabled ? "good" : "no"}`}>{one.enabled ? t.policy.on : t.policy.off}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
