/** An address that leads nowhere. */

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
