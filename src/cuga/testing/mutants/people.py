"""Bugs about people: who may decide, on what, how often and until when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from cuga.kernel import approvals, consent
from cuga.kernel.state import Closed, RunState, without
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.policy import access
from cuga.testing.mutants.bed import Bed, Change, mutant


@mutant
def requester_may_approve(bed: Bed) -> None:
    """Anybody may decide."""
    bed.set(approvals, "may_decide", lambda *_, **__: access.Access(allowed=True, reasons=()))


@mutant
def solo_in_a_house_of_many(bed: Bed) -> None:
    """Everybody counts as alone."""
    bed.set(access, "is_solo", lambda by, current: True)


@mutant
def revoked_role_counts(bed: Bed) -> None:
    """The roles a person came with count, whatever the house says now."""
    right = access.may_decide

    def wrong(by: Any, **given: Any) -> Any:
        now = given["current"]
        held = {**now.roles, by.id: by.roles} if now.roles else now.roles
        return right(by, **{**given, "current": msgspec.structs.replace(now, roles=held)})

    bed.set(approvals, "may_decide", wrong)


@mutant
def stand_in_for_the_requester(bed: Bed) -> None:
    """A delegation from the one who asked counts as well."""
    right = access.may_decide

    def wrong(by: Any, **given: Any) -> Any:
        if any(one.delegate == by.id for one in given["current"].delegations) and by.id not in given["requesters"]:
            return access.Access(allowed=True, reasons=(), on_behalf_of="ada")
        return right(by, **given)

    bed.set(approvals, "may_decide", wrong)


@mutant
def approval_without_its_digest(bed: Bed) -> None:
    """A decision counts whatever page it was made on."""
    right = approvals.resolve

    def wrong(turn: Turn, command: Any) -> None:
        request = turn.state.pending.get(command.approval_id)
        right(turn, command if request is None else msgspec.structs.replace(command, digest=request.digest))

    _resolve(bed, wrong)


@mutant
def approval_fits_any_call(bed: Bed) -> None:
    """An approval covers the step whatever has changed since."""
    bed.set(consent, "call_digest", lambda state, step, *_: f"{state.run_id}/{step.step_id}")


@mutant
def approval_survives_amendment(bed: Bed) -> None:
    """The call as it was first asked for goes on after somebody amended it."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.ApprovalReceived) -> None:
            if event.verdict is e.Verdict.AMEND and event.final:
                event = msgspec.structs.replace(event, verdict=e.Verdict.APPROVE)
            right(s, event)

        return wrong

    bed.change(e.ApprovalReceived, wrap)


@mutant
def amender_may_approve(bed: Bed) -> None:
    """Who wrote an amendment may agree to it."""
    right = consent.request

    def wrong(*given: Any, **named: Any) -> Any:
        return right(*given, **{**named, "requesters": named.get("requesters", ())[:1]})

    bed.set(consent, "request", wrong)


@mutant
def late_approval_counts(bed: Bed) -> None:
    """A request can be decided after it has expired."""
    right = approvals.resolve

    def wrong(turn: Turn, command: Any) -> None:
        request = turn.state.pending.get(command.approval_id)
        if request is None or turn.now < request.expires_at:
            right(turn, command)
            return
        later = msgspec.structs.replace(request, expires_at=turn.in_seconds(10))
        turn.state.pending = {**turn.state.pending, command.approval_id: later}
        right(turn, command)

    _resolve(bed, wrong)


@mutant
def lapsed_approval_counts(bed: Bed) -> None:
    """An approval that was not used in time can still be used."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.ApprovalReceived) -> None:
            right(s, event)
            if event.verdict is e.Verdict.APPROVE:
                s.timed = without(s.timed, event.approval_id)

        return wrong

    bed.change(e.ApprovalReceived, wrap)


@mutant
def quorum_ignored(bed: Bed) -> None:
    """The first vote decides."""
    right = approvals.resolve

    def wrong(turn: Turn, command: Any) -> None:
        request = turn.state.pending.get(command.approval_id)
        if request is not None:
            alone = msgspec.structs.replace(request, quorum=1)
            turn.state.pending = {**turn.state.pending, command.approval_id: alone}
        right(turn, command)

    _resolve(bed, wrong)


@mutant
def double_vote_counts(bed: Bed) -> None:
    """Two clicks are two votes."""
    bed.set(approvals, "_of_others", lambda votes, *_: votes)


@mutant
def vote_outlives_its_role(bed: Bed) -> None:
    """A vote counts although its voter has lost the role since."""
    bed.set(approvals, "_that_count", lambda _turn, votes, *_: votes)


@mutant
def words_have_no_author(bed: Bed) -> None:
    """Who asks for changes may agree to what comes of them."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.ReplanRequested) -> None:
            right(s, event)
            s.authors = ()

        return wrong

    bed.change(e.ReplanRequested, wrap)


@mutant
def denial_forgotten(bed: Bed) -> None:
    """What was denied may be asked for again."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.ApprovalReceived) -> None:
            right(s, event)
            s.denied = {}

        return wrong

    bed.change(e.ApprovalReceived, wrap)


@mutant
def revocation_ignored(bed: Bed) -> None:
    """An approval that was taken back can still be used."""

    def wrong(s: RunState, event: e.ApprovalRevoked) -> None:
        s.closed = {**s.closed, event.approval_id: Closed("revoked", event.by)}

    bed.change(e.ApprovalRevoked, lambda right: wrong)


@mutant
def consent_is_the_profiles_alone(bed: Bed) -> None:
    """The rule that agrees in advance also agrees to outside effects."""
    bed.set(consent, "_standing_consent", lambda turn, *_: ("profile:any", ()))


@mutant
def again_needs_no_new_approval(bed: Bed) -> None:
    """The approval of a call in doubt covers the one a person wants made once more."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.DoubtResolved) -> None:
            kept = s.approved.get(event.step)
            right(s, event)
            if event.answer is e.DoubtAnswer.AGAIN:
                s.consents = {**s.consents, event.step: s.consents[event.step] - 1}  # the same key, the same digest
                if kept is not None:
                    s.approved = {**s.approved, event.step: kept}

        return wrong

    bed.change(e.DoubtResolved, wrap)


def _resolve(bed: Bed, wrong: Callable[[Turn, Any], None]) -> None:
    bed.set(approvals, "resolve", wrong)
