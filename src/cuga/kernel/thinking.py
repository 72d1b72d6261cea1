"""A model call as an effect: the intent with its share of the budgets, and what became of it.

Nothing else writes `model_call_start`. What may be told, and how much may be spent, is judged here once more, whatever
the planner wished. A call that may not be made leaves its reason; the planner goes on without a model.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from cuga.kernel.replan import MAX_REPLANS
from cuga.kernel.state import Phase
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.command import AskModel, RecordModelReply
from cuga.model.context import SYSTEM
from cuga.model.failure import FailureMode
from cuga.policy.budget import MONEY, TOKENS, is_warning
from cuga.policy.profile import ModelUse

MODEL = "model"  # the planner's name in requests and plans
DAY_S = 86_400


def ask(turn: Turn, command: AskModel) -> None:
    """Write the intent of a call, or why there is none."""
    s = turn.state
    if command.step:
        start = s.calling.get(command.step)
        if start is None or start.attempt != command.attempt or command.step in s.writing or s.cancel:
            return  # late, or nobody wants its text any more
    elif s.planning is None or s.planning.attempt != command.attempt or s.asking is not None or s.cancel:
        return  # late or repeated
    call = s.model_calls + 1
    refused = _refusal(turn, command)
    if refused is not None:
        mode, why = refused
        turn.emit(
            e.ModelCallError(
                at=turn.now,
                call=call,
                attempt=command.attempt,
                step=command.step,
                mode=mode,
                message=why,
                sent=False,
                tokens=0,
                money=0,
            )
        )
        return
    turn.emit(
        e.ModelCallStart(
            at=turn.now,
            call=call,
            attempt=command.attempt,
            step=command.step,
            provider=command.provider,
            name=command.name,
            host=command.host,
            fields=command.fields,
            tools=command.tools,
            prompt=command.prompt,
            tokens=command.tokens,
            money=command.money,
            timeout_s=command.timeout_s,
            deadline=turn.now + timedelta(seconds=command.timeout_s),
            claims=_claims(turn, command.tokens),
        )
    )


def hear(turn: Turn, command: RecordModelReply) -> None:
    """Write what became of the call in flight, and give back what it did not use."""
    s = turn.state
    start = next((one for one in (s.asking, *s.writing.values()) if one is not None and one.call == command.call), None)
    if start is None:
        return  # it was given up on: what was reserved for it stays taken
    claims = _given_back(start, command.tokens)
    if command.reply is not None:
        turn.emit(
            e.ModelCallComplete(
                at=turn.now,
                call=start.call,
                attempt=start.attempt,
                step=start.step,
                reply=command.reply,
                requests=command.requests,
                tokens=command.tokens,
                money=command.money,
                duration_us=command.duration_us,
                claims=claims,
            )
        )
    else:
        turn.emit(
            e.ModelCallError(
                at=turn.now,
                call=start.call,
                attempt=start.attempt,
                step=start.step,
                mode=command.mode,
                message=command.message,
                requests=command.requests,
                tokens=command.tokens,
                money=command.money,
                duration_us=command.duration_us,
                claims=claims,
            )
        )
    _warn(turn)


def go_around(turn: Turn) -> bool:
    """Ask the model that planned a run for a way around a required step that failed; True when it is asked.

    The tool's own words about the failure are no person's: the model is told them as history, and nothing else.
    """
    s, profile = turn.state, turn.rules.profile
    if s.plan is None or s.plan.planner != MODEL or s.stopped or s.replans >= MAX_REPLANS:
        return False
    if profile.model.use is ModelUse.OFF or turn.current.halted or not turn.may_start:
        return False
    failed = [step.step_id for step in s.plan.steps if step.required and s.phase[step.step_id] is Phase.FAILED]
    if not failed:
        return False
    turn.emit(e.ReplanRequested(at=turn.now, reason=f"{failed[0]} was not done", step=failed[0], authors=(SYSTEM.id,)))
    turn.emit(e.PlanRequested(at=turn.now, planner=MODEL, attempt=s.plan_attempt + 1, around=failed[0]))
    return True


def lose(turn: Turn, spared: Collection[str] = ()) -> None:
    """The process that asked is gone, and with it the reply: nobody knows what was used, so all of it stays taken.
    `spared` are steps whose calls, and the asking for their texts, another process goes on with."""
    s, mode = turn.state, FailureMode.SYSTEM_CRASH
    for start in (s.asking, *s.writing.values()):
        if start is not None and not (start.step and start.step in spared):
            why = "the process that asked ended before it could say what the model answered"
            turn.emit(
                e.ModelCallError(
                    at=turn.now, call=start.call, attempt=start.attempt, step=start.step, mode=mode, message=why
                )
            )


def _refusal(turn: Turn, command: AskModel) -> tuple[FailureMode, str] | None:
    """Why a model may not be asked."""
    s, profile = turn.state, turn.rules.profile
    if turn.current.halted:
        return FailureMode.POLICY_SECURITY, f"the house is halted: {turn.current.halted}"
    if profile.model.use is ModelUse.OFF:
        return FailureMode.POLICY_SECURITY, f"the profile {profile.name} asks no model"
    if command.step:
        tool = s.step(command.step).tool
        if profile.model.use is not ModelUse.DRAFT:
            return FailureMode.POLICY_SECURITY, f"the profile {profile.name} lets no model write drafts"
        if not turn.rules.contract(tool, turn.current).drafts:
            return FailureMode.POLICY_SECURITY, f"{tool} has no text that a model may write"
    if extra := [field for field in command.fields if field not in profile.model.fields]:
        return FailureMode.POLICY_SECURITY, f"the profile {profile.name} lets no model be told: {', '.join(extra)}"
    if command.money is None and MONEY in turn.limits:
        return FailureMode.POLICY_BUDGET, f"nobody knows what {command.name} costs, and the profile limits money"
    for scope, amount in ((TOKENS, command.tokens), (MONEY, command.money or 0)):
        if (limit := turn.limits.get(scope)) is None:
            continue
        limit += s.raised.get(scope, 0)
        used = s.used.get(scope, 0)
        if used + amount > limit:
            what = f"the budget {scope} cannot take it ({used:,} of {limit:,} used, {amount:,} needed at worst)"
            return FailureMode.POLICY_BUDGET, what
    for claim in _claims(turn, command.tokens):
        if turn.held(claim.scope) + claim.amount > claim.limit:
            what = f"the models' tokens of today cannot take it ({turn.held(claim.scope):,} of {claim.limit:,} used)"
            return FailureMode.POLICY_BUDGET, what
    return None


def _claims(turn: Turn, tokens: int) -> tuple[e.Claim, ...]:
    """What a call takes of what all runs of a day share."""
    limit = turn.rules.profile.model.tokens_per_day
    if limit is None:
        return ()
    day = int(turn.now.timestamp()) // DAY_S
    return (e.Claim(scope=f"model/{DAY_S}/{day}/{turn.state.started.tenant}", amount=tokens, limit=limit),)


def _given_back(start: e.ModelCallStart, tokens: int | None) -> tuple[e.Claim, ...]:
    if tokens is None or tokens >= start.tokens:
        return ()
    unused = tokens - start.tokens
    return tuple(e.Claim(scope=claim.scope, amount=unused, limit=claim.limit) for claim in start.claims)


def _warn(turn: Turn) -> None:
    """One warning for each scope that has reached its threshold with what the model really used."""
    s, percent = turn.state, turn.rules.profile.limits.warning_percent
    for scope in (TOKENS, MONEY):
        if (limit := turn.limits.get(scope)) is None or scope in s.warned:
            continue
        limit += s.raised.get(scope, 0)
        if is_warning(s.used.get(scope, 0), limit, percent):
            turn.emit(e.BudgetWarning(at=turn.now, scope=scope, used=s.used[scope], limit=limit))
