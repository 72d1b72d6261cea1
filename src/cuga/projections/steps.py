"""What came of each step of a run: where it stands and why, what it cost and took, who agreed, what it gave.

Where a step stands is the kernel's own fold; the rest is gathered from the facts about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cuga.kernel.state import ENDED, Phase, RunState
from cuga.model import event as e
from cuga.model.outcome import BlobRef, Certainty
from cuga.model.tool import SideEffect
from cuga.model.value import Value, encode
from cuga.projections.card import Card

NULL = msgspec.Raw(b"null")
_ENDS = frozenset(phase.value for phase in ENDED)


class StepResult(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One step. `cost` is what was charged, in micro-units, over all attempts; `output` is JSON, null without one."""

    step: str
    tool: str
    name: str
    domain: str
    side_effect: str
    state: str
    purpose: str  # why the plan has it
    reason: str = ""  # why it was not done, or what it waits for
    required: bool = True
    depends_on: tuple[str, ...] = ()
    attempts: int = 0
    cost: int = 0
    duration_us: int = 0  # of all attempts
    simulated: bool = False
    pool: str = ""  # the worker pool that it ran in
    reduced: dict[str, str] = {}  # capability that it went without -> why
    approval: str = ""
    approved_by: str = ""  # people, or the rule that stood in
    provider_reference: str = ""
    note: str = ""
    output: msgspec.Raw = NULL
    blob: BlobRef | None = None  # where a large output lies
    list_of: str = ""  # the list that this is a call of
    calls: tuple[str, ...] = ()  # those of a list that has been opened

    @property
    def value(self) -> Any:
        """The output, decoded."""
        return msgspec.json.decode(self.output)


class Gathered(msgspec.Struct):
    """What the facts say of one step beyond the kernel's state."""

    start: e.ToolCallStart | None = None
    cost: int = 0
    duration_us: int = 0
    reason: str = ""
    approval: str = ""
    provider_reference: str = ""
    note: str = ""
    output: msgspec.Raw = NULL
    blob: BlobRef | None = None

    def take(self, event: e.Event, blobs: Mapping[str, bytes]) -> None:
        """Take in one fact about the step."""
        match event:
            case e.ToolCallStart():
                self.start = event
                self.cost += event.cost
                self.approval = event.approval
                self.reason = ""
            case e.ApprovalRequested():
                self.approval = event.approval_id
            case e.ToolCallComplete():
                self.duration_us += event.duration_us
                self.provider_reference, self.note, self.blob = event.provider_reference, event.note, event.blob
                kept = None if event.blob is None else blobs.get(event.blob.digest, bytes(NULL))
                self.output = event.result if kept is None else msgspec.Raw(kept)
            case e.ToolCallError():
                self.duration_us += event.duration_us
                self.reason = event.message
                if self.start is not None and event.certainty is Certainty.NOT_DONE:
                    self.cost -= 0 if self.start.side_effect is SideEffect.READ_ONLY else self.start.cost
            case e.StepInDoubt() | e.StepSkipped():
                self.reason = event.reason
            case e.DoubtResolved():
                self._resolve(event)
            case _:
                pass

    def _resolve(self, event: e.DoubtResolved) -> None:
        self.reason = event.reason
        if event.answer is e.DoubtAnswer.HAPPENED:
            self.output = event.result
            self.note = f"{event.by} said that it happened"
        elif event.answer is e.DoubtAnswer.DID_NOT and self.start is not None:
            self.cost -= self.start.cost


def steps_of(
    state: RunState, events: Iterable[e.Event], cards: Mapping[str, Card], blobs: Mapping[str, bytes]
) -> tuple[StepResult, ...]:
    """The steps of a run in the order of the plan, those of earlier plans first."""
    about: dict[str, Gathered] = {}
    for event in events:
        if step := getattr(event, "step", ""):
            about.setdefault(step, Gathered()).take(event, blobs)
        if isinstance(event, e.ApprovalRequested):
            for call in event.calls:
                about.setdefault(call.step, Gathered()).take(event, blobs)
    found = {name: _step(state, name, about.get(name, Gathered()), cards) for name in state.index.steps}
    for name, listing in state.lists.items():
        found[name] = _with_calls(found[name], [found[call] for call in listing.calls])
    return tuple(found.values())


def _with_calls(whole: StepResult, calls: list[StepResult]) -> StepResult:
    """A list with what its calls came to: how many are through, what they cost, what those that are done gave."""
    done = [call for call in calls if call.state == Phase.DONE.value]
    ended = sum(1 for call in calls if call.state in _ENDS)
    output: msgspec.Raw = NULL
    if whole.state in _ENDS and done:
        missed = [call.step for call in calls if call not in done]
        items = {"items": [call.output for call in done], "steps": [call.step for call in done], "missed": missed}
        output = msgspec.Raw(encode(items))
    return msgspec.structs.replace(
        whole,
        calls=tuple(call.step for call in calls),
        attempts=sum(call.attempts for call in calls),
        cost=sum(call.cost for call in calls),
        duration_us=sum(call.duration_us for call in calls),
        simulated=any(call.simulated for call in calls),
        reason=whole.reason or f"{len(done)} of {len(calls)} done" + (f", {ended} ended" if ended > len(done) else ""),
        output=output,
    )


def _step(state: RunState, name: str, known: Gathered, cards: Mapping[str, Card]) -> StepResult:
    step = state.step(name)
    phase = state.phase[name]
    card = cards.get(known.approval)
    reason = state.reasons.get(name, "")
    if phase in (Phase.WAITING_RETRY, Phase.IN_DOUBT) or (phase is Phase.SKIPPED and not reason):
        reason = known.reason
    elif phase is Phase.AWAITING_APPROVAL and card is not None:
        reason = f"waits for {' or '.join(card.roles) or 'a person'}: {card.approval_id}"
    elif phase is Phase.PENDING and name in state.blocked:
        reason = f"waits for the budget {state.blocked[name]}"
    return StepResult(
        step=name,
        tool=step.tool,
        name=step.name,
        domain=step.domain,
        side_effect=step.side_effect.value,
        state=phase.value,
        purpose=step.reason,
        reason=reason,
        required=step.required,
        depends_on=state.index.needs[name],
        attempts=state.attempt.get(name, 0),
        cost=known.cost,
        duration_us=known.duration_us,
        simulated=known.start.simulated if known.start is not None else False,
        pool=known.start.pool if known.start is not None else "",
        reduced=state.reduced.get(name, {}),
        approval=known.approval,
        approved_by=_agreed(card),
        provider_reference=known.provider_reference,
        note=known.note,
        output=known.output,
        blob=known.blob,
        list_of=step.list_of,
    )


def _agreed(card: Card | None) -> str:
    if card is None:
        return ""
    return ", ".join(vote.by or vote.rule for vote in card.votes if vote.verdict == e.Verdict.APPROVE.value)
