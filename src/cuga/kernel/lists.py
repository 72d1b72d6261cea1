"""Steps that are one call for each item of a list: opened once its items are known, asked for on one card, closed.

An opened list is frozen: each call is a step of its own from then on, with its arguments, its charge, its key, its
consent and its end, and goes through the gate like any other. One that fails or is denied takes no other with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from cuga.kernel import consent
from cuga.kernel.asked import Asked
from cuga.kernel.ending import fail, refuse
from cuga.kernel.outputs import output_of
from cuga.kernel.references import Unresolved, filled, pointed
from cuga.kernel.state import Phase, RunState
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.failure import FailureMode
from cuga.model.plan import ForEach, Reference, Step
from cuga.policy.condition import ConditionError, holds
from cuga.policy.judge import Verdict

MAX_CALLS = 200  # of one list, as many as a plan may have steps
MAX_OF_RUN = 1_000  # of all lists of a run: its state is copied for each decision
MAX_BYTES = 512 * 1024  # arguments of one list: people must be able to look through what they agree to


def open_list(turn: Turn, step: Step) -> None:
    """Make a list's calls steps of their own; a list without items is left out, with what needs it."""
    s = turn.state
    name = step.step_id
    each = step.for_each
    assert each is not None
    ruling = turn.rules.ruling(step.tool, turn.current)
    if ruling.verdict is Verdict.HOLD:
        turn.holds[ruling.rule] = ruling.reason
        return
    if ruling.verdict is Verdict.REFUSE:
        refuse(turn, name, ruling.rule, ruling.reason, ruling.mode)
        return
    try:
        items = _items(s, each)
        places = _chosen(s, each, items)
        _must_not_be_too_many(s, each, len(places))
        inputs = _inputs(s, step, [items[place] for place in places])
    except (Unresolved, ConditionError) as problem:
        fail(turn, name, f"its list cannot be gone through: {problem}")
        return
    if not places:
        reason = f"none of the {len(items)} items of its list is meant" if items else "its list is empty"
        turn.emit(e.StepSkipped(at=turn.now, step=name, reason=reason, by_condition=True))
        turn.skip_dependants(name)
        return
    turn.emit(e.ListOpened(at=turn.now, step=name, places=tuple(places), inputs=inputs, length=len(items)))
    turn.has_opened = True


def _items(s: RunState, each: ForEach) -> list[Any]:
    if each.over is None:
        return list(each.items)
    found = output_of(s, each.over)
    if not isinstance(found, list):
        raise Unresolved(f"at {each.over.path!r} of step {each.over.step} is no list")
    return found


def _chosen(s: RunState, each: ForEach, items: list[Any]) -> list[int]:
    """Where the items stand that are meant, in the order of their calls."""
    places = list(range(len(items)))
    if each.when is not None:
        bound = {name: output_of(s, reference) for name, reference in each.when.bind.items()}
        expr = each.when.expr
        places = [at for at in places if holds(expr, {**bound, "item": items[at], "place": at})]
    if each.by is not None:
        places = _ordered(each, items, places)
    return places if each.first is None else places[: each.first]


def _ordered(each: ForEach, items: list[Any], places: list[int]) -> list[int]:
    """Places by a value of their items; equal ones stay as they stand, those without the value come last."""
    assert each.by is not None
    values: dict[int, Any] = {}
    for at in places:
        try:
            value = pointed(items[at], each.by)
        except Unresolved:
            continue
        if value is not None:
            values[at] = value
    numbers = sum(1 for value in values.values() if isinstance(value, (int, float)) and not isinstance(value, bool))
    texts = sum(1 for value in values.values() if isinstance(value, str))
    if len(values) not in (numbers, texts):
        raise Unresolved(f"no order by {each.by!r}: the values there are neither all numbers nor all texts")
    known = sorted(values, key=values.__getitem__, reverse=not each.ascending)
    return [*known, *(at for at in places if at not in values)]


def _must_not_be_too_many(s: RunState, each: ForEach, count: int) -> None:
    if count > MAX_CALLS:
        narrow = "take the first few" if each.first is None else "take fewer"
        raise Unresolved(f"it is {count:,} items, and {MAX_CALLS} calls are the most; {narrow}, or say which are meant")
    before = sum(len(listing.calls) for listing in s.lists.values())
    if before + count > MAX_OF_RUN:
        raise Unresolved(f"{count} calls beside {before} before; the lists of a run have {MAX_OF_RUN:,} at most")


def _inputs(s: RunState, step: Step, items: list[Any]) -> tuple[msgspec.Raw, ...]:
    """The final arguments of each call."""
    known: dict[Reference, Any] = {}

    def look_up(reference: Reference) -> Any:
        if reference not in known:
            known[reference] = output_of(s, reference)
        return known[reference]

    inputs = tuple(filled(step.input, look_up, item) for item in items)
    size = sum(len(one) for one in inputs)
    if size > MAX_BYTES:
        raise Unresolved(f"the arguments of its calls would be {size:,} bytes; {MAX_BYTES:,} are the most")
    return inputs


def ask(turn: Turn, consider: Callable[[Turn, str], bool]) -> None:
    """Ask once for all calls of a list that need a person: those that came up, and those that wait behind them."""
    s = turn.state
    while turn.asked:
        name = next(iter(turn.asked))
        turn.is_asking = True
        for call in s.lists[name].calls:
            if call in s.ready and all(one.step.step_id != call for one in turn.asked[name]):
                consider(turn, call)
        turn.is_asking = False
        _request(turn, name, turn.asked.pop(name))


def _request(turn: Turn, name: str, asked: list[Asked]) -> None:
    """One request for all of them. One whose once-only effect stands on the list already is refused."""
    scopes: set[str] = set()
    wanted: list[Asked] = []
    for one in asked:
        mine = {claim.scope for claim in one.free}
        if mine & scopes:
            why = f"another call of this list does the same, and it happens at most once: {min(mine & scopes)}"
            refuse(turn, one.step.step_id, "once", why, FailureMode.POLICY_SECURITY)
            continue
        scopes |= mine
        wanted.append(one)
    turn.emit(consent.list_request(turn, name, wanted))


def close(turn: Turn) -> bool:
    """Close the lists whose calls have all ended; True when there was one."""
    s = turn.state
    over = [name for name, listing in s.lists.items() if not listing.open and s.phase[name] is Phase.LISTED]
    for name in over:
        calls = s.lists[name].calls
        missed = [call for call in calls if s.phase[call] is not Phase.DONE]
        why = next((f"{call}: {s.reasons[call]}" for call in missed if call in s.reasons), "")
        turn.emit(e.ListClosed(at=turn.now, step=name, done=len(calls) - len(missed), missed=len(missed), reason=why))
        if s.phase[name] is not Phase.DONE:
            turn.skip_dependants(name)
    return bool(over)
