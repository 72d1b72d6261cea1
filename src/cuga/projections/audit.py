"""The audit record of a run: who wanted what, what was decided by whom and why, what was called and what came of it.

Folded from the run's stream alone, and bound to it by the hash of its last event. It states, it does not judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from cuga.errors import RunNotFound
from cuga.journal.codec import PLAIN, Codec
from cuga.journal.port import ReadJournal, Stored
from cuga.kernel.evolve import apply
from cuga.kernel.state import RunState
from cuga.model import event as e
from cuga.model.context import Principal
from cuga.model.outcome import BlobRef
from cuga.model.plan import CheckedPlan
from cuga.model.value import Value, digest, digest_bytes, encode
from cuga.projections.card import Card, cards_of
from cuga.projections.decisions import Decision, decisions_of
from cuga.projections.happenings import WORDS, Happening, happening_of


class PlanRecord(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A plan that entered the run, with its digest."""

    at: datetime
    source: str
    digest: str
    plan: CheckedPlan


class CallRecord(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One attempt. `outcome`: in flight, done, not_done, unknown. `used` is each budget right after its intent."""

    at: datetime
    step: str
    attempt: int
    tool: str
    tool_digest: str
    side_effect: str
    domain: str
    adapters: dict[str, str]
    arguments: msgspec.Raw
    arguments_digest: str
    key: str
    approval: str
    simulated: bool
    probe: bool
    cost: int
    worker: str
    epoch: int
    claims: tuple[e.Claim, ...]
    used: dict[str, int]
    outcome: str = "in flight"
    ended_at: datetime | None = None
    duration_us: int = 0
    result_digest: str = ""
    blob: BlobRef | None = None
    provider_reference: str = ""
    failure: str = ""
    message: str = ""
    retry_at: datetime | None = None


class AuditRecord(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Everything an auditor asks about one run. `head` is the hash of event `version`: it seals all before it."""

    run_id: str
    trace_id: str
    tenant: str
    requester: Principal
    goal: str
    profile: str
    policy_digest: str
    crm_version: str
    as_of: datetime | None
    started_at: datetime
    version: int
    head: str
    plans: tuple[PlanRecord, ...]
    tools: dict[str, tuple[str, ...]]  # tool -> digests of the definitions that were called or planned
    decisions: tuple[Decision, ...]
    approvals: tuple[Card, ...]
    calls: tuple[CallRecord, ...]
    happenings: tuple[Happening, ...]
    status: e.Status
    ended_at: datetime | None
    reason: str
    mend: str

    def json(self) -> bytes:
        """The whole record as JSON."""
        return encode(self)


def audit_of(stored: Iterable[Stored], codec: Codec = PLAIN) -> AuditRecord:
    """The record of one run's stream; `RunNotFound` when it is not one."""
    lane = list(stored)
    events = [codec.decode(one.readable) for one in lane]
    if not events or not isinstance(events[0], e.RunStarted):
        raise RunNotFound(lane[0].stream if lane else "")
    run_id = lane[0].stream
    state = RunState(run_id)
    plans: list[PlanRecord] = []
    calls: dict[tuple[str, int], CallRecord] = {}
    happenings: list[Happening] = []
    tools: dict[str, dict[str, None]] = {}
    for event in events:
        apply(state, event)
        match event:
            case e.PlanCreated(plan=plan):
                plans.append(PlanRecord(at=event.at, source=event.source, digest=digest(plan), plan=plan))
                for step in plan.steps:
                    tools.setdefault(step.tool, {})[step.tool_digest] = None
            case e.ToolCallStart():
                calls[event.step, event.attempt] = _call(event, state)
                tools.setdefault(event.tool, {})[event.tool_digest] = None
            case e.ToolCallComplete() | e.ToolCallError():
                key = event.step, event.attempt
                if key in calls:
                    calls[key] = msgspec.structs.replace(calls[key], **_end(event))
            case _ if type(event) in WORDS:
                happenings.append(happening_of(event))
            case _:
                pass  # decisions and approvals are folded in rooms of their own
    start, end, parked = state.started, state.end, state.parked
    return AuditRecord(
        run_id=run_id,
        trace_id=start.trace_id,
        tenant=start.tenant,
        requester=start.requester,
        goal=start.goal,
        profile=start.profile,
        policy_digest=start.policy_digest,
        crm_version=start.crm_version,
        as_of=start.as_of,
        started_at=start.at,
        version=len(lane),
        head=lane[-1].hash.hex(),
        plans=tuple(plans),
        tools={name: tuple(digests) for name, digests in sorted(tools.items())},
        decisions=decisions_of(run_id, events),
        approvals=tuple(cards_of(run_id, events).values()),
        calls=tuple(calls.values()),
        happenings=tuple(happenings),
        status=state.status,
        ended_at=end.at if end is not None else None,
        reason=end.reason if end is not None else parked.reason if parked is not None else "",
        mend=end.mend if end is not None else "",
    )


async def read_audit(journal: ReadJournal, run_id: str, *, codec: Codec = PLAIN) -> AuditRecord:
    """The record of a run as it stands; `RunNotFound`."""
    stored = await journal.read(run_id)
    if not stored:
        raise RunNotFound(run_id)
    return audit_of(stored, codec)


def _call(event: e.ToolCallStart, state: RunState) -> CallRecord:
    return CallRecord(
        at=event.at,
        step=event.step,
        attempt=event.attempt,
        tool=event.tool,
        tool_digest=event.tool_digest,
        side_effect=event.side_effect.value,
        domain=event.domain,
        adapters=event.adapters,
        arguments=event.arguments,
        arguments_digest=digest_bytes(bytes(event.arguments)),
        key=event.key,
        approval=event.approval,
        simulated=event.simulated,
        probe=event.probe,
        cost=event.cost,
        worker=event.worker,
        epoch=event.epoch,
        claims=event.claims,
        used=dict(sorted(state.used.items())),
    )


def _end(event: e.ToolCallComplete | e.ToolCallError) -> dict[str, Any]:
    if isinstance(event, e.ToolCallError):
        return {
            "outcome": event.certainty.value,
            "ended_at": event.at,
            "duration_us": event.duration_us,
            "failure": event.mode.value,
            "message": event.message,
            "retry_at": event.retry_at,
        }
    return {
        "outcome": "done",
        "ended_at": event.at,
        "duration_us": event.duration_us,
        "result_digest": event.blob.digest if event.blob is not None else digest_bytes(bytes(event.result)),
        "blob": event.blob,
        "provider_reference": event.provider_reference,
        # what an earlier doubt said no longer holds
        "failure": "",
        "message": event.note,
    }
