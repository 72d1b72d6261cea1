"""Bugs about lists: which calls there are, what one card lets happen, and what becomes of those that are left."""

from __future__ import annotations

from typing import Any

import msgspec

from cuga.kernel import consent, lists
from cuga.kernel.state import Grant, Phase, RunState
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.testing.mutants.bed import Bed, Change, mutant

OPEN = (Phase.PENDING, Phase.WAITING_RETRY)  # it may still be judged


@mutant
def a_card_for_each_call(bed: Bed) -> None:
    """A list asks once for every call instead of once for all."""

    def wrong(turn: Turn, name: str, asked: list[Any]) -> None:
        for one in asked:
            turn.emit(consent.list_request(turn, name, [one]))

    bed.set(lists, "_request", wrong)


@mutant
def list_agreed_whatever_it_holds(bed: Bed) -> None:
    """Agreeing to a list lets any later call of it happen."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.ApprovalReceived) -> None:
            request = s.pending.get(event.approval_id)
            right(s, event)
            if request is not None and request.calls and event.final and event.verdict is e.Verdict.APPROVE:
                grant = s.grants[request.calls[0].step]
                s.grants = {**s.grants, **{call: grant for call in s.lists[event.step].calls if s.phase[call] in OPEN}}

        return wrong

    bed.change(e.ApprovalReceived, wrap)
    bed.set(consent, "call_digest", lambda state, step, *_: f"{state.run_id}/{step.list_of or step.step_id}")


@mutant
def taken_off_and_done_all_the_same(bed: Bed) -> None:
    """A call that was taken off a list is asked for with the others again."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.ApprovalReceived) -> None:
            right(s, msgspec.structs.replace(event, without=()))
            for step in event.without:
                s.phase[step] = Phase.PENDING
                s.ready[step] = None

        return wrong

    bed.change(e.ApprovalReceived, wrap)


@mutant
def denied_list_forgotten(bed: Bed) -> None:
    """Nothing of a denied list is remembered."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.ApprovalReceived) -> None:
            request = s.pending.get(event.approval_id)
            before = dict(s.denied)
            right(s, event)
            if request is not None and request.calls and event.verdict is e.Verdict.DENY:
                s.denied = before

        return wrong

    bed.change(e.ApprovalReceived, wrap)


@mutant
def amended_list_keeps_its_first_arguments(bed: Bed) -> None:
    """The calls of an amended list go out as they were before."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.ApprovalRequested) -> None:
            before = s.inputs
            right(s, event)
            if event.calls and event.amends:
                s.inputs = before

        return wrong

    bed.change(e.ApprovalRequested, wrap)
    right = consent.call_digest

    def blind(state: Any, step: Any, ruling: Any, arguments: Any, key: str) -> str:
        return right(state, step, ruling, msgspec.Raw(b"{}") if step.list_of else arguments, "")

    bed.set(consent, "call_digest", blind)


@mutant
def list_closes_before_its_calls(bed: Bed) -> None:
    """A list is over as soon as one of its calls is."""

    def wrong(turn: Turn) -> bool:
        s = turn.state
        over = [
            name
            for name, listing in s.lists.items()
            if listing.open < len(listing.calls) and s.phase[name] is Phase.LISTED
        ]
        for name in over:
            done = sum(1 for call in s.lists[name].calls if s.phase[call] is Phase.DONE)
            turn.emit(e.ListClosed(at=turn.now, step=name, done=done, missed=len(s.lists[name].calls) - done))
            if not done:
                turn.skip_dependants(name)
        return bool(over)

    bed.set(lists, "close", wrong)


@mutant
def list_opens_without_a_limit(bed: Bed) -> None:
    """A list goes through all its items, however many were wanted."""
    right = lists._chosen
    bed.set(lists, "_chosen", lambda s, each, items: right(s, msgspec.structs.replace(each, first=None), items))


@mutant
def revoked_list_goes_on(bed: Bed) -> None:
    """What is left of a list goes on after its approval was taken back."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.ApprovalRevoked) -> None:
            kept = {call: grant for call, grant in s.grants.items() if grant.approval_id == event.approval_id}
            right(s, event)
            for call, grant in kept.items():
                if s.index.steps[call].list_of:
                    s.phase[call] = Phase.PENDING
                    s.open_steps += 1
                    s.grants = {**s.grants, call: Grant(grant.approval_id, grant.digest, None, grant.adapters)}
                    s.ready[call] = None
                    listing = s.lists[event.step]
                    s.lists = {**s.lists, event.step: msgspec.structs.replace(listing, open=listing.open + 1)}

        return wrong

    bed.change(e.ApprovalRevoked, wrap)


@mutant
def writer_of_a_list_may_agree(bed: Bed) -> None:
    """Who amended a list may agree to it."""
    right = consent.list_request

    def wrong(*given: Any, **named: Any) -> Any:
        return msgspec.structs.replace(made := right(*given, **named), requesters=made.requesters[:1])

    bed.set(consent, "list_request", wrong)
