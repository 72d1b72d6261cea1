"""Deals whose record does not bear out where they stand: rules as data over fields, dates and evidence.

It proposes and moves nothing. What no deal of the house records is said once and is no fault of any.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Annotated, Literal

from cuga.adapters.capability import CrmRead, Opportunity, fields_of
from cuga.errors import BadInput
from cuga.model.value import Value
from cuga.packs.sales.qualification.asked import asked_about, check_top
from cuga.packs.sales.qualification.deals import said_of
from cuga.packs.sales.qualification.frameworks import ELEMENTS
from cuga.packs.sales.qualification.portfolio import Portfolio
from cuga.packs.sales.qualification.risk_rules import Known
from cuga.packs.sales.qualification.standing import STALE_DAYS, standing
from cuga.packs.sales.result import Evidence, Result, evidence
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "hygiene-1"
SHOWN, MOST_SHOWN = 20, 200
Asks = Literal["known", "not_past", "no_older_than", "active_within", "said"]
EARLY = ("prospecting", "prospect", "new", "lead", "qualification", "engaging", "discovery")


class HygieneRule(Value, frozen=True, kw_only=True):
    """One rule. It holds for deals in `stages` (all when empty), or not in `except_stages`, letters' case apart.

    `asks`: known (the field has a value), not_past (the date has not passed), no_older_than (`days` since the date),
    active_within (an activity in `days`), said (the evidence confirms the element named by `field`, at least in part).
    """

    name: str
    asks: Asks
    field: str = ""
    days: int = 0
    stages: tuple[str, ...] = ()
    except_stages: tuple[str, ...] = ()
    weight: Literal["high", "medium", "low"] = "medium"
    fix: str = ""


DEFAULT: tuple[HygieneRule, ...] = (
    HygieneRule(name="close date passed", asks="not_past", field="closes", weight="high",
                fix="set the date the buyer named, or close the deal"),
    HygieneRule(name="no account", asks="known", field="account_id", weight="high", fix="name the account"),
    HygieneRule(name="no owner", asks="known", field="owner", weight="high", fix="name who works it"),
    HygieneRule(name="open for a year", asks="no_older_than", field="opened", days=365, weight="high",
                fix="close it, or open a new one with what is left"),
    HygieneRule(name="no close date", asks="known", field="closes", except_stages=EARLY, fix="agree on a date"),
    HygieneRule(name="no amount", asks="known", field="amount", except_stages=EARLY, fix="put in what was quoted"),
    HygieneRule(name="no next step", asks="known", field="next_step", except_stages=EARLY[:4],
                fix="agree on a next step with a date"),
    HygieneRule(name="no start date", asks="known", field="opened", weight="low", fix="put in when it was opened"),
    HygieneRule(name="quiet", asks="active_within", days=30, fix="record the last contact, or make one"),
    HygieneRule(name="stage without its evidence: need", asks="said", field="need", except_stages=EARLY,
                fix="ask what happens if nothing changes, or move it back"),
    HygieneRule(name="stage without its evidence: authority", asks="said", field="authority",
                stages=("negotiation", "contract", "verbal", "commit"), weight="high",
                fix="ask who signs, or move it back"),
)  # fmt: skip


class Finding(Result, frozen=True, kw_only=True):
    """One rule that one deal does not meet."""

    rule: str
    weight: str
    says: str
    fix: str
    evidence: Evidence


class DealHygiene(Result, frozen=True, kw_only=True):
    """One deal with its findings."""

    opportunity: str
    account: str
    owner: str
    stage: str
    findings: tuple[Finding, ...]


class OwnerCount(Result, frozen=True, kw_only=True):
    """How many of a seller's open deals have findings; an owner who is not known is the empty text."""

    owner: str
    deals: int
    with_findings: int
    findings: int


class Hygiene(Result, frozen=True, kw_only=True):
    """`deals` are the worst, as many as asked for; `by_rule` and `by_owner` count all that were looked at."""

    deals: tuple[DealHygiene, ...]
    looked_at: int
    clean: int
    by_rule: dict[str, int]
    by_owner: tuple[OwnerCount, ...]
    not_recorded: tuple[str, ...]
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    as_of: str
    rules: str = RULES


@tool(
    domain="qualification",
    side_effect="read-only",
    cost=0.6,
    keywords=(
        "hygiene", "stale", "stale deals", "missing next step", "wrong stage", "overdue close date", "past close date",
        "old deals", "clean pipeline", "exit criteria", "stage without evidence", "deal hygiene",
    ),
    gives={"hygiene": ""},
    uses=("crm",),
    guardrails=("moves and changes nothing", "what the house does not record at all is no finding"),
)  # fmt: skip
def check_stage_hygiene(
    context: ToolContext,
    opportunity: Annotated[str, Slot("opportunity", "id of a deal, or an account; left out: all open deals")] = "",
    owner: Annotated[str, Slot("rep", "a seller: their open deals")] = "",
    rules: Annotated[tuple[HygieneRule, ...], Slot("rules", "own exit rules; left out: the usual ones")] = (),
    top: Annotated[int, Slot("count", "how many deals to show")] = SHOWN,
) -> Hygiene:
    """Stale dates missing next steps and stages without their evidence.

    The usual rules are a start: exit criteria of stages are your own, and `rules` takes them in their place.
    """
    check_top(top, MOST_SHOWN)
    wanted = rules or DEFAULT
    _check(wanted)
    assumptions = (
        () if rules else ("No exit rules were given: the usual ones are used, stage names as they are common.",)
    )
    asked = asked_about(context, opportunity, owner, says_whose=False)
    house = Portfolio(asked.crm, asked.today)
    usable, missing = _recorded(wanted, house, asked.crm)
    found = [(known.deal, findings(known, usable, asked.crm)) for known in house.known(asked.deals)]
    faulty = sorted((pair for pair in found if pair[1]), key=_worst_first)
    by_rule = Counter(finding.rule for _, each in found for finding in each)
    return Hygiene(
        deals=tuple(
            DealHygiene(opportunity=d.id, account=d.account, owner=d.owner, stage=d.stage, findings=each)
            for d, each in faulty[:top]
        ),
        looked_at=len(found),
        clean=len(found) - len(faulty),
        by_rule=dict(sorted(by_rule.items(), key=lambda item: (-item[1], item[0]))),
        by_owner=_by_owner(found),
        not_recorded=missing,
        assumptions=assumptions,
        notes=tuple(asked.notes),
        as_of=asked.today.isoformat(),
    )


def findings(known: Known, rules: tuple[HygieneRule, ...], crm: CrmRead) -> tuple[Finding, ...]:
    """The rules that a deal does not meet, in their order."""
    deal = known.deal
    stage = deal.stage.casefold()
    found = []
    for rule in rules:
        if (rule.stages and stage not in _folded(rule.stages)) or stage in _folded(rule.except_stages):
            continue
        says, seen = _broken(rule, known, crm)
        if says:
            found.append(Finding(rule=rule.name, weight=rule.weight, says=says, fix=rule.fix, evidence=seen))
    return tuple(found)


def _broken(rule: HygieneRule, known: Known, crm: CrmRead) -> tuple[str, Evidence]:
    """What is wrong by one rule, with its evidence; an empty text when nothing is, or nobody can tell."""
    deal, today = known.deal, known.today
    where = rule.field if rule.asks in ("known", "not_past", "no_older_than") else "stage"
    value = getattr(deal, where)
    seen = evidence(deal, where, value="not known" if value in (None, "") else str(value))
    match rule.asks:
        case "known":
            return (
                f"{rule.field.removesuffix('_id').replace('_', ' ')} is not known" if value in (None, "") else ""
            ), seen
        case "not_past":
            late = (today - value).days if isinstance(value, date) else 0
            return (f"{rule.field} {value} passed {late:,} days ago" if late > 0 else ""), seen
        case "no_older_than":
            old = (today - value).days if isinstance(value, date) else 0
            return (f"{rule.field} {value}, {old:,} days ago" if old > rule.days else ""), seen
        case "active_within":
            last = max((row.happened for row in known.activities if row.happened), default=deal.opened)
            quiet = (today - last).days if last else 0
            return (f"nothing recorded for {quiet:,} days" if quiet > rule.days else ""), seen
        case _:  # said
            element = ELEMENTS[rule.field]
            stands = standing(element, said_of(crm, deal, (element,), today), today, STALE_DAYS)
            if stands.state in ("confirmed", "partial"):
                return "", seen
            return f"stage {deal.stage} asks for {rule.field}, which is {stands.state}", seen


def _recorded(
    rules: tuple[HygieneRule, ...], house: Portfolio, crm: CrmRead
) -> tuple[tuple[HygieneRule, ...], tuple[str, ...]]:
    """The rules that this house records anything for, and the names of the others."""
    lacks = {
        "closes": not house.kept.close_dates,
        "next_step": not house.kept.next_steps,
        "amount": not house.kept.amounts,
    }
    missing = [
        rule.name
        for rule in rules
        if (rule.field and lacks.get(rule.field))
        or (rule.asks in ("active_within", "said") and not house.kept.activities)
    ]
    return tuple(rule for rule in rules if rule.name not in missing), tuple(missing)


def _check(rules: tuple[HygieneRule, ...]) -> None:
    for rule in rules:
        if rule.asks == "said" and rule.field not in ELEMENTS:
            raise BadInput(
                f"rule {rule.name!r}: no element {rule.field!r}", mend=f"elements: {', '.join(sorted(ELEMENTS))}"
            )
        known = ("closes", "opened") if rule.asks in ("not_past", "no_older_than") else fields_of("opportunities")
        if rule.asks in ("known", "not_past", "no_older_than") and rule.field not in known:
            raise BadInput(
                f"rule {rule.name!r}: no field {rule.field!r} to ask for", mend=f"fields: {', '.join(known)}"
            )
        if rule.asks in ("no_older_than", "active_within") and rule.days < 1:
            raise BadInput(f"rule {rule.name!r} needs a number of days above 0")


def _by_owner(found: list[tuple[Opportunity, tuple[Finding, ...]]]) -> tuple[OwnerCount, ...]:
    owners = sorted({deal.owner for deal, _ in found})
    counts = []
    for owner in owners:
        mine = [each for deal, each in found if deal.owner == owner]
        faulty = [each for each in mine if each]
        counts.append(
            OwnerCount(owner=owner, deals=len(mine), with_findings=len(faulty), findings=sum(map(len, faulty)))
        )
    return tuple(sorted(counts, key=lambda one: (-one.findings, one.owner)))


def _worst_first(pair: tuple[Opportunity, tuple[Finding, ...]]) -> tuple[int, int, str]:
    deal, each = pair
    return -sum(finding.weight == "high" for finding in each), -len(each), deal.id


def _folded(stages: tuple[str, ...]) -> set[str]:
    return {stage.casefold() for stage in stages}
