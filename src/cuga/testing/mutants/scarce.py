"""Bugs about what is scarce: claims, versions, rates and budgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from cuga.journal import claims
from cuga.kernel import decide, facts_of_runs, facts_of_steps, gate, scarce
from cuga.kernel.state import RunState, without
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.outcome import Certainty
from cuga.policy import access
from cuga.policy.budget import charges
from cuga.testing import books, processes
from cuga.testing.mutants.bed import Bed, Change, mutant


@mutant
def no_claims(bed: Bed) -> None:
    """Claims are taken whether they fit or not."""
    bed.set(claims.Ledger, "reserve", lambda self, wanted: {})


@mutant
def no_version_check(bed: Bed) -> None:
    """An append is kept wherever the stream stands."""

    def careless(append: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, stream, expected, events, index: append(self, stream, self.version(stream), events, index)

    bed.set(books.QuickBook, "append", careless(books.QuickBook.append))
    bed.set(books.StoredBook, "append", careless(books.StoredBook.append))


@mutant
def once_dropped_on_retry(bed: Bed) -> None:
    """A one-time effect is given back when nobody knows whether it happened."""
    right = Turn.emit

    def wrong(self: Turn, event: e.Event) -> None:
        if isinstance(event, e.ToolCallError):
            held = self.state.held.get(event.step, ())
            back = tuple(e.Claim(scope=one.scope, amount=-one.amount, limit=one.limit) for one in held)
            event = msgspec.structs.replace(event, claims=back)
        right(self, event)

    def wrap(known: Change) -> Change:
        def forgetful(s: RunState, event: e.ToolCallError) -> None:
            s.held = without(s.held, event.step)
            known(s, event)

        return forgetful

    bed.set(Turn, "emit", wrong)
    bed.change(e.ToolCallError, wrap)


@mutant
def rate_ignored(bed: Bed) -> None:
    """Calls take no share of the rate."""
    right = scarce.claims_for

    def wrong(*given: Any) -> Any:
        found = right(*given)
        return None if found is None else tuple(one for one in found if not one.scope.startswith("rate/"))

    bed.set(gate, "claims_for", wrong)


@mutant
def claims_of_one_turn_forgotten(bed: Bed) -> None:
    """Two steps of one decision count on the same share."""
    bed.set(Turn, "take", lambda self, claims: None)


# --- budgets ---------------------------------------------------------------------------------------------------------
@mutant
def budget_counts_only_what_is_done(bed: Bed) -> None:
    """A call is charged when it is recorded, not when it starts."""

    def late(s: RunState, event: e.ToolCallComplete) -> None:
        start = s.calling.get(event.step)
        done(s, event)
        if start is not None:
            for scope, amount in charges(start.tool, start.domain, start.cost):
                s.used[scope] = s.used.get(scope, 0) + amount

    def free(right: Change) -> Change:
        def wrong(s: RunState, event: e.ToolCallStart) -> None:
            right(s, event)
            for scope, amount in charges(event.tool, event.domain, event.cost):
                s.used[scope] -= amount

        return wrong

    done = facts_of_steps._tool_call_complete
    bed.change(e.ToolCallStart, free)
    bed.change(e.ToolCallComplete, lambda right: late)


@mutant
def released_when_unknown(bed: Bed) -> None:
    """Budget comes back although nobody knows whether the call was made."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.ToolCallError) -> None:
            start = s.calling.get(event.step)
            right(s, event)
            if start is not None and event.certainty is Certainty.UNKNOWN:
                for scope, amount in charges(start.tool, start.domain, start.cost):
                    s.used[scope] -= amount

        return wrong

    bed.change(e.ToolCallError, wrap)


@mutant
def warned_twice(bed: Bed) -> None:
    """A warning is forgotten as soon as it is given."""
    bed.change(e.BudgetWarning, lambda right: facts_of_runs.nothing)


@mutant
def exceeded_does_not_stop(bed: Bed) -> None:
    """A used-up budget is noted, and the run goes on."""

    def wrong(s: RunState, event: e.BudgetExceeded) -> None:
        s.exceeded = s.exceeded | {(event.scope, event.limit)}

    bed.change(e.BudgetExceeded, lambda right: wrong)


@mutant
def requester_tops_up(bed: Bed) -> None:
    """Whoever asked for a run may raise its limits."""
    bed.set(decide, "access_of", lambda *_, **__: access.Access(allowed=True, reasons=()))


@mutant
def pinned_rules_replaced(bed: Bed) -> None:
    """A run is judged by what the registry says by now."""
    bed.set(processes, "rules_for", lambda schedule, digest: schedule.setting.newer)
