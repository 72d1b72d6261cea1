"""What is left of a run whose payloads are not kept any more: each event with its words blanked and the digest of what
was there, so that the chain is checked as ever.

A tombstone stands in the place of an event and begins with `{"was":"SHA-256"`. It proves that something was there, not
what it says of it: that is what the house's own event says, which names the digest over all tombstones of the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec

from cuga.model import event as e
from cuga.model.event import Event
from cuga.model.plan import CheckedPlan, Step
from cuga.model.value import encode

RETIRED = "[retained as a tombstone]"  # what is read in the place of words that are not kept
_WAS = b'{"was":"'
_FROM, _TO = len(_WAS), len(_WAS) + 64
_RAW_TEXT = encode(RETIRED)
_RAW = msgspec.Raw(_RAW_TEXT)
_SEALED = re.compile(rb'"sealed1:[^"]*"')


def is_tombstone(body: bytes) -> bool:
    """Whether stored bytes are what is left of an event."""
    return body.startswith(_WAS)


def digest_of(body: bytes) -> bytes:
    """The SHA-256 that the chain was made over: of these bytes, or of those that were there before them."""
    if body.startswith(_WAS):
        try:
            return bytes.fromhex(body[_FROM:_TO].decode())
        except ValueError:
            pass  # no tombstone of ours: its own digest, which no link fits
    return sha256(body).digest()


def without_mark(body: bytes) -> bytes:
    """The event that a tombstone still is; other bytes as they are."""
    return b"{" + body[_TO + 2 :] if body.startswith(_WAS) else body


def sum_of(bodies: Iterable[bytes]) -> str:
    """The digest over all tombstones of a run, in order: 64 hex digits. What was remarked later does not count."""
    return sha256(b"\n".join(bodies)).hexdigest()


def tombstone(body: bytes, event: Event) -> bytes:
    """What is kept of an event, given the stored bytes and what they say."""
    if is_tombstone(body):
        return body
    kept = _SEALED.sub(_RAW_TEXT, encode(blanked(event)))  # what is still sealed, e.g. a digest, is not kept either
    return b'%b%b",%b' % (_WAS, sha256(body).hexdigest().encode(), kept[1:])


def blanked(event: Event) -> Event:
    """The same fact without words, arguments and results: who, when, which step and tool, how it ended, its cost."""
    changes: dict[str, Any] = {name: _blank(getattr(event, name)) for name in _WORDS.get(type(event), ())}
    if isinstance(event, e.ToolCallComplete) and event.blob is not None:
        changes["blob"] = msgspec.structs.replace(event.blob, kept=False)
    return msgspec.structs.replace(event, **changes)


def _blank(value: Any) -> Any:
    """Nothing stays nothing; words and JSON become one word; what holds several of them is emptied or blanked each."""
    if not value or value == b"null":
        return value
    if isinstance(value, str):
        return RETIRED
    if isinstance(value, msgspec.Raw):
        return _RAW
    if isinstance(value, dict):
        return {}
    if isinstance(value, tuple):
        return tuple(_blank(one) for one in value)
    return _plan(value)


def _plan(plan: CheckedPlan) -> CheckedPlan:
    steps = tuple(_step(step) for step in plan.steps)
    return msgspec.structs.replace(
        plan, steps=steps, goal=_blank(plan.goal), why=_blank(plan.why), notes=_blank(plan.notes)
    )


def _step(step: Step) -> Step:
    each = step.for_each
    return msgspec.structs.replace(
        step,
        input=msgspec.Raw(b"{}"),
        unproven=(),
        name=_blank(step.name),
        reason=_blank(step.reason),
        for_each=None if each is None else msgspec.structs.replace(each, items=()),
    )


_WORDS: dict[type[Event], tuple[str, ...]] = {
    e.RunStarted: ("goal",),
    e.PlanRequested: ("feedback",),
    e.PlanCreated: ("plan",),
    e.PlanFailed: ("reason", "mend"),
    e.ReplanRequested: ("reason",),
    e.QuestionAsked: ("text", "options"),
    e.QuestionAnswered: ("answer",),
    e.CancelRequested: ("reason",),
    e.RunParked: ("reason", "needs"),
    e.RunFinished: ("reason", "mend"),
    e.Annotation: ("text", "data"),
    e.ToolCallStart: ("arguments",),
    e.ToolCallComplete: ("result", "carried", "provider_reference", "note"),
    e.ToolCallError: ("message",),
    e.StepRefused: ("reason", "mend"),
    e.StepFailed: ("reason",),
    e.StepSkipped: ("reason",),
    e.StepInDoubt: ("reason",),
    e.DoubtResolved: ("reason", "result"),
    e.ListOpened: ("inputs",),
    e.ListClosed: ("reason",),
    e.BudgetRaised: ("reason",),
    e.ApprovalRequested: ("arguments", "effect", "reason", "consequences"),
    e.ApprovalReceived: ("reason",),
    e.ApprovalRevoked: ("reason",),
    e.ApprovalSuperseded: ("reason",),
    e.ModelCallStart: ("prompt",),
    e.ModelCallComplete: ("reply",),
    e.ModelCallError: ("message",),
}
