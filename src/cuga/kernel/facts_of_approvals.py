"""What facts about approvals change: the requests that are open, the votes, the grants at hand, and what was denied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cuga.kernel import facts_of_steps as steps
from cuga.kernel.state import Closed, Grant, Phase, RunState, without
from cuga.model import event as e


def _approval_requested(s: RunState, event: e.ApprovalRequested) -> None:
    steps.begin_step(s, event.step, Phase.AWAITING_APPROVAL)
    s.pending = {**s.pending, event.approval_id: event}
    s.awaiting = {**s.awaiting, event.step: event.approval_id}
    s.timed = {**s.timed, event.approval_id: event.expires_at}
    if event.amends:
        s.inputs = {**s.inputs, event.step: event.arguments}
        s.askers = {**s.askers, event.step: event.requesters}


def _close(s: RunState, approval_id: str, step: str, how: str, by: str, digest: str = "") -> None:
    s.pending = without(s.pending, approval_id)
    s.votes = without(s.votes, approval_id)
    s.timed = without(s.timed, approval_id)
    s.closed = {**s.closed, approval_id: Closed(how, by, digest)}
    if s.awaiting.get(step) == approval_id:
        s.awaiting = without(s.awaiting, step)
    grant = s.grants.get(step)
    if grant is not None and grant.approval_id == approval_id:
        s.grants = without(s.grants, step)


def _wait_again(s: RunState, step: str) -> None:
    if not s.phase[step].is_end and step not in s.calling:
        s.phase[step] = Phase.PENDING
        steps.make_ready(s, step)


def _approval_received(s: RunState, event: e.ApprovalReceived) -> None:
    if not event.final:
        s.votes = {**s.votes, event.approval_id: (*s.votes.get(event.approval_id, ()), (event.by, event.on_behalf_of))}
        return
    request = s.pending.get(event.approval_id)
    _close(s, event.approval_id, event.step, event.verdict.value, event.by, event.digest)
    match event.verdict:
        case e.Verdict.APPROVE:
            adapters = request.adapters if request is not None else {}
            s.grants = {**s.grants, event.step: Grant(event.approval_id, event.digest, event.lapses_at, adapters)}
            if event.lapses_at is not None:
                s.timed = {**s.timed, event.approval_id: event.lapses_at}
            _wait_again(s, event.step)
        case e.Verdict.DENY:
            if request is not None:
                s.denied = {**s.denied, request.effect: event.reason or f"denied by {event.by}"}
            steps.end_step(s, event.step, Phase.DENIED, event.reason or f"denied by {event.by}")
        case e.Verdict.AMEND:
            pass  # the request that replaces this one follows in the same append
        case _:  # request-changes
            _wait_again(s, event.step)


def _approval_timeout(s: RunState, event: e.ApprovalTimeout) -> None:
    _close(s, event.approval_id, event.step, "expired", "")
    steps.end_step(s, event.step, Phase.DENIED, "nobody decided in time")


def _approval_lapsed(s: RunState, event: e.ApprovalLapsed) -> None:
    _close(s, event.approval_id, event.step, "lapsed", "")
    _wait_again(s, event.step)


def _approval_revoked(s: RunState, event: e.ApprovalRevoked) -> None:
    _close(s, event.approval_id, event.step, "revoked", event.by)
    steps.end_step(s, event.step, Phase.DENIED, event.reason or f"approval revoked by {event.by}")


def _approval_superseded(s: RunState, event: e.ApprovalSuperseded) -> None:
    _close(s, event.approval_id, event.step, "superseded", event.by)
    _wait_again(s, event.step)


CHANGES: dict[type[e.Event], Callable[[RunState, Any], None]] = {
    e.ApprovalRequested: _approval_requested,
    e.ApprovalReceived: _approval_received,
    e.ApprovalTimeout: _approval_timeout,
    e.ApprovalLapsed: _approval_lapsed,
    e.ApprovalRevoked: _approval_revoked,
    e.ApprovalSuperseded: _approval_superseded,
}
