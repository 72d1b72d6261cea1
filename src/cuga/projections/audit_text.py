"""The audit record as a text that a person reads from top to bottom, in the order in which things happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cuga.model.value import units
from cuga.policy.budget import COST
from cuga.projections.audit import AuditRecord, CallRecord
from cuga.projections.card import Card, shown
from cuga.projections.decisions import Decision


def audit_text(record: AuditRecord) -> str:
    """The record in plain lines; what was typed by people or tools is shown without anything that could hide in it."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: AuditRecord) -> Iterator[str]:
    solo = ", solo" if record.requester.solo else ""
    yield f"Run {record.run_id} (trace {record.trace_id})"
    yield f"  Goal       {shown(record.goal)}"
    yield f"  Requester  {record.requester.id} of {record.tenant}{solo}"
    yield f"  Profile    {record.profile}, rules {record.policy_digest}"
    if record.crm_version:
        yield f"  CRM data   {record.crm_version}"
    yield f"  Started    {_time(record.started_at)}"
    ended = f"{_time(record.ended_at)}  " if record.ended_at is not None else ""
    yield f"  Stands     {ended}{record.status.value}: {shown(record.reason)}"
    yield f"  Sealed by  event {record.version}, {record.head}"
    for plan in record.plans:
        yield ""
        yield f"Plan {plan.plan.number}, {_time(plan.at)}, by {plan.plan.planner}, digest {plan.digest}"
        yield from (f"  because {shown(why)}" for why in plan.plan.why)
        yield from (f"  note: {shown(note)}" for note in plan.plan.notes)
        for step in plan.plan.steps:
            required = "" if step.required else ", optional"
            yield f"  {step.step_id}  {step.tool} ({step.side_effect.value}{required})  {shown(step.reason)}".rstrip()
    yield from _section("Tools", [f"{name}  {', '.join(digests)}" for name, digests in record.tools.items()])
    moments = sorted(_moments(record), key=lambda one: one[0])
    yield from _section("What happened", [f"{_time(at)}  {text}" for at, text in moments])
    yield from _section("Approvals", [line for card in record.approvals for line in _approval(card)])


def _moments(record: AuditRecord) -> Iterator[tuple[datetime, str]]:
    for decision in record.decisions:
        yield decision.at, _decision(decision)
    for call in record.calls:
        yield call.at, _call(call)
    for one in record.happenings:
        yield one.at, f"{one.step or 'run'}: {shown(one.text)}" + (f" (by {one.by})" if one.by else "")


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def _decision(one: Decision) -> str:
    by = f"by {one.by}" if one.by else ""
    parts = (
        f"decided ({one.decision_type})",
        one.step,
        one.target,
        by,
        f"- {shown(one.reasoning)}" if one.reasoning else "",
    )
    return " ".join(part for part in parts if part)


def _call(call: CallRecord) -> str:
    simulated = ", simulated" if call.simulated else ""
    parts = [
        f"called {call.tool} for {call.step}, attempt {call.attempt}{simulated}: {call.outcome}",
        f"after {call.duration_us / 1000:g} ms" if call.ended_at is not None else "",
        f"arguments {call.arguments_digest[:16]}",
        f"key {call.key[:16]}",
        f"result {call.result_digest[:16]}" if call.result_digest else "",
        f"approval {call.approval}" if call.approval else "",
        f"reference {shown(call.provider_reference)}" if call.provider_reference else "",
        f"{call.failure}: {shown(call.message)}" if call.failure else shown(call.message),
        f"cost so far {units(call.used.get(COST, 0)):g}",
    ]
    return ", ".join(part for part in parts if part)


def _approval(card: Card) -> Iterator[str]:
    yield f"{card.approval_id}  {card.tool} for {card.step}, risk {card.risk}: {card.state}"
    yield f"  asked {_time(card.requested_at)} by {', '.join(card.requesters)}; bound to {card.digest}"
    yield f"  arguments {card.arguments_digest}"
    if card.calls:
        yield f"  exactly these {len(card.calls)} calls: {', '.join(card.calls)}"
    for vote in card.votes:
        who = vote.by or vote.rule
        standing = f" for {vote.on_behalf_of}" if vote.on_behalf_of else ""
        solo = ", solo" if vote.solo else ""
        after = (vote.at - card.requested_at).total_seconds()
        said = f": {shown(vote.reason)}" if vote.reason else ""
        yield f"  {vote.verdict} by {who}{standing}{solo}, {_time(vote.at)}, after {after:g} s{said}"
    if card.amends:
        yield f"  takes the place of {card.amends}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
