/** An address that leads nowhere, or to a run that is not in this house. */

import { Link } from "@tanstack/react-router";
import { t } from "../words/en";
import { Empty } from "../parts/feedback";

export function NotFound() {
  return (
    <div className="page">
      <h1 className="hush">{t.problem.notFound}</h1>
      <Empty icon="search" title={t.problem.notFound} action={<Link className="button" to="/">{t.nav.home}</Link>}>
        {t.problem.notFoundMend}
      </Empty>
    </div>
  );
}

export function NoRun() {
  return (
    <>
      <h1 className="hush">{t.problem.noRun}</h1>
      <Empty icon="search" title={t.problem.noRun} action={<Link className="button" to="/runs">{t.problem.noRunDo}</Link>}>
        {t.problem.notFoundMend}
      </Empty>
    </>
  );
}
