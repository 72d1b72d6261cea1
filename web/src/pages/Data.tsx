/** What the house knows: its records by kind, how good they are, and how more come in. */

import { useEffect, useState } from "react";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { title } from "../model/format";
import { cellOf, columnsOf } from "../model/records";
import * as wire from "../wire/house";
import type { Json } from "../wire/read";
import { t } from "../words/en";
import { useHouse } from "../app/session";
import { Exact, Head, showCurrent } from "../parts/basic";
import { Answer, Bones, Empty, Problem } from "../parts/feedback";
import { Output } from "../parts/outputs";
import { Import } from "./Import";

const KINDS = ["accounts", "contacts", "opportunities", "products", "activities"] as const;
const BRIEF = 26; // letters that stay on one line

export function Data() {
  const { kind = "accounts" } = useParams({ strict: false });
  const house = useHouse();
  const tabs = [...KINDS, "quality", "import"];
  return (
    <div className="page wide">
      <Head title={t.data.title} lead={t.data.lead} />
      <nav className="tabs" ref={showCurrent} aria-label={t.data.title}>
        {tabs.map((name) => (
          <Link key={name} to="/data/$kind" params={{ kind: name }} aria-current={name === kind ? "page" : undefined}>
            {name === "quality" ? t.data.quality : name === "import" ? t.data.import : t.data.kinds[name]}
            {house.data?.data[name] !== undefined && <span className="dim num tiny" style={{ marginInlineStart: "0.4em" }}>{house.data.data[name]}</span>}
          </Link>
        ))}
      </nav>
      {kind === "import" ? <Import /> : kind === "quality" ? <Quality /> : <Records key={kind} kind={kind} />}
    </div>
  );
}

function Records({ kind }: { readonly kind: string }) {
  const navigate = useNavigate();
  const [said, say] = useState("");
  const [q, setQ] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setQ(said.trim()), 250);
    return () => clearTimeout(timer);
  }, [said]);
  const found = useInfiniteQuery({
    queryKey: ["crm", kind, q],
    queryFn: ({ pageParam }) => wire.records(kind, { q, cursor: pageParam, limit: 60 }),
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
  });
  const rows = (found.data?.pages.flatMap((page) => page.items) ?? []).filter(isRecord);
  const columns = columnsOf(kind, rows);
  return (
    <div className="stack">
      <input className="input small" style={{ maxWidth: "20rem" }} type="search" aria-label={t.data.search} placeholder={t.data.search} value={said} onChange={(event) => say(event.target.value)} />
      {found.isError && <Problem error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Bones card lines={10} />}
      {found.data && (
        <div className="card">
          {rows.length ? (
            <div className="table-box" tabIndex={0} role="group" aria-label={t.data.kinds[kind] ?? kind}>
              <table className="table stick">
                <thead>
                  <tr>
                    {columns.map((name) => (
                      <th key={name} scope="col" className={rows.some((row) => cellOf(row, name).isNumber) ? "num" : ""}>
                        {title(name)}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {rows.map((row) => (
                    <tr key={String(row.id)} data-open onClick={() => void navigate({ to: "/data/$kind/$id", params: { kind, id: String(row.id) } })}>
                      {columns.map((name, at) => {
                        const cell = cellOf(row, name);
                        return (
                          <td key={name} className={cell.isNumber ? "num" : cell.text.length < BRIEF ? "brief" : ""}>
                            {at === 0 ? (
                              <Link to="/data/$kind/$id" params={{ kind, id: String(row.id) }} onClick={(event) => event.stopPropagation()} style={{ color: "inherit", fontWeight: 550 }}>
                                <Exact>{cell.text || String(row.id)}</Exact>
                              </Link>
                            ) : (
                              <Exact>{cell.text}</Exact>
                            )}
                          </td>
                        );
                      })}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <Empty icon="data" title={q ? t.data.nothingFound : t.data.empty(t.data.kinds[kind] ?? kind)} action={q ? undefined : <Link className="button" to="/data/$kind" params={{ kind: "import" }}>{t.data.import}</Link>}>
              {q ? undefined : t.data.emptyLead}
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

function isRecord(value: Json): value is { [name: string]: Json } {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function Quality() {
  const found = useQuery({ queryKey: ["crm", "quality"], queryFn: wire.quality });
  return (
    <Answer of={found} bones={8}>
      {(report) => (
        <div className="card">
          <div className="inside">
            <Output value={report} />
          </div>
        </div>
      )}
    </Answer>
  );
}
