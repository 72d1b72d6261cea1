"""Hours that accounts take against hours that people have; who is overloaded, who idle, and what nobody covers."""

from __future__ import annotations

from typing import Annotated, Literal

from cuga.errors import BadInput
from cuga.model.value import Value
from cuga.packs.sales.result import Report, Result
from cuga.packs.sales.territory.book import Book, Touch
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "capacity-1"
HOURS = 1_200  # selling hours of a person and year: 46 weeks of 40 hours, two thirds of it with customers
OVER, IDLE = 90, 50  # percent


class Ramping(Value, frozen=True, kw_only=True):
    """A person who counts partly; percent of full hours."""

    rep: str
    percent: int


class Used(Result, frozen=True, kw_only=True):
    """One person's year; utilization in percent."""

    rep: str
    accounts: int
    hours: int
    capacity: int
    utilization: int
    state: Literal["overloaded", "covered", "idle"]


class Uncovered(Result, frozen=True, kw_only=True):
    """An account without anybody of the team."""

    account: str
    account_id: str
    owner: str
    hours: int
    potential: int


class Coverage(Report, frozen=True, kw_only=True):
    """`reps_needed` are whole people at the limit of being overloaded, for all accounts together."""

    reps: int
    accounts: int
    hours: int
    capacity: int
    utilization: int
    reps_needed: int
    people: tuple[Used, ...]
    uncovered: tuple[Uncovered, ...]


@tool(
    domain="territory",
    side_effect="read-only",
    cost=0.6,
    keywords=(
        "covered", "coverage", "capacity", "overloaded", "workload", "idle", "uncovered", "too many accounts",
        "enough reps", "utilization", "no one",
    ),
    gives={"coverage": ""},
    uses=("crm",),
    guardrails=("capacity is an input, never a hidden constant", "accounts without anybody are named"),
)  # fmt: skip
def assess_capacity_coverage(
    context: ToolContext,
    region: Annotated[str, Slot("region", "only people of this region or manager")] = "",
    reps: Annotated[int, Slot("count", "how many reps there should be by your count; compared with the CRM")] = 0,
    hours_per_rep: Annotated[int, Slot("hours", "selling hours of a person and year")] = HOURS,
    ramping: Annotated[tuple[Ramping, ...], Slot("ramping", "people who count partly, in percent")] = (),
    touches: Annotated[tuple[Touch, ...], Slot("touch_model", "touches and minutes by segment")] = (),
) -> Coverage:
    """Workload against capacity per rep and territory with overloaded idle and uncovered ones.

    Workload is touches x minutes of each account's segment, and hours for open deals. Overloaded: over 90 % of the
    hours; idle: under 50 %. People in ramp count with their percent.
    """
    if hours_per_rep < 1:
        raise BadInput("hours_per_rep must be at least 1", mend=f"leave it out for {HOURS}")
    book = Book(context.capability("crm"), context.as_of.date(), touches)
    people = book.who(region) if region else book.reps()
    partly = {one.rep.casefold(): one.percent for one in ramping}
    if strange := [one.rep for one in ramping if one.rep.casefold() not in {p.casefold() for p in people}]:
        raise BadInput(f"{strange[0]!r} is none of the people looked at", mend=f"people: {', '.join(people[:20])}")
    if any(not 0 < one.percent <= 100 for one in ramping):
        raise BadInput("a person in ramp counts 1 to 100 percent", mend="leave out whoever does not count yet")
    if hours_per_rep == HOURS:
        book.assumptions.append(f"A person has {HOURS:,} selling hours a year. Give your own figure.")
    if reps and reps != len(people):
        book.notes.append(f"you say {reps:,} reps; the CRM names {len(people):,}, and these are looked at")
    rows = []
    for load in book.loads(book.owners(), people):
        own = hours_per_rep * partly.get(load.rep.casefold(), 100) // 100
        used = round(100 * load.hours / max(own, 1))
        state: Literal["overloaded", "covered", "idle"]
        state = "overloaded" if used > OVER else "idle" if used < IDLE else "covered"
        rows.append(
            Used(rep=load.rep, accounts=load.accounts, hours=load.hours, capacity=own, utilization=used, state=state)
        )
    rows.sort(key=lambda row: (-row.utilization, row.rep))
    everybody = set(book.reps())
    bare = tuple(
        Uncovered(account=h.account.name, account_id=key, owner=h.owner, hours=round(h.hours), potential=h.potential)
        for key, h in sorted(book.holdings.items(), key=lambda one: (-one[1].potential, one[0]))
        if h.owner not in everybody
    )
    hours, capacity = sum(row.hours for row in rows), sum(row.capacity for row in rows)
    over, idle = (sum(row.state == state for row in rows) for state in ("overloaded", "idle"))
    open_hours = 0 if region else sum(one.hours for one in bare)
    needed = -(-(hours + open_hours) * 100 // (hours_per_rep * OVER)) if hours + open_hours else 0
    return Coverage(
        headline=f"{len(rows):,} people, {hours:,} of {capacity:,} hours used: {over} overloaded, {idle} idle, "
        f"{len(bare):,} accounts uncovered.",
        as_of=book.today.isoformat(),
        notes=tuple(book.notes),
        assumptions=tuple(book.assumptions),
        rules=RULES,
        reps=len(rows),
        accounts=sum(row.accounts for row in rows),
        hours=hours,
        capacity=capacity,
        utilization=round(100 * hours / capacity) if capacity else 0,
        reps_needed=needed,
        people=tuple(rows),
        uncovered=bare,
    )
