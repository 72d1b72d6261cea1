/** The trace of a run on a page of its own; the address says which event is looked at. */

import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import * as wire from "../wire/house";
import { t } from "../words/en";
import { Exact, Head } from "../parts/basic";
import { Answer } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { TraceViewer } from "../parts/TraceViewer";
import { NoRun } from "./NotFound";

export function Trace() {
  const { id } = useParams({ from: "/runs/$id/trace" });
  const { at } = useSearch({ from: "/runs/$id/trace" });
  const navigate = useNavigate();
  const run = useQuery({ queryKey: ["run", id], queryFn: () => wire.run(id) });
  return (
    <div className="page wide">
      <Answer of={run} bones={8} missing={<NoRun />}>
        {(found) => (
          <>
            <Head title={t.trace.title} lead={<Exact>{found.goal}</Exact>}>
              <Link className="button" to="/runs/$id" params={{ id }}>
                <Icon name="left" size={16} />
                {t.trace.back}
              </Link>
            </Head>
            <TraceViewer traceId={found.traceId} at={at ?? null} onAt={(seq) => void navigate({ to: "/runs/$id/trace", params: { id }, search: { at: seq ?? undefined }, replace: true })} />
          </>
        )}
      </Answer>
    </div>
  );
}
