"""What facts about approvals change: the requests that are open, the votes, the grants at hand, and what was denied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from cuga.kernel import facts_of_steps as steps
from cuga.kernel.state import Closed, Grant, Phase, RunState, without
from cuga.model import event as e


def _approval_requested(s: RunState, event: e.ApprovalRequested) -> None:
    s.pending = {**s.pending, event.approval_id: event}
    s.timed = {**s.timed, event.approval_id: event.expires_at}
    if event.calls:
        _list_requested(s, event)
        return
    steps.begin_step(s, event.step, Phase.AWAITING_APPROVAL)
    s.awaiting = {**s.awaiting, event.step: event.approval_id}
    if event.amends:
        s.inputs = {**s.inputs, event.step: event.arguments}
        s.askers = {**s.askers, event.step: event.requesters}


def _list_requested(s: RunState, event: e.ApprovalRequested) -> None:
    names = [call.step for call in event.calls]
    for name in names:
        steps.begin_step(s, name, Phase.AWAITING_APPROVAL)
    s.awaiting = {**s.awaiting, **dict.fromkeys(names, event.approval_id)}
    if event.amends:
        s.inputs = {**s.inputs, **dict(zip(names, each_of(event.arguments), strict=True))}
        s.askers = {**s.askers, **dict.fromkeys(names, event.requesters)}


def each_of(arguments: msgspec.Raw) -> list[msgspec.Raw]:
    """The arguments of each call of a list's request, as their own bytes."""
    return msgspec.json.decode(arguments, type=list[msgspec.Raw])


def covered(s: RunState, approval_id: str, step: str) -> tuple[str, ...]:
    """The steps that an approval is about: the one, or the calls of a list that are asked for or may still start."""
    request = s.pending.get(approval_id)
    if request is not None and request.calls:
        return tuple(call.step for call in request.calls)
    if step in s.lists:
        return tuple(call for call, grant in s.grants.items() if grant.approval_id == approval_id)
    return (step,)


def _close(s: RunState, approval_id: str, step: str, how: str, by: str, digest: str = "") -> tuple[str, ...]:
    about = covered(s, approval_id, step)
    s.pending = without(s.pending, approval_id)
    s.votes = without(s.votes, approval_id)
    s.timed = without(s.timed, approval_id)
    s.closed = {**s.closed, approval_id: Closed(how, by, digest)}
    for one in about:
        if s.awaiting.get(one) == approval_id:
            s.awaiting = without(s.awaiting, one)
        grant = s.grants.get(one)
        if grant is not None and grant.approval_id == approval_id:
            s.grants = without(s.grants, one)
    return about


def _wait_again(s: RunState, about: tuple[str, ...]) -> None:
    for step in about:
        if not s.phase[step].is_end and step not in s.calling:
            s.phase[step] = Phase.PENDING
            steps.make_ready(s, step)


def _end(s: RunState, about: tuple[str, ...], reason: str) -> None:
    for step in about:
        steps.end_step(s, step, Phase.DENIED, reason)


def _approval_received(s: RunState, event: e.ApprovalReceived) -> None:
    if not event.final:
        others = [vote for vote in s.votes.get(event.approval_id, ()) if vote[0] != event.by]  # one that lost its role
        s.votes = {**s.votes, event.approval_id: (*others, (event.by, event.on_behalf_of))}
        return
    request = s.pending.get(event.approval_id)
    about = _close(s, event.approval_id, event.step, event.verdict.value, event.by, event.digest)
    match event.verdict:
        case e.Verdict.APPROVE:
            adapters = request.adapters if request is not None else {}
            digests = {call.step: call.digest for call in request.calls} if request is not None else {}
            granted = {
                step: Grant(event.approval_id, digests.get(step, event.digest), event.lapses_at, adapters)
                for step in about
            }
            s.grants = {**s.grants, **granted}
            if event.lapses_at is not None:
                s.timed = {**s.timed, event.approval_id: event.lapses_at}
            _wait_again(s, about)
        case e.Verdict.DENY:
            reason = event.reason or f"denied by {event.by}"
            if request is not None:
                effects = [call.effect for call in request.calls] or [request.effect]
                s.denied = {**s.denied, **dict.fromkeys(effects, reason)}
            _end(s, about, reason)
        case e.Verdict.AMEND:  # the request that replaces this one follows in the same append
            if request is not None and event.without:
                reason = event.reason or f"taken off the list by {event.by}"
                kept = {call.effect for call in request.calls if call.step not in event.without}
                effects = [call.effect for call in request.calls if call.step in event.without]
                effects = [effect for effect in effects if effect not in kept]
                s.denied = {**s.denied, **dict.fromkeys(effects, reason)}
                _end(s, event.without, reason)
        case _:  # request-changes
            _wait_again(s, about)


def _approval_timeout(s: RunState, event: e.ApprovalTimeout) -> None:
    _end(s, _close(s, event.approval_id, event.step, "expired", ""), "nobody decided in time")


def _approval_lapsed(s: RunState, event: e.ApprovalLapsed) -> None:
    _wait_again(s, _close(s, event.approval_id, event.step, "lapsed", ""))


def _approval_revoked(s: RunState, event: e.ApprovalRevoked) -> None:
    about = _close(s, event.approval_id, event.step, "revoked", event.by)
    _end(s, about, event.reason or f"approval revoked by {event.by}")


def _approval_superseded(s: RunState, event: e.ApprovalSuperseded) -> None:
    _wait_again(s, _close(s, event.approval_id, event.step, "superseded", event.by))


CHANGES: dict[type[e.Event], Callable[[RunState, Any], None]] = {
    e.ApprovalRequested: _approval_requested,
    e.ApprovalReceived: _approval_received,
    e.ApprovalTimeout: _approval_timeout,
    e.ApprovalLapsed: _approval_lapsed,
    e.ApprovalRevoked: _approval_revoked,
    e.ApprovalSuperseded: _approval_superseded,
}
