"""Who did what, over the whole house, newest first: decisions of people, what began and stopped, changes of the house.

A fold of the journal like every other view. Each act lies in several orders: of all, of a person, of a run; what ended
a request in one of its own as well.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from cuga.journal.port import ReadJournal
from cuga.model import event as e
from cuga.model.event import Event, name_of
from cuga.model.house_event import HouseEvent
from cuga.model.value import Value
from cuga.policy.budget import shown
from cuga.projections.changes import said_of
from cuga.projections.projection import ATTEMPTS, Rows, Store, View, ViewsLost, ViewsUnstable, catch_up

_LAST = 10**12  # acts are numbered down from here, so that the newest comes first in the order of keys
_COUNT = "count"
_ENDS = (e.ApprovalReceived, e.ApprovalTimeout, e.ApprovalRevoked)
_WORDS: dict[type[Event], str] = {
    e.RunStarted: "began: {goal}",
    e.CancelRequested: "cancelled: {reason}",
    e.ApprovalReceived: "{verdict.value}: {reason}",
    e.ApprovalTimeout: "nobody decided in time",
    e.ApprovalRevoked: "took back: {reason}",
    e.QuestionAnswered: "answered: {answer}",
    e.ReplanRequested: "asked for another plan: {reason}",
    e.DoubtResolved: "said {answer.value}: {reason}",
    e.BudgetRaised: "raised {scope} by {amount}: {reason}",
    e.Annotation: "remarked: {text}",
}


class Act(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One act. `by` is a person, the rule that spoke instead, or `system`; `run_id` is empty for the house's own."""

    number: int
    at: datetime
    by: str
    kind: str  # the event's name
    text: str
    run_id: str
    step: str
    approval_id: str
    on_behalf_of: str
    solo: bool


class _Count(msgspec.Struct, tag="count"):
    acts: int = 0


class _Kept(msgspec.Struct, tag="act"):
    act: Act


_Row = _Count | _Kept


class ActsFold:
    """The projection behind the list."""

    name = "acts"
    version = 5
    row = _Row

    def apply(self, rows: Rows[_Row], stream: str, event: Event) -> None:
        """Take in one fact, when it is an act."""
        is_houses = isinstance(event, HouseEvent)
        if not is_houses and type(event) not in _WORDS:
            return
        count = rows.get(_COUNT)
        number = (count.acts if isinstance(count, _Count) else 0) + 1
        rows.put(_COUNT, _Count(number))
        act = Act(
            number=number,
            at=event.at,
            by=event.by or getattr(event, "rule", "") or "system",
            kind=name_of(event),
            text=said_of(event) if isinstance(event, HouseEvent) else _text(event),
            run_id="" if is_houses else stream,
            step=getattr(event, "step", ""),
            approval_id=getattr(event, "approval_id", ""),
            on_behalf_of=getattr(event, "on_behalf_of", ""),
            solo=getattr(event, "solo", False) or getattr(getattr(event, "requester", None), "solo", False),
        )
        for order in _orders(act, is_end=isinstance(event, _ENDS)):
            rows.put(f"{order}{_LAST - number:012d}", _Kept(act))


def _orders(act: Act, *, is_end: bool) -> tuple[str, ...]:
    by_run = (f"run\x1f{act.run_id}\x1f",) if act.run_id else ()
    return ("all\x1f", f"by\x1f{act.by}\x1f", *by_run, *(("ended\x1f",) if is_end else ()))


def _text(event: Event) -> str:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    if isinstance(event, e.BudgetRaised):
        fields["amount"] = shown(event.scope, event.amount)
    return _WORDS[type(event)].format(**fields).rstrip(": ")


class ActsView:
    """The list, kept up by reading on."""

    def __init__(self, journal: ReadJournal, store: Store) -> None:
        self._journal = journal
        self.view: View[_Row] = View(ActsFold(), store)

    async def position(self) -> int:
        """The position of the newest event of the journal."""
        await catch_up(self._journal, [self.view])
        return self.view.position

    async def read(
        self,
        *,
        run_id: str = "",
        by: str = "",
        since: datetime | None = None,
        before: int = 0,
        limit: int = 50,
        ended: bool = False,
    ) -> list[Act]:
        """Acts older than number `before` (0: from the newest), of a run, by somebody, not earlier than a time; or with
        `ended` only what ended a request, of all runs."""
        order = "ended\x1f" if ended else f"run\x1f{run_id}\x1f" if run_id else f"by\x1f{by}\x1f" if by else "all\x1f"
        for _ in range(ATTEMPTS):
            await catch_up(self._journal, [self.view])
            after = f"{order}{_LAST - before:012d}" if before else ""
            found: list[Act] = []
            try:
                for _key, row in self.view.page(order, after, limit * (8 if run_id and by else 1)):
                    if not isinstance(row, _Kept) or (since is not None and row.act.at < since):
                        break
                    if by in ("", row.act.by):
                        found.append(row.act)
            except ViewsLost:
                self.view.forget()
                continue
            return found[:limit]
        raise ViewsUnstable(f"{ATTEMPTS} attempts")
