"""A joint plan with the buyer, built back from the date of signature over business days. It says when the date cannot
hold; it never shortens a step to make it fit."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from cuga.adapters.capability import Account, CrmRead
from cuga.errors import BadInput
from cuga.model.value import Value
from cuga.packs.sales.business_days import Calendar
from cuga.packs.sales.qualification.deals import named, one_deal
from cuga.packs.sales.result import Result
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "plan-1"
MOST_STEPS = 60
MOST_BUSINESS_DAYS = 260  # of one step
Side = Literal["us", "buyer", "both"]


class Need(Value, frozen=True, kw_only=True):
    """One step that has to happen: how many business days it takes, who does it, which steps come first."""

    step: str
    days: int
    side: Side = "both"
    after: tuple[str, ...] = ()
    owner: str = ""


USUAL: tuple[Need, ...] = (  # lead times as they are common in mid-size firms; every buyer's own differ
    Need(step="agree on the problem and what it costs", days=2, side="both"),
    Need(step="agree on what must be met", days=3, side="buyer", after=("agree on the problem and what it costs",)),
    Need(step="show that it is met", days=8, side="us", after=("agree on what must be met",)),
    Need(step="business case", days=5, side="both", after=("agree on the problem and what it costs",)),
    Need(step="security and data protection review", days=10, side="buyer", after=("show that it is met",)),
    Need(step="word of whoever releases the money", days=3, side="buyer",
         after=("show that it is met", "business case")),
    Need(step="offer and contract sent", days=2, side="us", after=("word of whoever releases the money",)),
    Need(step="legal review", days=10, side="buyer", after=("offer and contract sent",)),
    Need(step="purchasing", days=5, side="buyer", after=("offer and contract sent",)),
    Need(step="signature", days=2, side="buyer",
         after=("legal review", "purchasing", "security and data protection review")),
)  # fmt: skip


class PlannedStep(Result, frozen=True, kw_only=True):
    """One step. `starts` and `ends` are the latest days that keep the end date; `slack` is in business days.

    With a date that cannot hold they are the earliest possible ones instead.
    """

    step: str
    side: Side
    owner: str
    days: int
    starts: str
    ends: str
    earliest_end: str
    slack: int
    critical: bool
    after: tuple[str, ...]


class ActionPlan(Result, frozen=True, kw_only=True):
    """The plan. `holds`: the end date can be met. `critical_path` are the steps that leave no day to lose."""

    opportunity: str
    account: str
    end: str
    holds: bool
    earliest_end: str
    missing_days: int
    critical_path: tuple[str, ...]
    steps: tuple[PlannedStep, ...]
    done: tuple[str, ...]
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    as_of: str
    rules: str = RULES


@tool(
    domain="qualification",
    side_effect="propose",
    cost=0.8,
    keywords=(
        "mutual action plan", "close plan", "joint plan", "map to signature", "success plan", "joint timeline",
        "back plan", "ending", "plan to close", "steps to signature",
    ),
    gives={"action_plan": ""},
    uses=("crm",),
    writes=(),
    guardrails=("never shortens a step to make a date fit", "is a proposal: the buyer's own dates go before it"),
)  # fmt: skip
def build_mutual_action_plan(
    context: ToolContext,
    opportunity: Annotated[str, Slot("opportunity", "id of the deal")] = "",
    account: Annotated[str, Slot("account", "name or id of an account with one open deal")] = "",
    end: Annotated[date | None, Slot("date", "date of signature; left out: the deal's close date")] = None,
    steps: Annotated[tuple[Need, ...], Slot("steps", "own steps with lead times in business days")] = (),
    done: Annotated[tuple[str, ...], Slot("done", "steps that are done")] = (),
    region: Annotated[str, Slot("holiday_region", "code of the region whose holidays count too, e.g. BY")] = "",
) -> ActionPlan:
    """Dated joint plan with the buyer up to signature.

    Business days of the account's country. Critical path method (Kelley and Walker 1959): a step's slack is what it may
    be late without moving the end. Lead times that are left out are common ones, not this buyer's.
    """
    crm: CrmRead = context.capability("crm")
    deal = one_deal(crm, opportunity, account)
    buyer = crm.get("accounts", deal.account_id) if deal.account_id else None
    calendar = Calendar(buyer.country if isinstance(buyer, Account) else "", region)
    today = context.as_of.date()
    wanted = end or deal.closes
    if wanted is None:
        raise BadInput(f"{named(deal)} has no close date and none was given", mend="say by when it shall be signed")
    if wanted <= today:
        raise BadInput(f"the end {wanted} does not lie after {today}", mend="give a later date, or another as-of date")
    assumptions = () if steps else ("No steps were given: the usual ones with common lead times are used.",)
    planned, finish, missing, path = scheduled(steps or USUAL, done, today, wanted, calendar)
    notes = [calendar.note] if calendar.note else []
    if missing:
        notes.append(
            f"{wanted} cannot hold: {path[-1] if path else 'the last step'} ends on {finish} at the earliest, "
            f"{missing} business day{'s' if missing > 1 else ''} later, over {', '.join(path)}"
        )
    if not calendar.is_business_day(wanted):
        notes.append(f"{wanted} is no business day; the plan ends on {calendar.on_or_before(wanted)}")
    return ActionPlan(
        opportunity=deal.id,
        account=deal.account,
        end=wanted.isoformat(),
        holds=not missing,
        earliest_end=finish.isoformat(),
        missing_days=missing,
        critical_path=path,
        steps=planned,
        done=tuple(done),
        assumptions=assumptions,
        notes=tuple(notes),
        as_of=today.isoformat(),
    )


def scheduled(
    needs: tuple[Need, ...], done: tuple[str, ...], today: date, end: date, calendar: Calendar
) -> tuple[tuple[PlannedStep, ...], date, int, tuple[str, ...]]:
    """(steps in order, earliest end, business days missing, critical path). `BadInput` for steps that make no plan."""
    order = _ordered(needs, done)
    left = [need for need in order if need.step not in done]
    if not left:
        raise BadInput("every step is done", mend="name the steps that are left")
    early: dict[str, int] = {}  # step -> business days from today to its end
    for need in left:
        early[need.step] = need.days + max((early[name] for name in need.after if name in early), default=0)
    last = max(early.values())
    room = calendar.between(today, calendar.on_or_before(end))
    whole = max(room, last)  # the plan ends where the date allows, or when it can be done
    late: dict[str, int] = {}
    for need in reversed(left):
        late[need.step] = min(
            (late[other.step] - other.days for other in left if need.step in other.after), default=whole
        )
    least = min(late[step] - early[step] for step in early)
    tight = {step for step in early if late[step] - early[step] == least}
    planned = tuple(
        PlannedStep(
            step=need.step, side=need.side, owner=need.owner, days=need.days,
            starts=calendar.moved(today, late[need.step] - need.days + (1 if need.days else 0)).isoformat(),
            ends=calendar.moved(today, late[need.step]).isoformat(),
            earliest_end=calendar.moved(today, early[need.step]).isoformat(),
            slack=late[need.step] - early[need.step], critical=need.step in tight,
            after=tuple(name for name in need.after if name in early),
        )
        for need in left
    )  # fmt: skip
    return planned, calendar.moved(today, last), max(0, last - room), _path(left, early, tight)


def _path(left: list[Need], early: dict[str, int], tight: set[str]) -> tuple[str, ...]:
    """One chain of steps that decides the end: back from the last of them, each time over whoever ends last."""
    by_name = {need.step: need for need in left}
    at = max((step for step in tight), key=lambda step: (early[step], step))
    chain = [at]
    while before := [
        name for name in by_name[at].after if name in tight and early[name] == early[at] - by_name[at].days
    ]:
        at = min(before)
        chain.append(at)
    return tuple(reversed(chain))


def _ordered(needs: tuple[Need, ...], done: tuple[str, ...]) -> list[Need]:
    """The steps so that each comes after those it needs; otherwise in the order they were given."""
    names = [need.step for need in needs]
    if len(needs) > MOST_STEPS:
        raise BadInput(f"{len(needs)} steps are too many; {MOST_STEPS} is the most")
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise BadInput(f"the step {twice!r} is named twice")
    if unknown := [name for name in done if name not in names]:
        raise BadInput(f"there is no step {unknown[0]!r} that could be done", mend=f"steps: {', '.join(names)}")
    for need in needs:
        if not need.step.strip() or not 0 <= need.days <= MOST_BUSINESS_DAYS:
            raise BadInput(
                f"the step {need.step!r} takes {need.days} days", mend=f"0 to {MOST_BUSINESS_DAYS}, and a name"
            )
        if missing := [name for name in need.after if name not in names]:
            raise BadInput(f"{need.step!r} comes after {missing[0]!r}, which is no step")
    order: list[Need] = []
    placed: set[str] = set()
    while len(order) < len(needs):
        ready = [need for need in needs if need.step not in placed and placed.issuperset(need.after)]
        if not ready:
            stuck = ", ".join(need.step for need in needs if need.step not in placed)
            raise BadInput(f"steps wait for each other in a circle: {stuck}")
        order += ready
        placed.update(need.step for need in ready)
    return order
