"""What may stall or lose a deal, finding by finding: the rules themselves, over what is known of one deal.

A rule answers with a finding, with "nothing found", or with "not known"; not known is never a finding.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Literal

from cuga.adapters.capability import Activity, Contact, Opportunity, Past
from cuga.model.value import Value
from cuga.packs.sales.qualification.frameworks import ELEMENTS
from cuga.packs.sales.qualification.history import History
from cuga.packs.sales.qualification.standing import STALE_DAYS, Standing, Statement, standing
from cuga.packs.sales.result import Evidence, Result, amount_text, evidence, place

QUIET_DAYS = 30  # without any activity
SWING = 0.25  # of the amount
Severity = Literal["high", "medium"]


class Kept(Value, frozen=True, kw_only=True):
    """What this CRM keeps at all: what no deal has is not missing from one."""

    activities: bool
    next_steps: bool
    close_dates: bool
    amounts: bool


class Known(Value, frozen=True, kw_only=True):
    """All that is known of one deal."""

    deal: Opportunity
    activities: tuple[Activity, ...]  # until today, the newest first
    contacts: tuple[Contact, ...]  # of the account
    past: tuple[Past, ...]
    said: tuple[Statement, ...]  # about the champion
    history: History
    kept: Kept
    today: date
    quiet_days: int = QUIET_DAYS


class Risk(Result, frozen=True, kw_only=True):
    """One finding. `points` of the most that its rule can give, `of`; `fix` is what to do about it."""

    risk: str
    severity: Severity
    points: int
    of: int
    why: str
    fix: str
    evidence: tuple[Evidence, ...]


class Found(Value, frozen=True, kw_only=True):
    """What one rule says: a risk, nothing, or why it cannot tell."""

    risk: Risk | None = None
    unknown: str = ""


Rule = Callable[[Known, str, int], Found]
NOTHING = Found()


def _age(known: Known, name: str, most: int) -> Found:
    deal, history = known.deal, known.history
    entered = [p.on for p in known.past if p.field == "stage" and p.on]
    start = date.fromisoformat(entered[-1]) if entered else deal.opened
    if start is None or start > known.today:
        return Found(unknown="since when it stands where it stands is not known")
    if history.long_days is None or history.usual_days is None:
        return Found(unknown=f"{history.won} won deals with dates are too few to say how long winning takes")
    days = (known.today - start).days
    what = f"in {deal.stage or 'its stage'} for {days:,} days" if entered else f"open for {days:,} days"
    if days <= history.usual_days:
        return NOTHING
    seen = evidence(
        deal, "stage" if entered else "opened", on=start, value=deal.stage if entered else start.isoformat()
    )
    if days > history.long_days:
        why = f"{what}; 9 of 10 of your {history.won:,} won deals were won within {history.long_days:,} days"
        return _risk(name, "high", most, most, why, "Agree on a date and what happens on it, or close the deal.", seen)
    why = f"{what}; half of your {history.won:,} won deals were won within {history.usual_days:,} days"
    return _risk(name, "medium", most // 3, most, why, "Ask what has to happen before a decision, and when.", seen)


def _overdue(known: Known, name: str, most: int) -> Found:
    deal = known.deal
    if deal.closes is None:
        return Found(unknown="it has no close date" if known.kept.close_dates else "open deals have no close date here")
    if deal.closes >= known.today:
        return NOTHING
    late = (known.today - deal.closes).days
    why = f"its close date {deal.closes} passed {late:,} day{'s' if late != 1 else ''} ago"
    return _risk(name, "high", most, most, why, "Ask the buyer for the date, and why it moved.",
                 evidence(deal, "closes", on=deal.closes))  # fmt: skip


def _pushes(known: Known, name: str, most: int) -> Found:
    moves = [p for p in known.past if p.field == "closes" and p.was and p.becomes]
    pushed = [p for p in moves if p.becomes > p.was]
    if known.deal.version == 1 and not known.past:
        return Found(unknown="no earlier state of it was kept, so whether its date moved is not known")
    if not pushed:
        return NOTHING
    why = f"its close date was pushed {len(pushed)} time{'s' if len(pushed) > 1 else ''}, last from {pushed[-1].was}"
    severity: Severity = "high" if len(pushed) > 1 else "medium"
    points = most if len(pushed) > 1 else most // 2
    seen = [evidence(known.deal, "closes", value=f"{p.was} became {p.becomes}") for p in pushed]
    return _risk(
        name, severity, points, most, why, "Build the date from the buyer's own steps, not from the quarter.", *seen
    )


def _threads(known: Known, name: str, most: int) -> Found:
    people = sorted({row.contact_id or row.who for row in known.activities if row.contact_id or row.who})
    if not people:
        return Found(unknown="whom you speak with is not recorded")
    if len(people) > 1:
        return NOTHING
    newest = next(row for row in known.activities if row.contact_id or row.who)
    others = sorted(c.name for c in known.contacts if c.name and c.name != newest.who and c.id != newest.contact_id)
    whom = f"Bring in {', '.join(others[:2])}." if others else "Ask who else has to agree, and meet one of them."
    why = f"all that is recorded is with one person, {newest.who or newest.contact_id}"
    return _risk(name, "medium", most, most, why, whom, _of(newest))


def _quiet(known: Known, name: str, most: int) -> Found:
    dated = [row for row in known.activities if row.happened is not None]
    if dated:
        days = (known.today - dated[0].happened).days  # type: ignore[operator]
        if days <= known.quiet_days:
            return NOTHING
        why = f"nothing has happened for {days:,} days; last: {dated[0].kind} on {dated[0].happened}"
        return _risk(name, "high", most, most, why, "Call today, with something that helps the buyer.", _of(dated[0]))
    if not known.kept.activities:
        return Found(unknown="no activities are recorded here")
    opened = known.deal.opened
    if opened is None or (known.today - opened).days <= known.quiet_days:
        return Found(unknown="no activity is recorded yet")
    why = f"no activity is recorded since it was opened on {opened}"
    return _risk(
        name,
        "high",
        most,
        most,
        why,
        "Record the last contact, or make one.",
        evidence(known.deal, "opened", on=opened),
    )


def _step(known: Known, name: str, most: int) -> Found:
    if known.deal.next_step:
        return NOTHING
    if not known.kept.next_steps:
        return Found(unknown="next steps are not recorded here")
    return _risk(name, "medium", most, most, "no next step is agreed", "Agree on one with a date and a name.",
                 evidence(known.deal, "stage"))  # fmt: skip


def _champion(known: Known, name: str, most: int) -> Found:
    stands: Standing = standing(ELEMENTS["champion"], list(known.said), known.today, STALE_DAYS * 3)
    if stands.statement is None:
        return Found(unknown="who speaks for you inside is not known")
    if stands.statement.state != "denied":
        return NOTHING
    said = stands.statement
    seen = Evidence(record=known.deal.id, field="champion", value=said.quote, date=said.date, source=said.source)
    why = f"there is no champion any more: “{said.quote}” ({said.who or 'noted'}, {said.date or 'no date'})"
    return _risk(name, "high", most, most, why, "Find out who took over, and win them before the next step.", seen)


def _swings(known: Known, name: str, most: int) -> Found:
    amounts = [int(p.was) for p in known.past if p.field == "amount" and p.was and int(p.was) > 0]
    now = known.deal.amount
    if now is None:
        return Found(unknown="its amount is not known")
    if not amounts:
        return NOTHING if known.past else Found(unknown="no earlier amount was kept")
    before = max(amounts, key=lambda one: abs(now - one) / one)
    change = (now - before) / before
    if abs(change) < SWING:
        return NOTHING
    was, is_ = amount_text(before, known.deal.currency), amount_text(now, known.deal.currency)
    why = f"its amount went from {was} to {is_} ({change:+.0%})"
    seen = evidence(known.deal, "amount", value=f"{was} became {is_}")
    return _risk(name, "high" if change < 0 else "medium", most if change < 0 else most // 2, most, why,
                 "Ask what was left out or added, and whether the reason for buying still holds.", seen)  # fmt: skip


RULES: tuple[tuple[str, int, Rule], ...] = (  # name, most points; they add up to 100
    ("older than won deals", 20, _age),
    ("close date passed", 15, _overdue),
    ("close date pushed", 15, _pushes),
    ("no activity", 15, _quiet),
    ("one contact only", 10, _threads),
    ("champion gone", 10, _champion),
    ("amount swings", 10, _swings),
    ("no next step", 5, _step),
)


def found(known: Known) -> tuple[tuple[Risk, ...], tuple[str, ...], int]:
    """(risks, the worst first; what is not known; share of the points that could be judged, in percent)."""
    risks: list[Risk] = []
    unknown: list[str] = []
    judged = 0
    for name, most, rule in RULES:
        answer = rule(known, name, most)
        if answer.unknown:
            unknown.append(f"{name}: {answer.unknown}")
            continue
        judged += most
        if answer.risk is not None:
            risks.append(answer.risk)
    return tuple(sorted(risks, key=lambda risk: (-risk.points, risk.risk))), tuple(unknown), judged


def _risk(name: str, severity: Severity, points: int, most: int, why: str, fix: str, *seen: Evidence) -> Found:
    return Found(risk=Risk(risk=name, severity=severity, points=points, of=most, why=why, fix=fix, evidence=seen))


def _of(row: Activity) -> Evidence:
    return Evidence(
        record=row.id, field=row.kind, value=row.text or row.who, date=row.happened.isoformat() if row.happened else "",
        source=place(row),
    )  # fmt: skip
