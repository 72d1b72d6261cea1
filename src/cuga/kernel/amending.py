"""An amended request: other arguments are another call, judged anew and asked for anew.

Whoever wrote them is among those who asked, and so does not decide.
"""

from __future__ import annotations

import msgspec

from cuga.errors import BadInput, NotAllowed
from cuga.kernel import consent, gate
from cuga.kernel.asked import Asked
from cuga.kernel.facts_of_approvals import each_of
from cuga.kernel.references import Unresolved
from cuga.kernel.route import bound_as
from cuga.kernel.scarce import once_claims, taken_of
from cuga.kernel.stops import stop_of
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.command import ResolveApproval
from cuga.policy.judge import Verdict as Rule

NULL = b"null"  # stands for a call that is taken off a list


def taken_off(command: ResolveApproval, request: e.ApprovalRequested) -> tuple[str, ...]:
    """The calls of a list that an amendment leaves out; `BadInput` when it is none of this list."""
    given = _of_list(command, request)
    without = tuple(call.step for call, body in zip(request.calls, given, strict=True) if bytes(body) == NULL)
    if len(without) == len(given):
        raise BadInput(
            "nothing would be left of the list", mend=f"Deny it: cuga deny {request.approval_id} --reason ..."
        )
    return without


def is_asked_for(arguments: msgspec.Raw | None, request: e.ApprovalRequested) -> bool:
    """Whether an amendment with these arguments asks for just what a request asks for; of a list, what it leaves on."""
    if arguments is None:
        return False
    if not request.calls:
        return bytes(arguments) == bytes(request.arguments)
    try:
        left = [one for one in map(bytes, each_of(arguments)) if one != NULL]
    except msgspec.DecodeError:
        return False
    return left == [bytes(one) for one in each_of(request.arguments)]


def _of_list(command: ResolveApproval, request: e.ApprovalRequested) -> list[msgspec.Raw]:
    count = len(request.calls)
    mend = f"Hand in an array of {count} objects in the order of the card, null for each call to be taken off."
    try:
        given = each_of(command.arguments) if command.arguments is not None else []
    except msgspec.DecodeError:
        raise BadInput("the amendment of a list is no array", mend=mend) from None
    if len(given) != count:
        raise BadInput(f"the amendment has {len(given)} entries and the list {count} calls", mend=mend)
    return given


def amend(turn: Turn, command: ResolveApproval, request: e.ApprovalRequested, on_behalf_of: str) -> None:
    """Ask for the amended call, or for the amended list, instead."""
    if command.arguments is None:
        raise BadInput("an amendment needs the new arguments")
    authors = (command.by.id, on_behalf_of) if on_behalf_of else (command.by.id,)
    requesters = tuple(dict.fromkeys((*request.requesters, *authors)))
    if request.calls:
        left = zip(request.calls, _of_list(command, request), strict=True)
        asked = [_judged(turn, request, call.step, body, requesters) for call, body in left if bytes(body) != NULL]
        _must_not_repeat(asked)
        turn.emit(consent.list_request(turn, request.step, asked, amends=request.approval_id))
        return
    one = _judged(turn, request, request.step, command.arguments, requesters)
    turn.emit(
        consent.request(
            turn,
            one.step,
            one.contract,
            one.ruling,
            one.arguments,
            one.digest,
            one.effect,
            amends=request.approval_id,
            requesters=requesters,
            free=one.free,
        )
    )


def _must_not_repeat(asked: list[Asked]) -> None:
    scopes = [claim.scope for one in asked for claim in one.free]
    twice = sorted({scope for scope in scopes if scopes.count(scope) > 1})
    if twice:
        raise NotAllowed(f"two calls of the list would do the same, which happens at most once: {twice[0]}")


def _judged(
    turn: Turn, request: e.ApprovalRequested, step_id: str, arguments: msgspec.Raw, requesters: tuple[str, ...]
) -> Asked:
    """A call with other arguments, as it would be asked for."""
    s = turn.state
    step = s.step(step_id)
    ruling = turn.rules.ruling(step.tool, turn.current)
    if ruling.verdict is not Rule.ALLOW:
        raise NotAllowed(ruling.reason)
    contract = turn.rules.contract(step.tool, turn.current)
    step = gate.as_contracted(step, contract)
    key = consent.idempotency_key(s.run_id, step_id, s.consents.get(step_id, 0), arguments)
    ruling = msgspec.structs.replace(ruling, tool_digest=request.tool_digest)
    if turn.current.pools:
        ruling = bound_as(turn, step, ruling, request.adapters)
        if ruling.verdict is not Rule.ALLOW:
            raise NotAllowed(ruling.reason)
    try:
        onces = once_claims(turn, step_id, contract, ruling, arguments)
    except Unresolved as problem:
        raise BadInput(f"what may happen only once cannot be told from the new arguments: {problem}") from None
    if taken := taken_of(turn, onces):
        raise NotAllowed(taken)
    if (stopped := stop_of(contract, arguments, turn.current.suppressed)) is not None:
        raise BadInput(stopped.reason, mend=stopped.mend)
    effect = consent.effect_of(contract, arguments)
    if effect in s.denied:
        raise NotAllowed(f"the same effect was denied in this run: {s.denied[effect]}")
    digest = consent.call_digest(s, step, ruling, arguments, key)
    return Asked(step, contract, ruling, arguments, digest, effect, consent.free_of(onces), requesters)
