"""What came of a run, for a person or a program: the end and its reason, what to do next, each step, outputs, evidence.

Evidence, unknowns and artefacts are gathered from the outputs wherever a field of that name stands; nothing is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from cuga.errors import NotFound, RunNotFound
from cuga.journal.codec import PLAIN, Codec, events_of
from cuga.journal.port import ReadJournal
from cuga.kernel.evolve import fold
from cuga.kernel.state import Phase
from cuga.model import event as e
from cuga.model.value import Value, encode
from cuga.policy.budget import CALLS, COST, TOKENS
from cuga.policy.profile import Current
from cuga.projections.card import Card, cards_of
from cuga.projections.needs import as_of_now
from cuga.projections.runs import needs_of
from cuga.projections.steps import StepResult, steps_of

EVIDENCE = ("evidence", "facts", "deal")  # fields of outputs that hold rows of a record, a field and its value


class EvidenceRow(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A statement's source: a field of a record. `source` is the file and line it was imported from."""

    step: str
    tool: str
    record: str
    field: str
    value: str
    date: str = ""
    source: str = ""


class Noted(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Something a step said in its output: what it does not know, or what it made."""

    step: str
    tool: str
    text: str


class RunResult(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What came of a run. Cost is in micro-units, `duration_us` runs to the end or to the newest fact."""

    run_id: str
    trace_id: str
    status: e.Status
    reason: str
    next: tuple[str, ...]  # what a person can do
    goal: str
    profile: str
    requester: str
    started_at: datetime
    ended_at: datetime | None
    duration_us: int
    calls: int
    cost: int
    tokens: int
    steps: tuple[StepResult, ...]
    why: tuple[str, ...] = ()  # of the plan
    notes: tuple[str, ...] = ()  # of the plan
    questions: tuple[str, ...] = ()  # open ones
    options: tuple[str, ...] = ()  # answers that would do; others may be given
    evidence: tuple[EvidenceRow, ...] = ()
    unknowns: tuple[Noted, ...] = ()
    artefacts: tuple[Noted, ...] = ()
    approvals: tuple[Card, ...] = ()

    @property
    def outputs(self) -> dict[str, Any]:
        """The decoded outputs of the steps that are done, by step."""
        return {step.step: step.value for step in self.steps if step.state == Phase.DONE.value}

    def json(self) -> bytes:
        """The whole result as JSON."""
        return encode(self)


def result_of(run_id: str, events: Iterable[e.Event], blobs: Mapping[str, bytes]) -> RunResult:
    """The result of one run's facts; `blobs` holds large outputs by their digest."""
    facts = list(events)
    state = fold(run_id, facts)
    cards = cards_of(run_id, facts)
    steps = steps_of(state, facts, cards, blobs)
    own = [step for step in steps if not step.calls]  # what a list gave stands with its calls
    start, end, parked, plan = state.started, state.end, state.parked, state.plan
    until = end.at if end is not None else state.latest or start.at
    return RunResult(
        run_id=run_id,
        trace_id=start.trace_id,
        status=state.status,
        reason=end.reason if end is not None else parked.reason if parked is not None else "it is running",
        next=needs_of(state),
        goal=start.goal,
        profile=start.profile,
        requester=start.requester.id,
        started_at=start.at,
        ended_at=end.at if end is not None else None,
        duration_us=round((until - start.at).total_seconds() * 1_000_000),
        calls=state.used.get(CALLS, 0),
        cost=state.used.get(COST, 0),
        tokens=state.used.get(TOKENS, 0),
        steps=steps,
        why=plan.why if plan is not None else (),
        notes=plan.notes if plan is not None else (),
        questions=tuple(question.text for question in state.questions.values()),
        options=tuple(option for question in state.questions.values() for option in question.options),
        evidence=tuple(row for step in own for row in _evidence(step)),
        unknowns=tuple(said for step in own for said in _said(step, ("unknowns",))),
        artefacts=tuple(said for step in own for said in _said(step, ("artefacts", "artefact"))),
        approvals=tuple(cards.values()),
    )


def as_it_stands_now(result: RunResult, current: Current, at: datetime) -> RunResult:
    """The result of a run as the house stands now, and not as it stood when the run parked."""
    if result.ended_at is not None or not result.next:
        return result
    asked = [card for card in result.approvals if card.is_open]
    reason, following = as_of_now(result.run_id, result.reason, result.next, asked, current, at)
    return msgspec.structs.replace(result, reason=reason, next=following)


async def read_result(journal: ReadJournal, run_id: str, *, codec: Codec = PLAIN) -> RunResult:
    """The result of a run as it stands, large outputs read in; `RunNotFound`."""
    events = events_of(await journal.read(run_id), codec)
    if not events or not isinstance(events[0], e.RunStarted):
        raise RunNotFound(run_id)
    blobs: dict[str, bytes] = {}
    for event in events:
        if isinstance(event, e.ToolCallComplete) and event.blob is not None and event.blob.kept:
            try:
                blobs[event.blob.digest] = await journal.blob(event.blob.digest)
            except NotFound:
                continue  # erased: the step stays done, its output is gone
    return result_of(run_id, events, blobs)


def _fields(value: Any, names: tuple[str, ...]) -> Iterator[Any]:
    """The values of all fields of these names, at any depth, in the order they stand."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in names:
                yield item
            else:
                yield from _fields(item, names)
    elif isinstance(value, list):
        for item in value:
            yield from _fields(item, names)


def _evidence(step: StepResult) -> Iterator[EvidenceRow]:
    for found in _fields(step.value, EVIDENCE):
        for row in found if isinstance(found, list) else [found]:
            if isinstance(row, dict) and "record" in row:
                given = {name: _text(row.get(name, "")) for name in ("record", "field", "value", "date", "source")}
                yield EvidenceRow(step=step.step, tool=step.tool, **given)


def _said(step: StepResult, names: tuple[str, ...]) -> Iterator[Noted]:
    for found in _fields(step.value, names):
        for item in found if isinstance(found, list) else [found]:
            if text := _text(item):
                yield Noted(step=step.step, tool=step.tool, text=text)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else encode(value).decode()
