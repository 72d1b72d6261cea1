/** Who decided what, when and why, over all runs; and the journal checked while one looks on. */

import { useState } from "react";
import { Link } from "@tanstack/react-router";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { count, dayAndTime, duration, inFull, short, words } from "../model/format";
import * as wire from "../wire/house";
import { t } from "../words/en";
import { Exact, Head } from "../parts/basic";
import { Bones, Empty, Problem } from "../parts/feedback";
import { Icon } from "../parts/icons";

export function Audit() {
  const [user, setUser] = useState("");
  const found = useInfiniteQuery({
    queryKey: ["audit", user],
    queryFn: ({ pageParam }) => wire.acts({ user, cursor: pageParam, limit: 60 }),
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
  });
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  const check = useMutation({ mutationFn: wire.verify });
  return (
    <div className="page">
      <Head title={t.audit.title} lead={t.audit.lead}>
        <button type="button" className="button first" disabled={check.isPending} onClick={() => check.mutate()}>
          <Icon name="policy" size={16} />
          {check.isPending ? t.audit.verifying : t.audit.verify}
        </button>
      </Head>
      <AuditTabs />
      <div aria-live="polite">
        {check.isError && <Problem error={check.error} />}
        {check.data && <Verdict found={check.data} />}
      </div>
      <input className="input small" style={{ maxWidth: "16rem" }} type="search" aria-label={t.audit.person} placeholder={t.audit.person} value={user} onChange={(event) => setUser(event.target.value.trim())} />
      {found.isError && <Problem error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Bones card lines={10} />}
      {found.data && (
        <div className="card">
          {items.length ? (
            <div className="table-box" tabIndex={0} role="group" aria-label={t.audit.title}>
              <table className="table fold">
                <thead>
                  <tr>
                    {[t.audit.when, t.audit.who, t.audit.what, t.audit.why, t.audit.run].map((name) => (
                      <th key={name} scope="col">
                        {name}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {items.map((line) => (
                    <tr key={line.number}>
                      <td className="num" style={{ textAlign: "start" }} title={inFull(line.at)} data-label={t.audit.when}>{dayAndTime(line.at)}</td>
                      <td className="strong" data-label={t.audit.who}>
                        {line.by || "–"}
                        {line.onBehalfOf && <span className="dim"> for {line.onBehalfOf}</span>}
                        {line.solo && <span className="tag" style={{ marginInlineStart: 4 }}>solo</span>}
                      </td>
                      <td style={{ minWidth: "9rem" }} data-label={t.audit.what}>
                        {words(line.kind)}
                        {line.step && <span className="dim mono tiny"> {line.step}</span>}
                      </td>
                      <td className="text" style={{ minWidth: "16rem", overflowWrap: "anywhere" }} data-label={t.audit.why} data-empty={!line.text || undefined}>
                        <Exact>{line.text}</Exact>
                      </td>
                      <td className="brief" data-label={t.audit.run} data-empty={!line.runId || undefined}>
                        {line.runId && (
                          <Link to="/runs/$id" params={{ id: line.runId }} className="mono tiny" title={line.runId}>
                            {short(line.runId)}
                          </Link>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <Empty icon="audit" title={t.audit.empty}>
              {t.audit.emptyLead}
            </Empty>
          )}
        </div>
      )}
      {found.hasNextPage && (
        <button type="button" className="button" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {t.common.more}
        </button>
      )}
    </div>
  );
}

/** What was decided, and how. */
export function AuditTabs() {
  return (
    <nav className="tabs" aria-label={t.audit.title}>
      <Link to="/audit" activeOptions={{ exact: true }}>
        {t.audit.acts}
      </Link>
      <Link to="/audit/oversight">{t.audit.oversight}</Link>
    </nav>
  );
}

function Verdict({ found }: { readonly found: wire.Verified }) {
  const holds = found.faults.length === 0;
  const counted = `${count(found.events)} ${t.audit.events}, ${duration(found.tookUs)}`;
  return (
    <div className={`notice tone-${holds ? "good" : "bad"}`} role="status">
      <Icon name={holds ? "check" : "warn"} />
      <div className="stack gap1">
        <p className="title">{holds ? t.audit.holds : t.audit.broken(found.faults.length)}</p>
        {holds ? (
          <p className="small dim">
            {t.audit.holdsLead} {counted}
          </p>
        ) : (
          <ul className="small stack gap1">
            {found.faults.map((fault, at) => (
              <li key={at} className="wrap-any">
                <Exact>{[fault.stream || fault.where, fault.kind, fault.detail || fault.what].filter(Boolean).join(": ")}</Exact>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
