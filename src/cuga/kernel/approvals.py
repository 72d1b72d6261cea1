"""Decisions of people on requests: one id, one terminal decision, by somebody who may, on exactly what was shown."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from cuga.errors import (
    ApprovalClosed,
    ApprovalExpired,
    ApprovalNotFound,
    DigestMismatch,
    InvalidTransition,
    NotAllowed,
)
from cuga.kernel import amending, replan
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.command import ResolveApproval, RevokeApproval
from cuga.model.context import SYSTEM, Principal
from cuga.model.event import Verdict
from cuga.policy.access import Access, deciders, is_solo, may_decide, roles_at, votes_there_are, who_can
from cuga.policy.profile import Current

MORE_PEOPLE = "cuga users add NAME --role approver"


def more_people(roles: tuple[str, ...]) -> str:
    """How a house gets somebody who may decide where one of these roles does."""
    return f"cuga users add NAME --role {roles[0]}" if roles else MORE_PEOPLE


THEMSELVES = "signed in at the page, or by the same command from their own account on this machine"


def access_of(turn: Turn, by: Principal, requesters: tuple[str, ...], roles: tuple[str, ...], what: str = "") -> Access:
    """How a person may decide on what `requesters` asked for; `NotAllowed` with the reasons when they may not."""
    access = may_decide(by, requesters=requesters, roles=roles, current=turn.current, at=turn.now)
    if not access.allowed:
        able = who_can(requesters=requesters, roles=roles, current=turn.current, at=turn.now)
        mend = (
            f"{' or '.join(able)} can: {THEMSELVES}." if able else f"Nobody in this house can yet: {more_people(roles)}"
        )
        raise NotAllowed(what + "; ".join(access.reasons), mend=mend)
    return access


class Asked(Protocol):
    """What is known of an open request, by whichever fold of it."""

    @property
    def approval_id(self) -> str: ...
    @property
    def tool(self) -> str: ...
    @property
    def requesters(self) -> tuple[str, ...]: ...
    @property
    def roles(self) -> tuple[str, ...]: ...
    @property
    def quorum(self) -> int: ...
    @property
    def escalates_at(self) -> datetime | None: ...
    @property
    def escalates_to(self) -> tuple[str, ...]: ...


def too_few(request: Asked) -> str:
    """Why nobody alone in a house can agree to a request that asks for several people."""
    return f"{request.quorum} people must agree to {request.tool}, and this house has one"


def to_decide(request: Asked, requester: Principal, current: Current, at: datetime) -> str:
    """How an open request is decided, and by whom: the command, and who may give it when that is not everybody."""
    command = f"cuga approve {request.approval_id}"
    if is_solo(requester, current.roles):
        return command
    roles = roles_at(request.roles, request.escalates_to, request.escalates_at, at)
    held = " or ".join(roles) or "nobody"
    if not current.roles:
        return f"{command}    by somebody who is {held} and did not ask for it"
    able = who_can(requesters=request.requesters, roles=roles, current=current, at=at)
    if votes_there_are(requesters=request.requesters, roles=roles, current=current, at=at) >= request.quorum:
        many = f"{request.quorum} of {', '.join(able)}" if request.quorum > 1 else " or ".join(able)
        return f"{command}    by {many}; who asked does not decide"
    short = f"{request.quorum} people must agree" if request.quorum > 1 else "nobody here may yet"
    return f"{more_people(roles)}    for {request.approval_id}: {short}, and who asked does not decide"


def resolve(turn: Turn, command: ResolveApproval) -> None:
    """Record a decision. The same answer again changes nothing; another one, or a late one, is refused."""
    s = turn.state
    request = s.pending.get(command.approval_id)
    if request is None:
        _answer_to_closed(turn, command)
        return
    if turn.now >= request.expires_at:
        raise ApprovalExpired(command.approval_id)
    if command.digest != request.digest:
        raise DigestMismatch(command.approval_id)
    roles = roles_at(request.roles, request.escalates_to, request.escalates_at, turn.now)
    access = access_of(turn, command.by, request.requesters, roles)
    if access.solo and command.verdict is Verdict.APPROVE and request.quorum > 1:
        raise NotAllowed(too_few(request), mend=MORE_PEOPLE)
    votes = _that_count(turn, s.votes.get(command.approval_id, ()), request.requesters, roles)
    others = _of_others(votes, command.by.id, access.on_behalf_of)
    is_final = command.verdict is not Verdict.APPROVE or len(others) + 1 >= request.quorum
    if not is_final and len(others) < len(votes):
        return  # the second click
    without = amending.taken_off(command, request) if command.verdict is Verdict.AMEND and request.calls else ()
    lapses = turn.rules.profile.approvals.lapses_s
    turn.emit(
        e.ApprovalReceived(
            at=turn.now,
            by=command.by.id,
            approval_id=command.approval_id,
            step=request.step,
            verdict=command.verdict,
            digest=request.digest,
            final=is_final,
            reason=command.reason,
            on_behalf_of=access.on_behalf_of,
            solo=access.solo,
            lapses_at=turn.in_seconds(lapses) if is_final and command.verdict is Verdict.APPROVE else None,
            without=without,
        )
    )
    match command.verdict:
        case Verdict.APPROVE:
            return
        case Verdict.DENY:
            turn.skip_dependants(request.step)
            # a denial always counts; only the wish for another plan has an end
            if turn.rules.profile.approvals.replan_on_deny and s.replans < replan.MAX_REPLANS:
                if command.reason:
                    _ask_anew(turn, command, request, access.on_behalf_of)
                else:
                    replan.ask(turn, "denied", (SYSTEM.id,), request.step)
        case Verdict.AMEND:
            amending.amend(turn, command, request, access.on_behalf_of)
        case _:  # request-changes
            about = tuple(call.step for call in request.calls) or (request.step,)
            _ask_anew(turn, command, request, access.on_behalf_of, given_up=about)


def _ask_anew(
    turn: Turn,
    command: ResolveApproval,
    request: e.ApprovalRequested,
    on_behalf_of: str,
    given_up: tuple[str, ...] = (),
) -> None:
    """Plan anew with an approver's words. Who wrote them asks for what comes of them, so somebody else decides on that;
    where nobody else could, who asked for the run is to take the words up."""
    current, asker = turn.current, turn.state.started.requester.id
    authors = (command.by.id, on_behalf_of) if on_behalf_of else (command.by.id,)
    requesters = tuple(dict.fromkeys((*request.requesters, *turn.state.requesters, *authors)))
    left = who_can(requesters=requesters, roles=request.roles, current=current, at=turn.now)
    is_alone = is_solo(command.by, current.roles) or not current.roles
    to = "" if left or is_alone or asker in authors else asker
    replan.ask(turn, command.reason, authors, request.step, given_up, to)


def _that_count(
    turn: Turn, votes: tuple[tuple[str, str], ...], requesters: tuple[str, ...], roles: tuple[str, ...]
) -> tuple[tuple[str, ...], ...]:
    """The votes of those who may still decide: a role that was taken away since no longer counts. Each with whom it was
    given for, and whom it would be given for now: somebody who stands in for two has one vote with either."""
    current = turn.current
    if not votes or not current.roles:
        return votes
    able = deciders(requesters=requesters, roles=roles, current=current, at=turn.now)
    return tuple((by, behalf, able[by]) for by, behalf in votes if by in able)


def _of_others(votes: tuple[tuple[str, ...], ...], by: str, on_behalf_of: str) -> tuple[tuple[str, ...], ...]:
    """The votes beside one's own: two clicks by one person are one vote, and so are a person and somebody who decides
    for them."""
    own = {by, on_behalf_of} - {""}
    return tuple(vote for vote in votes if not own & {*vote})


def _answer_to_closed(turn: Turn, command: ResolveApproval) -> None:
    closed = turn.state.closed.get(command.approval_id)
    if closed is None:
        raise ApprovalNotFound(command.approval_id)
    if (closed.how, closed.by, closed.digest) == (command.verdict.value, command.by.id, command.digest):
        heirs = (one for one in turn.state.pending.values() if one.amends == command.approval_id)
        if command.verdict is not Verdict.AMEND or any(amending.is_asked_for(command.arguments, one) for one in heirs):
            return  # the second click
    if closed.how == "expired":
        raise ApprovalExpired(command.approval_id)
    by = f" by {closed.by}" if closed.by else ""
    raise ApprovalClosed(f"{command.approval_id}: {closed.how}{by}")


def revoke(turn: Turn, command: RevokeApproval) -> None:
    """Take back an approval that has not been used."""
    s = turn.state
    for step, grant in s.grants.items():
        if grant.approval_id == command.approval_id:
            access_of(turn, command.by, (s.started.requester.id,), turn.rules.profile.approvals.roles)
            step = s.step(step).list_of or step
            turn.emit(
                e.ApprovalRevoked(
                    at=turn.now, by=command.by.id, approval_id=command.approval_id, step=step, reason=command.reason
                )
            )
            turn.skip_dependants(step)
            return
    if command.approval_id in s.pending:
        raise InvalidTransition("it is still open: deny it instead")
    if command.approval_id not in s.closed:
        raise ApprovalNotFound(command.approval_id)
    raise InvalidTransition("it has been used or has ended already")
