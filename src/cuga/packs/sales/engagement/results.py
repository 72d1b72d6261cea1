"""Reply and meeting rates of messages, with their uncertainty, and one test at a time. It is careful to say "too few".

Opens are not used: mail programs load pictures by themselves (and this house sends none), so they count machines.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from cuga.adapters.capability import CrmRead, Mail
from cuga.errors import BadInput
from cuga.packs.sales.engagement.outcomes import Counted, counted, people_in_both
from cuga.packs.sales.engagement.rates import Rate, difference, needed, wilson
from cuga.packs.sales.result import Result
from cuga.tools.declare import Slot, ToolContext, capability_missing, tool

RULES = "outreach-results-1"
LIFT = 5  # percentage points that a test is to tell apart, when nothing else is said


class Given(Result, frozen=True, kw_only=True):
    """Counts that were kept elsewhere; people, not mails."""

    name: str
    sent: int
    replies: int
    meetings: int = 0
    interested: int = 0
    opt_outs: int = 0


class Outcome(Result, frozen=True, kw_only=True):
    """What became of one template or variant."""

    name: str
    sent: int
    replies: int
    interested: int
    meetings: int
    opt_outs: int
    bounced: int
    reply_rate: Rate
    meeting_rate: Rate
    opt_out_rate: Rate


class OutreachResults(Result, frozen=True, kw_only=True):
    """`verdict`: A better, B better, no difference shown, too few, or no test. `needed` is how many of each it takes.

    `difference` is the interval of the first reply rate less the second, in percentage points.
    """

    groups: tuple[Outcome, ...]
    verdict: str
    why: str
    difference: tuple[float, float] | None
    needed: int | None
    notes: tuple[str, ...]
    as_of: str
    rules: str = RULES


@tool(
    domain="governance",
    side_effect="read-only",
    cost=0.5,
    keywords=(
        "reply rate", "reply rates", "meeting rate", "a/b test", "ab test", "which subject line", "outreach results",
        "campaign results", "response rate", "which template works",
    ),
    gives={"outreach_results": ""},
    uses=("mail", "crm"),
    optional=("mail", "crm"),
    guardrails=("says too few below the needed number", "one test at a time", "opens are not used",
    "machines' answers are no replies"),
)  # fmt: skip
def analyze_outreach_results(
    context: ToolContext,
    compare: Annotated[tuple[str, ...], Slot("variants", "two templates or variants to tell apart")] = (),
    given: Annotated[tuple[Given, ...], Slot("counts", "counts of your own; left out: those of this house")] = (),
    since: Annotated[str, Slot("date", "first day, YYYY-MM-DD")] = "",
    until: Annotated[str, Slot("date", "last day, YYYY-MM-DD")] = "",
    lift: Annotated[int, Slot("points", "percentage points that are worth telling apart")] = LIFT,
) -> OutreachResults:
    """Reply and meeting rates of messages and tests with uncertainty.

    Wilson intervals at 95 %. A test is judged once it has the number that tells the wanted lift apart with 80 % power;
    looking earlier, or at several tests at once, would find differences that are none.
    """
    if not 1 <= lift <= 50:
        raise BadInput(f"a lift of {lift} points", mend="1 to 50 can be looked for")
    notes: list[str] = []
    groups = _groups(context, given, since, until, notes)
    if compare and (len(set(compare)) != 2 or len(compare) != 2):
        raise BadInput(f"{len(compare)} variants at once", mend="compare two; one test at a time")
    if unknown := [name for name in compare if name not in groups]:
        raise BadInput(f"nothing of {unknown[0]!r} was sent", mend=f"there is {', '.join(groups) or 'nothing yet'}")
    verdict, why, span, number = "no test", "", None, None
    if not groups:
        why = "nothing was sent in that time"
    elif len(groups) == 1:
        why = "one variant only: there is nothing to compare it with"
    elif not compare and len(groups) > 2:
        why = f"{len(groups)} variants: name two of them, one test at a time"
    else:
        first, second = (groups[name] for name in compare or tuple(groups))
        verdict, why, span, number = _test(first, second, lift / 100)
        both = 0 if given or capability_missing(context, "mail") else _both(context, first, second)
        if both:
            notes.append(f"{both} were written to with both: their replies cannot be told to belong to one")
    return OutreachResults(
        groups=tuple(groups.values()),
        verdict=verdict,
        why=why,
        difference=span,
        needed=number,
        notes=(*notes, "opens are not counted: mail programs load pictures by themselves"),
        as_of=context.as_of.date().isoformat(),
    )


def _test(first: Outcome, second: Outcome, lift: float) -> tuple[str, str, tuple[float, float] | None, int | None]:
    base = (first.replies + second.replies) / max(1, first.sent + second.sent)
    number = needed(base, lift)
    least = min(first.sent, second.sent)
    span = difference(first.replies, first.sent, second.replies, second.sent) if least else None
    if least < number or span is None:
        return "too few", f"{least} of {number} that it takes of each to tell {lift:.0%} apart", span, number
    if span[0] > 0 or span[1] < 0:
        better = first if span[0] > 0 else second
        return f"{better.name} is better", f"{span[0]:+g} to {span[1]:+g} points between them", span, number
    return "no difference shown", f"{span[0]:+g} to {span[1]:+g} points: it may as well be none", span, number


def _groups(
    context: ToolContext, given: tuple[Given, ...], since: str, until: str, notes: list[str]
) -> dict[str, Outcome]:
    if given:
        wrong = [one for one in given if not 0 <= max(one.replies, one.meetings, one.opt_outs) <= one.sent]
        if wrong or len({one.name for one in given}) != len(given):
            raise BadInput("counts must be of different names, and none larger than what was sent")
        return {one.name: _outcome(one.name, _as_counted(one)) for one in given}
    if capability_missing(context, "mail") or capability_missing(context, "crm"):
        raise BadInput("there is neither mail nor CRM to count in", mend="give counts of your own under `given`")
    mail: Mail = context.capability("mail")
    crm: CrmRead = context.capability("crm")
    found = counted(mail, crm, _day(since), _day(until))
    if not found:
        notes.append("replies are counted once `cuga replies` has taken them in")
    return {name: _outcome(name, one) for name, one in found.items()}


def _outcome(name: str, one: Counted) -> Outcome:
    return Outcome(
        name=name,
        **{field: getattr(one, field) for field in one.__struct_fields__},
        reply_rate=wilson(one.replies, one.sent),
        meeting_rate=wilson(one.meetings, one.sent),
        opt_out_rate=wilson(one.opt_outs, one.sent),
    )


def _as_counted(one: Given) -> Counted:
    return Counted(
        sent=one.sent, replies=one.replies, interested=one.interested, meetings=one.meetings, opt_outs=one.opt_outs,
        bounced=0,
    )  # fmt: skip


def _both(context: ToolContext, first: Outcome, second: Outcome) -> int:
    mail: Mail = context.capability("mail")
    return people_in_both(mail, first.name, second.name)


def _day(said: str) -> date | None:
    try:
        return date.fromisoformat(said) if said else None
    except ValueError as error:
        raise BadInput(f"{said!r} is no date", mend="write it as YYYY-MM-DD") from error
