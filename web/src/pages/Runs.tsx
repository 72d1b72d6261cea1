/** Every run, newest first, by where it stands and what its goal says. */

import { useEffect, useState } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useInfiniteQuery } from "@tanstack/react-query";
import { cost } from "../model/format";
import * as wire from "../wire/house";
import type { RunLine } from "../wire/shapes";
import { t } from "../words/en";
import { Ago, Choices, Head, State } from "../parts/basic";
import { Bones, Empty, Problem } from "../parts/feedback";

const FILTERS = ["", "running", "parked", "success", "partial", "failed", "cancelled"] as const;

export function Runs() {
  const { status = "", q = "" } = useSearch({ from: "/runs" });
  const navigate = useNavigate();
  const [words, say] = useState(q);
  useEffect(() => {
    const timer = setTimeout(() => words !== q && void navigate({ to: "/runs", search: { status: status || undefined, q: words || undefined }, replace: true }), 250);
    return () => clearTimeout(timer);
  }, [words, q, status, navigate]);
  const runs = useInfiniteQuery({
    queryKey: ["runs", "all", status, q],
    queryFn: ({ pageParam }) => wire.runs({ status, q, cursor: pageParam, limit: 40 }),
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
  });
  const items = runs.data?.pages.flatMap((page) => page.items) ?? [];
  const looksOn = !items.length && runs.hasNextPage; // one answer looks at some hundred runs, and what is rare lies further back
  useEffect(() => {
    if (looksOn && !runs.isFetching && !runs.isError) void runs.fetchNextPage();
  });
  return (
    <div className="page">
      <Head title={t.runs.title} lead={t.runs.lead} />
      <div className="row gap3">
        <Choices label={t.runs.title} value={status} onPick={(value) => void navigate({ to: "/runs", search: { status: value || undefined, q: q || undefined } })} options={FILTERS.map((name) => [name as string, name ? t.runs.statuses[name] : t.common.all] as const)} />
        <input className="input small" style={{ width: "min(18rem, 100%)" }} type="search" aria-label={t.runs.search} placeholder={t.runs.search} value={words} onChange={(event) => say(event.target.value)} />
      </div>
      {runs.isError && <Problem error={runs.error} retry={() => void runs.refetch()} />}
      {(runs.isPending || looksOn) && <Bones card lines={8} />}
      {runs.data && !looksOn && (
        <div className="card">
          {items.length ? (
            <ul className="list">
              {items.map((run) => (
                <li key={run.runId}>
                  <RunEntry run={run} />
                </li>
              ))}
            </ul>
          ) : (
            <Empty icon="runs" title={t.runs.empty}>
              {t.runs.emptyLead}
            </Empty>
          )}
        </div>
      )}
      {runs.hasNextPage && !looksOn && (
        <button type="button" className="button" disabled={runs.isFetchingNextPage} onClick={() => void runs.fetchNextPage()}>
          {t.common.more}
        </button>
      )}
    </div>
  );
}

export function RunEntry({ run }: { readonly run: RunLine }) {
  const facts = [run.profile, run.planOnly ? t.runs.planOnly : run.steps ? t.runs.steps(run.done, run.steps) : "", run.cost ? `${t.budget.cost.toLowerCase()} ${cost(run.cost)}` : "", run.waitsFor].filter(Boolean);
  const inside = (
    <>
      <span className="stack" style={{ gap: "0.1rem" }}>
        <span className="cut" style={{ fontWeight: 550 }}>{run.goal}</span>
        <span className="small dim cut">
          <Ago at={run.startedAt} /> · {facts.join(" · ")}
        </span>
      </span>
      <State state={run.status} label={run.planOnly && run.status === "success" ? t.runs.planned : t.runs.statuses[run.status] ?? run.status} live={run.status === "running"} />
    </>
  );
  return run.planOnly ? (
    <Link className="entry" to="/plans/$id" params={{ id: run.runId }}>
      {inside}
    </Link>
  ) : (
    <Link className="entry" to="/runs/$id" params={{ id: run.runId }}>
      {inside}
    </Link>
  );
}
