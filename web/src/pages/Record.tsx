/** One record, all of it, with where it came from and what can be asked of it. */

import { Link, useParams } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import * as wire from "../wire/house";
import type { Json } from "../wire/read";
import { t } from "../words/en";
import { Exact, Head } from "../parts/basic";
import { Answer } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Output } from "../parts/outputs";
import { readable } from "../model/records";

export function Record() {
  const { kind, id } = useParams({ from: "/data/$kind/$id" });
  const found = useQuery({ queryKey: ["crm", kind, "one", id], queryFn: () => wire.record(kind, id) });
  return (
    <div className="page">
      <Answer of={found} bones={8}>
        {(record) => {
          const name = nameOf(record) || id;
          return (
            <>
              <Head title={<Exact>{name}</Exact>} lead={t.data.kinds[kind] ?? kind}>
                <Link className="button" to="/data/$kind" params={{ kind }}>
                  <Icon name="left" size={16} />
                  {t.data.kinds[kind] ?? kind}
                </Link>
                {kind === "accounts" && (
                  <Link className="button first" to="/" search={{ goal: `Score ${name} and draft a first email to its buyer` }}>
                    {t.data.go}
                  </Link>
                )}
              </Head>
              <div className="card">
                <div className="inside">
                  <Output value={isTree(record) ? readable(record) : record} />
                </div>
              </div>
            </>
          );
        }}
      </Answer>
    </div>
  );
}

const isTree = (record: Json): record is { [name: string]: Json } => record !== null && typeof record === "object" && !Array.isArray(record);
const nameOf = (record: Json): string => (isTree(record) && typeof record.name === "string" ? record.name : "");
