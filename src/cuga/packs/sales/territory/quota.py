"""How many people a target takes, month by month, with every assumption on the table and the answer shown for better
and worse attainment."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Annotated

from cuga.adapters.capability import WON, CrmRead, Filter, TeamMember
from cuga.errors import BadInput
from cuga.packs.sales.deals import all_of, deals_of, units
from cuga.packs.sales.importing import values
from cuga.packs.sales.periods import months_of, period_of
from cuga.packs.sales.result import Report, Result
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "quota-1"
RAMP = (0, 25, 50, 75, 100)  # percent of full productivity in the months after a start
MOST_PEOPLE = 100_000


class Month(Result, frozen=True, kw_only=True):
    """One month: people in all, those that count after ramp and leaving, and what they bring."""

    month: str
    people: int
    effective: float
    brings: int


class Answer(Result, frozen=True, kw_only=True):
    """Headcount at one attainment, in percent of quota; `short` is what is still missing, 0 when the target is met."""

    attainment: int
    hires: int
    people: int
    coverage: float
    short: int


class QuotaPlan(Report, frozen=True, kw_only=True):
    """`coverage` is the quota of everybody over the target. All hires start in the first month."""

    target: int
    period: str
    people_now: int
    quota_per_person: int
    answer: Answer
    better: Answer
    worse: Answer
    months: tuple[Month, ...]


@tool(
    domain="territory",
    side_effect="read-only",
    cost=0.5,
    keywords=("quota", "headcount", "ramp", "hire", "attainment", "how many reps", "reps do we need", "staffing",
    "to hit"),
    gives={"quota_plan": ""},
    uses=("crm",),
    guardrails=("states every assumption", "shows the answer at plus and minus 10 % attainment", "hires nobody"),
)  # fmt: skip
def plan_quota_capacity(
    context: ToolContext,
    target: Annotated[str, Slot("amount", "what is to be sold, e.g. 12M")] = "",
    period: Annotated[str, Slot("period", "in which time; left out: the next year")] = "next year",
    people: Annotated[int, Slot("headcount", "how many sell now; left out: those of the CRM with deals")] = 0,
    quota: Annotated[int, Slot("quota", "a person's quota for a year; left out: what a person sold")] = 0,
    attainment: Annotated[int, Slot("attainment", "share of the quota that people reach")] = 100,
    attrition: Annotated[int, Slot("attrition", "percent of people who leave in a year")] = 0,
    ramp: Annotated[tuple[int, ...], Slot("ramp", "percent of full productivity month by month")] = RAMP,
    question: Annotated[str, Slot("question", "the words that name the target, where `target` does not")] = "",
) -> QuotaPlan:
    """Headcount ramp and attainment needed to reach a target.

    Months are summed: people who are there count whole, less those who leave; new ones count by the ramp. Without a
    quota what a person has sold in the last 365 days is used, which is productivity and not a quota.
    """
    wanted = _target(target, question)
    if not 1 <= attainment <= 300 or not 0 <= attrition < 100 or any(not 0 <= r <= 100 for r in ramp):
        raise BadInput("attainment is 1 to 300, attrition 0 to 99, and ramp steps 0 to 100 percent")
    crm: CrmRead = context.capability("crm")
    today = context.as_of.date()
    window = period_of(period, today, ahead=True)
    assumptions: list[str] = []
    won = [
        d
        for d in deals_of(crm, [Filter(field="status", value=WON)])
        if d.closes is not None and 0 <= (today - d.closes).days < 365
    ]
    sellers = sorted({d.owner for d in won if d.owner})
    now = people or len(sellers) or len([m for m in all_of(crm, "teams") if isinstance(m, TeamMember)])
    if not people:
        assumptions.append(f"{now:,} people sell now: those with a won deal in the last 365 days.")
    if not quota:
        if not sellers:
            raise BadInput("what a person sells is not known", mend="give a quota for a person and year")
        quota = round(sum(units(d.amount) for d in won) / len(sellers))
        assumptions.append(f"A person sells {quota:,} a year: the mean of the last 365 days, not a quota.")
    if quota < 1:
        raise BadInput("a person's quota must be above 0", mend="give a quota for a person and year")
    assumptions += [
        f"Attainment {attainment} %, attrition {attrition} % a year, spread evenly; nobody is replaced.",
        f"New people reach {', '.join(f'{r} %' for r in ramp)} month by month; all start in the first month.",
    ]
    months = months_of(window)
    here, better, worse = (
        _needed(wanted, now, quota, share, attrition, ramp, len(months))
        for share in (attainment, round(attainment * 1.1), max(1, round(attainment * 0.9)))
    )
    return QuotaPlan(
        headline=f"{wanted:,} in {window.name} takes {here.people:,} people, {here.hires:,} more than now "
        f"({better.hires:,} to {worse.hires:,} at plus and minus 10 % attainment).",
        as_of=today.isoformat(),
        assumptions=tuple(assumptions),
        rules=RULES,
        target=wanted,
        period=window.name,
        people_now=now,
        quota_per_person=quota,
        answer=here,
        better=better,
        worse=worse,
        months=tuple(
            _month(day, at, now, here.hires, quota * attainment / 100, attrition, ramp) for at, day in enumerate(months)
        ),
    )


def _target(target: str, question: str) -> int:
    """The target in whole units; in a sentence the one amount with a unit of thousands or more, or a currency."""
    said = (
        [target]
        if target
        else re.findall(r"[$€£]?\d[\d.,]*\d? ?(?:k|m|mio|million|bn|billion)\b|[$€£]\d[\d.,]*\d", question, re.I)
    )
    amounts = {units(found[0]) for text in said if (found := values.money(text)) is not None}
    if len(amounts) != 1 or (wanted := amounts.pop()) <= 0:
        raise BadInput(f"{target or question!r} names no single target", mend="give an amount, e.g. 12M or 1500000")
    return wanted


def _kept(at: int, attrition: int) -> float:
    return math.pow(1 - attrition / 100, at / 12)


def _ramped(at: int, ramp: tuple[int, ...]) -> float:
    return (ramp[at] if at < len(ramp) else 100) / 100


def _needed(
    wanted: int, now: int, quota: int, attainment: int, attrition: int, ramp: tuple[int, ...], months: int
) -> Answer:
    monthly = quota * attainment / 100 / 12
    old = sum(now * _kept(at, attrition) for at in range(months)) * monthly
    each = sum(_ramped(at, ramp) * _kept(at, attrition) for at in range(months)) * monthly
    missing = max(0.0, wanted - old)
    hires = math.ceil(missing / each - 1e-9) if each > 0 else 0
    if hires > MOST_PEOPLE:
        raise BadInput(f"the target would take {hires:,} people", mend="check target, quota and period")
    short = max(0, round(missing - hires * each))
    return Answer(
        attainment=attainment,
        hires=hires,
        people=now + hires,
        coverage=round((now + hires) * quota * months / 12 / wanted, 2),
        short=short,
    )


def _month(day: date, at: int, now: int, hires: int, yearly: float, attrition: int, ramp: tuple[int, ...]) -> Month:
    effective = (now + hires * _ramped(at, ramp)) * _kept(at, attrition)
    return Month(
        month=f"{day:%Y-%m}",
        people=round((now + hires) * _kept(at, attrition)),
        effective=round(effective, 1),
        brings=round(effective * yearly / 12),
    )
