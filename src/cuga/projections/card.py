"""An approval as a person must see it: what exactly will be called, where it goes, why, what follows, who said what.

Folded from one run's facts; open and closed requests alike. Text is made safe to show: what could trick a terminal or
a reader's eye is written out as its code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from cuga.model import event as e
from cuga.model.plan import Step
from cuga.model.value import Value, digest_bytes
from cuga.policy.access import roles_at

OPEN = "open"


class Vote(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One person's word on a request, final or counting towards the quorum."""

    by: str
    at: datetime
    verdict: str
    reason: str = ""
    on_behalf_of: str = ""
    rule: str = ""  # the rule that spoke instead of a person
    solo: bool = False


class Card(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One request.

    `state`: open, approved, denied, amended, request-changes, expired, lapsed, revoked, superseded, used.
    `arguments` are the exact bytes of the call, `digest` is what a decision must echo. Cost is in micro-units.
    """

    approval_id: str
    run_id: str
    trace_id: str
    tenant: str
    goal: str
    profile: str
    step: str
    name: str
    tool: str
    tool_digest: str
    domain: str
    side_effect: str
    adapters: dict[str, str]
    arguments: msgspec.Raw
    arguments_digest: str
    digest: str
    effect: str
    reason: str
    consequences: tuple[str, ...]
    risk: str
    cost: int
    requesters: tuple[str, ...]
    roles: tuple[str, ...]
    quorum: int
    votes: tuple[Vote, ...] = ()
    requested_at: datetime
    expires_at: datetime
    escalates_at: datetime | None = None  # from then on `escalates_to` may decide as well
    escalates_to: tuple[str, ...] = ()
    amends: str = ""
    amended_by: str = ""  # the request that took its place
    state: str = OPEN
    closed_at: datetime | None = None
    closed_by: str = ""
    closed_why: str = ""
    lapses_at: datetime | None = None  # of an approved one that is not used yet
    used_at: datetime | None = None
    calls: tuple[str, ...] = ()  # of a list: the steps whose arguments `arguments` holds, in this order

    @property
    def is_open(self) -> bool:
        return self.state == OPEN

    @property
    def approvals(self) -> int:
        """Votes for it so far."""
        return sum(1 for vote in self.votes if vote.verdict == e.Verdict.APPROVE.value)

    @property
    def missing(self) -> int:
        """How many more must agree."""
        return max(self.quorum - self.approvals, 0) if self.is_open else 0

    @property
    def by_rule(self) -> str:
        """The rule that decided instead of a person; empty when people did."""
        return next((vote.rule for vote in self.votes if vote.rule), "")

    @property
    def waited(self) -> timedelta | None:
        """From the request to its end; None while it is open."""
        return None if self.closed_at is None else self.closed_at - self.requested_at

    def roles_at(self, at: datetime) -> tuple[str, ...]:
        """Whose holders may decide at a time."""
        return roles_at(self.roles, self.escalates_to, self.escalates_at, at)

    def time_left(self, now: datetime) -> timedelta:
        """How long it can still be decided; nothing when it is closed or too late."""
        return max(self.expires_at - now, timedelta(0)) if self.is_open else timedelta(0)

    @property
    def readable(self) -> str:
        """The arguments as lines of `name: value`, those of each call of a list under its name."""
        value = msgspec.json.decode(self.arguments)
        if self.calls:
            value = dict(zip(self.calls, value, strict=True))
        return "\n".join(readable(value))

    @property
    def each(self) -> dict[str, Any]:
        """The arguments of each call, by its step."""
        value = msgspec.json.decode(self.arguments)
        return dict(zip(self.calls, value, strict=True)) if self.calls else {self.step: value}


_FILLERS = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0")  # letters by name, drawn as nothing


def readable(value: Any, indent: int = 0) -> Iterator[str]:
    """A JSON value as indented lines for a person."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _entry(f"{pad}{shown(key)}:", item, indent)
    elif isinstance(value, list) and value:
        for item in value:
            yield from _entry(f"{pad}-", item, indent)
    else:
        yield pad + _scalar(value)


def _entry(head: str, item: Any, indent: int) -> Iterator[str]:
    if (isinstance(item, (dict, list)) and item) or (isinstance(item, str) and "\n" in item):
        yield head
        if isinstance(item, str):
            for line in item.split("\n"):
                yield "  " * (indent + 1) + "| " + shown(line)
        else:
            yield from readable(item, indent + 1)
    else:
        yield f"{head} {_scalar(item)}"


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return shown(value) or '""'
    return msgspec.json.encode(value).decode()


def shown(text: str) -> str:
    """Text in which whatever is not printed as itself (controls, text direction, zero width) stands as its code."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if is_seen(one) else one.encode("unicode_escape").decode() for one in text)


def is_seen(letter: str) -> bool:
    """Whether a letter is drawn as something; fillers count as printable and are drawn as nothing."""
    return letter.isprintable() and letter not in _FILLERS


def cards_of(run_id: str, events: Iterable[e.Event]) -> dict[str, Card]:
    """Every request of a run by its id, in the order they were made."""
    cards: dict[str, Card] = {}
    steps: dict[str, Step] = {}
    start: e.RunStarted | None = None
    for event in events:
        match event:
            case e.RunStarted():
                start = event
            case e.PlanCreated():
                steps |= {step.step_id: step for step in event.plan.steps}
            case e.ApprovalRequested() if start is not None:
                cards[event.approval_id] = _card(run_id, start, steps.get(event.step), event)
                if event.amends in cards:
                    _change(cards, event.amends, amended_by=event.approval_id)
            case e.ToolCallStart() if event.approval in cards:
                if cards[event.approval].used_at is None:
                    _change(cards, event.approval, state="used", used_at=event.at, lapses_at=None)
            case _:
                _follow(cards, event)
    return cards


_ENDS: dict[type[e.Event], str] = {
    e.ApprovalTimeout: "expired",
    e.ApprovalLapsed: "lapsed",
    e.ApprovalRevoked: "revoked",
    e.ApprovalSuperseded: "superseded",
}
_VERDICTS = {
    e.Verdict.APPROVE: "approved",
    e.Verdict.DENY: "denied",
    e.Verdict.AMEND: "amended",
    e.Verdict.REQUEST_CHANGES: "request-changes",
}


def _follow(cards: dict[str, Card], event: e.Event) -> None:
    """Take in a decision or another end of a request."""
    name = getattr(event, "approval_id", "")
    if name not in cards:
        return
    if isinstance(event, e.ApprovalReceived):
        vote = Vote(
            by=event.by,
            at=event.at,
            verdict=event.verdict.value,
            reason=event.reason,
            on_behalf_of=event.on_behalf_of,
            rule=event.rule,
            solo=event.solo,
        )
        _change(cards, name, votes=(*cards[name].votes, vote))
        if event.final:
            who = event.by or event.rule
            _close(cards, name, _VERDICTS[event.verdict], event.at, who, event.reason)
            _change(cards, name, lapses_at=event.lapses_at)
    elif (state := _ENDS.get(type(event))) is not None:
        _close(cards, name, state, event.at, event.by, getattr(event, "reason", ""))
        _change(cards, name, lapses_at=None)


def _close(cards: dict[str, Card], name: str, state: str, at: datetime, by: str, why: str) -> None:
    _change(cards, name, state=state, closed_at=at, closed_by=by, closed_why=why)


def _change(cards: dict[str, Card], name: str, **fields: Any) -> None:
    cards[name] = msgspec.structs.replace(cards[name], **fields)


def _card(run_id: str, start: e.RunStarted, step: Step | None, request: e.ApprovalRequested) -> Card:
    return Card(
        approval_id=request.approval_id,
        run_id=run_id,
        trace_id=start.trace_id,
        tenant=start.tenant,
        goal=start.goal,
        profile=start.profile,
        step=request.step,
        name=step.name if step is not None else "",
        tool=request.tool,
        tool_digest=request.tool_digest,
        domain=step.domain if step is not None else "",
        side_effect=request.side_effect.value,
        adapters=request.adapters,
        arguments=request.arguments,
        arguments_digest=digest_bytes(bytes(request.arguments)),
        digest=request.digest,
        effect=request.effect,
        reason=request.reason,
        consequences=request.consequences,
        risk=request.risk,
        cost=request.cost,
        requesters=request.requesters,
        roles=request.roles,
        quorum=request.quorum,
        requested_at=request.at,
        expires_at=request.expires_at,
        escalates_at=request.escalates_at,
        escalates_to=request.escalates_to,
        amends=request.amends,
        calls=tuple(call.step for call in request.calls),
    )
