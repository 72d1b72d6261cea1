/** Who decided what, when and why, over all runs; and the journal checked while one looks on. */

import { useState } from "react";
import { Link } from "@tanstack/react-router";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { count, dayAndTime, inFull, short, words } from "../model/format";
import * as wire from "../wire/house";
import { t } from "../words/en";
import { Exact, Head } from "../parts/basic";
import { Bones, Empty, Problem } from "../parts/feedback";
import { Icon } from "../parts/icons";

export function Audit() {
  const [user, setUser] = useState("");
  const found = useInfiniteQuery({
    queryKey: ["audit", user],
    queryFn: ({ pageParam }) => wire.audit({ user, cursor: pageParam, limit: 60 }),
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
              <table className="table">
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
                  {items.map((line, at) => (
                    <tr key={at}>
                      <td className="num" style={{ textAlign: "start" }} title={inFull(line.at)}>{dayAndTime(line.at)}</td>
                      <td className="strong" style={{ whiteSpace: "nowrap" }}>
                        {line.by || "–"}
                        {line.onBehalfOf && <span className="dim"> for {line.onBehalfOf}</span>}
                        {line.solo && <span className="tag" style={{ marginInlineStart: 4 }}>solo</span>}
                      </td>
                      <td style={{ minWidth: "9rem" }}>
                        <span className="dim">{t.audit.kinds[line.decisionType] ?? words(line.kind || line.decisionType)}</span> <Exact>{words(line.verdict || line.target)}</Exact>
                        {line.step && <span className="dim mono tiny"> {line.step}</span>}
                      </td>
                      <td className="wrap-any" style={{ minWidth: "16rem" }}>
                        <Exact>{line.reasoning || line.text}</Exact>
                      </td>
                      <td>
                        {line.runId && (
                          <Link to="/runs/$id" params={{ id: line.runId }} className="mono tiny" title={line.goal || line.runId}>
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

function Verdict({ found }: { readonly found: wire.Verified }) {
  const holds = found.faults.length === 0;
  const counted = [found.runs && `${count(found.runs)} runs`, found.events && `${count(found.events)} events`].filter(Boolean).join(", ");
  return (
    <div className={`notice tone-${holds ? "good" : "bad"}`} role="status">
      <Icon name={holds ? "check" : "warn"} />
      <div className="stack gap1">
        <h3>{holds ? t.audit.holds : t.audit.broken(found.faults.length)}</h3>
        {holds ? (
          <p className="small dim">
            {t.audit.holdsLead} {counted}
          </p>
        ) : (
          <ul className="small stack gap1">
            {found.faults.map((fault, at) => (
              <li key={at} className="wrap-any">
                <Exact>{[fault.stream || fault.where, fault.what || fault.kind, fault.why || fault.detail || fault.text].filter(Boolean).join(": ")}</Exact>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
