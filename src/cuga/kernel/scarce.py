"""What a call draws on: the budgets of its run, and claims on what crosses runs.

Checked before anybody is asked, reserved with the intent; a claim that was refused comes back as a fact of the turn.
"""

from __future__ import annotations

import msgspec

from cuga.kernel.consent import folded
from cuga.kernel.ending import fail, refuse
from cuga.kernel.references import Unresolved, pointed
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.failure import FailureMode
from cuga.model.plan import Step
from cuga.model.tool import ToolContract
from cuga.policy.budget import Exceeded, charges, room_for
from cuga.policy.judge import Ruling
from cuga.policy.profile import MONTH_S, AtLimit

DONE_ALREADY = "this was already done, and happens at most once for its target"


def budgets_allow(turn: Turn, step: Step) -> tuple[str, ...] | None:
    """The scopes to warn of when the call begins; None when a budget of the run cannot take it, and what the profile
    wants then is made true."""
    s = turn.state
    if not s.raised and not s.budgets and s.started.budget is None and _is_calm(turn, step.tool):
        return ()
    limits = turn.rules.profile.limits
    wanted = charges(step.tool, step.domain, step.cost)
    found = room_for(wanted, s.used, turn.limits, s.raised, limits.warning_percent)
    if not isinstance(found, Exceeded):
        return found
    at_limit = limits.at_limit
    if (found.scope, found.limit) not in s.exceeded:
        turn.emit(
            e.BudgetExceeded(
                at=turn.now,
                scope=found.scope,
                used=found.used,
                limit=found.limit,
                wanted=found.wanted,
                step=step.step_id,
                at_limit=at_limit.value,
            )
        )
    if at_limit is AtLimit.PARK:
        turn.short.add(found.scope)
        turn.holds["budget"] = f"the budget {found.scope} is used up ({found.used} of {found.limit})"
    else:
        reason = f"the budget {found.scope} is used up ({found.used} of {found.limit})"
        if not turn.doubt(step.step_id, reason):
            turn.emit(e.StepSkipped(at=turn.now, step=step.step_id, reason=reason))
            turn.skip_dependants(step.step_id)
    return None


def _is_calm(turn: Turn, tool: str) -> bool:
    """Whether nothing need be said of the profile's budgets, as of most calls."""
    used = turn.state.used
    for scope, below in turn.rules.calm(tool, turn.current):  # noqa: SIM110
        if used.get(scope, 0) >= below:
            return False
    return True


def claims_for(
    turn: Turn, step: Step, contract: ToolContract, ruling: Ruling, arguments: msgspec.Raw
) -> tuple[e.Claim, ...] | None:
    """What the call takes of things that cross runs; None when one of them was found to be taken."""
    rates = turn.rules.profile.rates
    if not rates and not contract.once:
        return ()
    s = turn.state
    start = s.started
    shares: dict[str, e.Claim] = {}  # by scope: a rate that is said twice is one, and the tighter limit counts
    for rate in rates:
        if rate.tool and rate.tool != step.tool:
            continue
        whose = start.tenant
        if rate.per != "tenant":
            whose += f"/{start.requester.id}" if rate.per == "user" else f"/{step.tool}"
        scope = f"rate/{rate.window(turn.now)}/{rate.per}/{whose}" + (f"/{rate.tool}" if rate.tool else "")
        used = turn.held(scope) if turn.refused or turn.taken else 0  # most turns know of nothing held
        if used + 1 > rate.calls:
            turn.wakes.append(rate.next_window(turn.now))
            span = "month" if rate.window_s == MONTH_S else f"{rate.window_s} s"
            turn.holds["rate"] = f"{rate.calls} calls per {span} and {rate.per} are used up"
            if (scope, rate.calls) not in s.exceeded:
                turn.emit(
                    e.BudgetExceeded(
                        at=turn.now,
                        scope=scope,
                        used=used,
                        limit=rate.calls,
                        wanted=1,
                        step=step.step_id,
                        at_limit="wait",
                    )
                )
            return None
        limit = rate.calls if scope not in shares else min(rate.calls, shares[scope].limit)
        shares[scope] = e.Claim(scope=scope, amount=1, limit=limit)
    claims = tuple(shares.values())
    if not contract.once:
        return claims
    try:
        onces = once_claims(turn, step.step_id, contract, ruling, arguments)
    except Unresolved as problem:
        fail(turn, step.step_id, f"what may happen only once cannot be told from its arguments: {problem}")
        return None
    taken = taken_of(turn, onces)
    if taken:
        refuse(turn, step.step_id, "once", taken, FailureMode.POLICY_SECURITY)
        return None
    return (*claims, *onces)


def once_claims(
    turn: Turn, step_id: str, contract: ToolContract, ruling: Ruling, arguments: msgspec.Raw
) -> tuple[e.Claim, ...]:
    """What the call takes that can be taken only once, besides what its step holds already. Raises Unresolved."""
    if not contract.once or ruling.simulated:
        return ()
    s = turn.state
    held = {claim.scope for claim in s.held.get(step_id, ())}
    onces = turn.rules.once(contract.name, turn.current)
    scopes = dict.fromkeys(scope for once in onces for scope in once_scopes(s.started.tenant, once, arguments))
    return tuple(e.Claim(scope=scope, amount=1, limit=1) for scope in scopes if scope not in held)


def taken_of(turn: Turn, onces: tuple[e.Claim, ...]) -> str:
    """Why a call may not happen once more; empty when nothing of it was done already."""
    taken = next((claim.scope for claim in onces if turn.held(claim.scope) >= claim.limit), "")
    return f"{DONE_ALREADY}: {taken}" if taken else ""


def once_scopes(tenant: str, once: tuple[str, ...], arguments: msgspec.Raw) -> list[str]:
    """The scopes of what may happen only once: one for each value, e.g. each recipient. Raises Unresolved."""
    name, *paths = once
    value = msgspec.json.decode(arguments)
    scopes = [f"{name}/{tenant}"]
    for path in paths:
        found = pointed(value, path)
        parts = found if isinstance(found, list) else [found]
        scopes = [f"{scope}/{folded(part)}" for scope in scopes for part in parts]
    return list(dict.fromkeys(scopes))  # one recipient named twice is one effect


def warn(turn: Turn, reached: tuple[str, ...]) -> None:
    """One warning for each scope that has reached its threshold with the call that has just begun."""
    s = turn.state
    for scope in reached:
        if scope not in s.warned:
            limit = turn.limits[scope] + s.raised.get(scope, 0)
            turn.emit(e.BudgetWarning(at=turn.now, scope=scope, used=s.used[scope], limit=limit))
