"""Which worker pool takes a step: the seats that the rules leave, the policy that picks, a place that is free.

A step without a place waits before its intent, so that a crash finds nothing in the air. Whatever a person has agreed
to, or an earlier attempt may have done, keeps the adapters it was bound to.
"""

from __future__ import annotations

import msgspec

from cuga.kernel.ending import refuse
from cuga.kernel.state import RunState
from cuga.kernel.turn import Turn
from cuga.model.plan import Step
from cuga.policy.judge import Ruling, Seat
from cuga.policy.profile import Consent
from cuga.policy.routing import Candidate, Choice, Fared, choose

NOTHING = Fared()


class Routed(msgspec.Struct, frozen=True):
    """The ruling for the pool that was picked. Without a `choice` its place is taken only once somebody has agreed.

    `among` are the pools that it was picked from.
    """

    ruling: Ruling
    choice: Choice | None = None
    among: tuple[str, ...] = ()


def route(turn: Turn, step: Step, ruling: Ruling) -> Routed | None:
    """The pool for a step that the rules allow, or None: it is refused, or waits for a place."""
    seats = turn.rules.seats(step.tool, turn.current)
    if isinstance(seats, Ruling):
        refuse(turn, step.step_id, seats.rule, seats.reason, seats.mode)
        return None
    before = bound_before(turn.state, step.step_id)
    same = [seat for seat in seats if seat.ruling.adapters == before] if before is not None else []
    is_asked_first = ruling.consent is not Consent.NONE and not same
    among = tuple(same) or seats
    choice = _pick(turn, step, among, can_wait=not is_asked_first)
    if choice is None:
        return None
    found = next(seat.ruling for seat in seats if seat.pool.name == choice.target)
    # the definition that is accepted here, and the consent that the plan may have made stricter
    found = msgspec.structs.replace(found, tool_digest=ruling.tool_digest, consent=ruling.consent)
    return Routed(found) if is_asked_first else Routed(found, choice, tuple(seat.pool.name for seat in among))


def bound_as(turn: Turn, step: Step, ruling: Ruling, adapters: dict[str, str]) -> Ruling:
    """The ruling under which a person is asked, before a pool is picked: of one that is bound to these adapters, else
    of the first. A refusal when no pool takes the step."""
    seats = turn.rules.seats(step.tool, turn.current)
    if isinstance(seats, Ruling):
        return seats
    found = next((seat.ruling for seat in seats if seat.ruling.adapters == adapters), seats[0].ruling)
    return msgspec.structs.replace(found, tool_digest=ruling.tool_digest, consent=ruling.consent)


def bound_before(state: RunState, step: str) -> dict[str, str] | None:
    """The adapters that a step is bound to by an attempt that may have happened, or by a consent; None: by nothing."""
    if step in state.unsure:
        return state.unsure[step].adapters
    grant = state.grants.get(step) or state.approved.get(step)
    return grant.adapters if grant is not None else None


def _pick(turn: Turn, step: Step, seats: tuple[Seat, ...], *, can_wait: bool) -> Choice | None:
    traffic = turn.traffic
    names = tuple(seat.pool.name for seat in seats)
    turns = traffic.turns.get(names, {})
    own: dict[str, int] = {}
    for start in turn.state.calling.values():
        own[start.pool] = own.get(start.pool, 0) + 1
    candidates = [
        Candidate(
            name=seat.pool.name,
            fit=seat.pool.fit(step.tool, step.domain),
            running=traffic.others.get(seat.pool.name, 0) + own.get(seat.pool.name, 0),
            ahead=traffic.ahead.get(seat.pool.name, 0),
            limit=seat.pool.concurrency,
            turns=turns.get(seat.pool.name, 0) + turn.routed.count((names, seat.pool.name)),
            fared=traffic.fared.get(seat.pool.name, NOTHING),
        )
        for seat in seats
    ]
    choice, ranked = choose(traffic.policy, candidates, can_wait=can_wait)
    if choice is None and not ranked:
        why = f"the routing policy {traffic.policy.name} gives it to none of {', '.join(names)}"
        mistake = getattr(traffic.policy, "mistake", "")  # only one that is guarded can have made one
        turn.holds["no-choice"] = f"{why}: it broke on {mistake}" if mistake else why
    elif choice is None:
        turn.holds["pool"] = f"waits for a place in pool {' or '.join(names)}"
        turn.queued[step.step_id] = names
    return choice
