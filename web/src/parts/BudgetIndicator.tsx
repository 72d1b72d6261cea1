/** How full the budgets of a run are: calls, cost, tokens, and the domains it has used. */

import { metersOf } from "../model/budget";
import type { Budget } from "../wire/shapes";
import { t } from "../words/en";
import { MeterBar } from "./basic";

export function BudgetIndicator({ budget, domains = true }: { readonly budget: Budget; readonly domains?: boolean }) {
  const meters = metersOf(budget);
  return (
    <div className="stack gap3">
      {meters.totals.map((meter) => (
        <MeterBar key={meter.key} meter={meter} mark={budget.warningPercent} />
      ))}
      {domains && meters.domains.length > 0 && (
        <>
          <h3 className="small dim" style={{ marginTop: "var(--s2)", fontWeight: 550 }}>
            {t.budget.domains}
          </h3>
          {meters.domains.map((meter) => (
            <MeterBar key={meter.key} meter={meter} mark={meter.limit === null ? undefined : budget.warningPercent} />
          ))}
        </>
      )}
    </div>
  );
}
