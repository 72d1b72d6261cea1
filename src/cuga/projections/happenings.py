"""What else happened in a run, in words: refusals, doubts and their answers, top-ups, questions, parks, takeovers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from cuga.model import event as e
from cuga.model.value import Value, encode
from cuga.policy.budget import shown


class Happening(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One of them: `text` says it, `facts` are its own fields."""

    at: datetime
    kind: str
    by: str
    step: str
    text: str
    facts: dict[str, Any]


WORDS: dict[type[e.Event], str] = {
    e.PlanFailed: "no plan: {reason}",
    e.ReplanRequested: "another plan was asked for: {reason}",
    e.QuestionAsked: "asked: {text}",
    e.QuestionAnswered: "answered: {answer}",
    e.CancelRequested: "cancelled: {reason}",
    e.RunParked: "parked: {reason}",
    e.Annotation: "remark: {text}",
    e.TakenOver: "taken over by {worker}, epoch {epoch}",
    e.StepRefused: "refused by {rule}: {reason}",
    e.StepFailed: "failed: {reason}",
    e.StepSkipped: "skipped: {reason}",
    e.StepSuperseded: "plan {plan_number} has no place for it",
    e.ListOpened: "a list of {length}: {calls} calls",
    e.ListClosed: "its calls have ended: {done} done, {missed} not",
    e.StepInDoubt: "in doubt: {reason}",
    e.DoubtResolved: "a person said {answer.value}: {reason}",
    e.BudgetWarning: "budget {scope}: {used} of {limit} used",
    e.BudgetExceeded: "budget {scope} cannot take {wanted} more: {used} of {limit} used",
    e.BudgetRaised: "budget {scope} raised by {amount}: {reason}",
}


def happening_of(event: e.Event) -> Happening:
    """An event of one of the kinds in `WORDS`."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__ if name not in ("at", "by", "v", "step")}
    if isinstance(event, e.ListOpened):
        fields = {"length": event.length, "calls": len(event.inputs), "places": event.places}
    said = fields
    if isinstance(event, e.BudgetWarning | e.BudgetExceeded | e.BudgetRaised):
        said = {name: shown(event.scope, one) if isinstance(one, int) else one for name, one in fields.items()}
    return Happening(
        at=event.at,
        kind=e.name_of(event),
        by=event.by,
        step=getattr(event, "step", ""),
        text=WORDS[type(event)].format(**said).rstrip(": "),
        facts=msgspec.json.decode(encode(fields)),
    )
