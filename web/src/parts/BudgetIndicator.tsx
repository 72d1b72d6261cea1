/** How full the budgets of a run are: calls, cost, tokens, and the domains it has used. */

import { metersOf } from "../model/budget";
import type { Budget } from "../wire/shapes";
import { t } from "../words/en";
import { MeterBar } from "./basic";

interface Props {
  readonly budget: Budget;
  readonly warningPercent: number; // from the profile of the run
}

export function BudgetIndicator({ budget, warningPercent }: Props) {
  const meters = metersOf(budget, warningPercent);
  return (
    <div className="stack gap3">
      {meters.totals.map((meter) => (
        <MeterBar key={meter.key} meter={meter} mark={warningPercent} />
      ))}
      {meters.domains.length > 0 && (
        <>
          <h3 className="small dim" style={{ marginTop: "var(--s2)", fontWeight: 550 }}>
            {t.budget.domains}
          </h3>
          {meters.domains.map((meter) => (
            <MeterBar key={meter.key} meter={meter} mark={meter.limit === null ? undefined : warningPercent} />
          ))}
        </>
      )}
    </div>
  );
}
