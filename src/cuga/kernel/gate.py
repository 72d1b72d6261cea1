"""The only way from a ready step to a call: condition, references, rules, budgets, consent, then the frozen intent.

Nothing else in the house writes `tool_call_start`. What a person approved is bound by a digest over the exact call;
any drift asks again.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from cuga.kernel.references import Unresolved, filled, pointed
from cuga.kernel.state import Phase, RunState
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.failure import FailureMode
from cuga.model.plan import Reference, Step
from cuga.model.tool import Repeatable, SideEffect, ToolContract
from cuga.model.value import digest_bytes, encode
from cuga.policy.budget import charges, first_exceeded, is_warning
from cuga.policy.condition import ConditionError, holds
from cuga.policy.judge import Ruling, Verdict
from cuga.policy.profile import AtLimit, Consent, Profile

MAX_PENDING = 20  # open approvals of one run (RELIABILITY D2, caps)


def idempotency_key(run_id: str, step: str, consent: int, arguments: msgspec.Raw) -> str:
    """The key of one consented effect: the same for every attempt at it, another after a person said "again"."""
    seal = hashlib.sha256(f"{run_id}\n{step}\n{consent}\n".encode())
    seal.update(arguments)
    return seal.hexdigest()


def call_digest(state: RunState, step: Step, ruling: Ruling, arguments: msgspec.Raw, key: str) -> str:
    """What an approval binds (RELIABILITY A2): change any of it and the approval no longer fits."""
    start = state.started
    return digest_bytes(
        encode(
            [
                "cuga.approval/1",
                start.tenant,
                state.run_id,
                step.step_id,
                step.tool,
                ruling.tool_digest,
                ruling.adapters,
                step.side_effect.value,
                start.policy_digest,
                step.cost,
                key,
                start.requester.id,
                msgspec.Raw(arguments),
            ]
        )
    )


def effect_of(contract: ToolContract, arguments: msgspec.Raw) -> str:
    """What the call would do to whom, in a form that another wording of the same wish shares."""
    kind, *paths = contract.effect_key or ("",)
    if kind:
        value = msgspec.json.decode(arguments)
        try:
            return f"{kind}:" + "|".join(_folded(pointed(value, path)) for path in paths)
        except Unresolved:
            pass
    return f"{contract.name}:{digest_bytes(bytes(arguments))}"


def _folded(value: Any) -> str:
    return value.strip().casefold() if isinstance(value, str) else encode(value).decode()


def consider(turn: Turn, step_id: str) -> bool:
    """Judge one ready step; True when its call starts. Otherwise it waits, holds, ended, or is skipped."""
    s = turn.state
    step = s.step(step_id)
    if step.when is not None and not _condition_holds(turn, step):
        return False
    arguments = s.inputs.get(step_id, step.input)
    if step.references and step_id not in s.inputs:
        try:
            arguments = filled(step.input, lambda reference: _output(s, reference))
        except Unresolved as problem:
            _fail(turn, step_id, f"a reference of its input cannot be filled: {problem}")
            return False
    ruling = turn.rules.ruling(step.tool, turn.current)
    if ruling.verdict is Verdict.REFUSE:
        _refuse(turn, step_id, ruling.rule, ruling.reason, ruling.mode)
        return False
    if ruling.verdict is Verdict.HOLD:
        turn.holds[ruling.rule] = ruling.reason
        return False
    accepted = _accepted_definition(turn, step, ruling)
    if accepted is None:
        return False
    ruling = accepted
    contract = turn.rules.contract(step.tool, turn.current)
    step = as_contracted(step, contract)
    key = idempotency_key(s.run_id, step_id, s.consents.get(step_id, 0), arguments)
    if step_id in s.unsure and not _is_same_call(s.unsure[step_id], step, ruling, key):
        turn.doubt(step_id, "the call has changed since")
        return False
    if not _budgets_allow(turn, step):
        return False
    claims = _claims(turn, step, contract, ruling, arguments)
    if claims is None:
        return False
    approval = ""
    if ruling.consent is not Consent.NONE:
        agreed = _consent(turn, step, contract, ruling, arguments, key)
        if agreed is None:
            return False
        approval = agreed
    _start(turn, step, contract, ruling, arguments, key, approval, claims)
    return True


def as_contracted(step: Step, contract: ToolContract) -> Step:
    """The step with the class, domain and price of its contract, whatever stamp it was handed in with."""
    if (step.side_effect, step.domain, step.cost) == (contract.side_effect, contract.domain, contract.cost):
        return step
    return msgspec.structs.replace(step, side_effect=contract.side_effect, domain=contract.domain, cost=contract.cost)


def _is_same_call(before: e.ToolCallStart, step: Step, ruling: Ruling, key: str) -> bool:
    """Whether a repeat would meet the same key at the same other side; anything else could do the effect twice."""
    return (before.tool, before.tool_digest, before.adapters, before.key) == (
        step.tool,
        ruling.tool_digest,
        ruling.adapters,
        key,
    )


def _condition_holds(turn: Turn, step: Step) -> bool:
    assert step.when is not None
    try:
        bound = {name: _output(turn.state, reference) for name, reference in step.when.bind.items()}
        if holds(step.when.expr, bound):
            return True
    except (ConditionError, Unresolved) as problem:
        _fail(turn, step.step_id, f"its condition cannot be evaluated: {problem}")
        return False
    turn.emit(
        e.StepSkipped(at=turn.now, step=step.step_id, reason=f"condition not met: {step.when.expr}", by_condition=True)
    )
    turn.skip_dependants(step.step_id)
    return False


def _output(state: RunState, reference: Reference) -> Any:
    kept = state.outputs.get(reference.step)
    if kept is None:
        raise Unresolved(f"step {reference.step} has no output")
    if isinstance(kept, dict):
        if reference.path not in kept:
            raise Unresolved(
                f"nothing at {reference.path!r} of step {reference.step}, whose output was too large to keep whole"
            )
        return msgspec.json.decode(kept[reference.path])
    try:
        return pointed(msgspec.json.decode(kept), reference.path)
    except Unresolved as problem:
        raise Unresolved(f"{problem} of step {reference.step}") from None


def _fail(turn: Turn, step: str, reason: str) -> None:
    if turn.doubt(step, reason):
        return
    turn.emit(e.StepFailed(at=turn.now, step=step, mode=FailureMode.AGENT_VALIDATION, reason=reason))
    turn.skip_dependants(step)


def _refuse(turn: Turn, step: str, rule: str, reason: str, mode: FailureMode) -> None:
    if turn.doubt(step, f"{reason} ({rule})"):
        return
    turn.emit(e.StepRefused(at=turn.now, step=step, rule=rule, reason=reason, mode=mode))
    turn.skip_dependants(step)


def _accepted_definition(turn: Turn, step: Step, ruling: Ruling) -> Ruling | None:
    """The ruling for the tool as it is here; one that changed since the run pinned it needs a person's word first."""
    available = turn.current.tool_digests[step.tool]
    if available == ruling.tool_digest:
        return ruling
    question = f"tool/{step.tool}/{available[:12]}"
    answer = turn.state.answers.get(question)
    if answer is None:
        if question not in turn.state.questions:
            turn.emit(
                e.QuestionAsked(
                    at=turn.now,
                    question_id=question,
                    text=f"The tool {step.tool} has changed since this run began. Go on with the new definition?",
                    options=("yes", "no"),
                )
            )
        turn.holds["tool-changed"] = f"{step.tool} has changed since this run began"
        return None
    if answer.strip().casefold() != "yes":
        _refuse(
            turn,
            step.step_id,
            "tool-changed",
            f"the new definition of {step.tool} was not accepted",
            FailureMode.AGENT_CONTRACT,
        )
        return None
    return msgspec.structs.replace(ruling, tool_digest=available)


def _budgets_allow(turn: Turn, step: Step) -> bool:
    s = turn.state
    wanted = charges(step.tool, step.domain, step.cost)
    found = first_exceeded(wanted, s.used, turn.limits, s.raised)
    if found is None:
        return True
    at_limit = turn.rules.profile.limits.at_limit
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
    return False


def _claims(
    turn: Turn, step: Step, contract: ToolContract, ruling: Ruling, arguments: msgspec.Raw
) -> tuple[e.Claim, ...] | None:
    """What the call takes of things that cross runs; None when one of them was found to be taken."""
    s = turn.state
    start = s.started
    if not turn.rules.profile.rates and not contract.once:
        return ()
    claims: list[e.Claim] = []
    for rate in turn.rules.profile.rates:
        if rate.tool and rate.tool != step.tool:
            continue
        window = int(turn.now.timestamp()) // rate.window_s
        whose = start.tenant
        if rate.per != "tenant":
            whose += f"/{start.requester.id}" if rate.per == "user" else f"/{step.tool}"
        scope = f"rate/{rate.window_s}/{window}/{rate.per}/{whose}" + (f"/{rate.tool}" if rate.tool else "")
        used = turn.held(scope)
        if used + 1 > rate.calls:
            turn.wakes.append(datetime.fromtimestamp((window + 1) * rate.window_s, turn.now.tzinfo))
            turn.holds["rate"] = f"{rate.calls} calls per {rate.window_s} s and {rate.per} are used up"
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
        claims.append(e.Claim(scope=scope, amount=1, limit=rate.calls))
    if contract.once and not ruling.simulated:
        held = {claim.scope for claim in s.held.get(step.step_id, ())}
        try:
            onces = turn.rules.once(step.tool, turn.current)
            scopes = [scope for once in onces for scope in _once_scopes(start.tenant, once, arguments)]
        except Unresolved as problem:
            _fail(turn, step.step_id, f"what may happen only once cannot be told from its arguments: {problem}")
            return None
        for scope in scopes:
            if scope in held:
                continue
            if turn.held(scope) >= 1:
                _refuse(
                    turn,
                    step.step_id,
                    "once",
                    f"this was already done, and happens at most once for its target: {scope}",
                    FailureMode.POLICY_SECURITY,
                )
                return None
            claims.append(e.Claim(scope=scope, amount=1, limit=1))
    return tuple(claims)


def _once_scopes(tenant: str, once: tuple[str, ...], arguments: msgspec.Raw) -> list[str]:
    name, *paths = once
    value = msgspec.json.decode(arguments)
    scopes = [f"{name}/{tenant}"]
    for path in paths:
        found = pointed(value, path)
        parts = found if isinstance(found, list) else [found]
        scopes = [f"{scope}/{_folded(part)}" for scope in scopes for part in parts]
    return list(dict.fromkeys(scopes))  # one recipient named twice is one effect


def _consent(
    turn: Turn, step: Step, contract: ToolContract, ruling: Ruling, arguments: msgspec.Raw, key: str
) -> str | None:
    """The approval that covers exactly this call, or None after asking for one."""
    s = turn.state
    step_id = step.step_id
    digest = call_digest(s, step, ruling, arguments, key)
    grant = s.grants.get(step_id) or s.approved.get(step_id)
    if grant is not None and grant.digest == digest:
        return grant.approval_id
    if turn.doubt(step_id, "the approved call has changed since"):
        return None
    if step_id in s.grants:
        turn.emit(
            e.ApprovalSuperseded(
                at=turn.now,
                approval_id=s.grants[step_id].approval_id,
                step=step_id,
                reason="the call has changed since",
            )
        )
    effect = effect_of(contract, arguments)
    if effect in s.denied:
        _refuse(
            turn,
            step_id,
            "denied-before",
            f"the same effect was denied in this run: {s.denied[effect]}",
            FailureMode.POLICY_APPROVAL,
        )
        return None
    if len(s.pending) >= MAX_PENDING:
        turn.holds["approvals"] = f"{MAX_PENDING} approvals of this run are open already"
        return None
    turn.emit(request(turn, step, contract, ruling, arguments, digest, effect))
    rule, claims = _standing_consent(turn, step, ruling, arguments)
    if not rule:
        return None
    turn.take(claims)
    approval_id = s.awaiting[step_id]
    turn.emit(
        e.ApprovalReceived(
            at=turn.now,
            approval_id=approval_id,
            step=step_id,
            verdict=e.Verdict.APPROVE,
            digest=digest,
            final=True,
            rule=rule,
            reason="agreed in advance by this rule",
            claims=claims,
        )
    )
    return approval_id


def request(
    turn: Turn,
    step: Step,
    contract: ToolContract,
    ruling: Ruling,
    arguments: msgspec.Raw,
    digest: str,
    effect: str,
    amends: str = "",
    requesters: tuple[str, ...] = (),
) -> e.ApprovalRequested:
    """The request for exactly this call. Its id follows from the run, the step and how often it was asked."""
    s = turn.state
    rules = turn.rules.profile.approvals
    asked = sum(1 for _ in s.closed) + len(s.pending) + 1
    return e.ApprovalRequested(
        at=turn.now,
        approval_id=f"{s.run_id}-a{asked}",
        step=step.step_id,
        digest=digest,
        tool=step.tool,
        tool_digest=ruling.tool_digest,
        arguments=arguments,
        side_effect=step.side_effect,
        cost=step.cost,
        adapters=ruling.adapters,
        effect=effect,
        requesters=requesters or (s.started.requester.id,),
        roles=rules.roles,
        quorum=rules.quorum,
        risk=_risk(contract),
        reason=step.reason,
        consequences=_consequences(contract, turn.rules.profile, ruling),
        expires_at=turn.in_seconds(rules.expires_s),
        amends=amends,
    )


def _risk(contract: ToolContract) -> str:
    if contract.side_effect is SideEffect.EXECUTE:
        return "high" if contract.once or contract.repeatable is Repeatable.NONE else "medium"
    return "low"


def _consequences(contract: ToolContract, profile: Profile, ruling: Ruling) -> tuple[str, ...]:
    if ruling.simulated:
        return (f"Profile {profile.name} only simulates this; nothing leaves the house.",)
    if contract.side_effect is not SideEffect.EXECUTE:
        return ("It is kept inside the house; nothing leaves it.",)
    lines = ["It changes something outside the house and cannot be taken back from here."]
    if contract.once:
        lines.append("It happens at most once for this target, over all runs.")
    return tuple(lines)


def _standing_consent(
    turn: Turn, step: Step, ruling: Ruling, arguments: msgspec.Raw
) -> tuple[str, tuple[e.Claim, ...]]:
    """The rule that agrees in advance, with the use it takes; never for a call with an outside effect."""
    if ruling.consent is Consent.RULE and step.side_effect is not SideEffect.EXECUTE:
        return f"profile:{turn.rules.profile.name}/{step.side_effect.value}-stays-inside", ()
    if step.side_effect is SideEffect.EXECUTE:
        return "", ()
    for standing in turn.current.standing_rules:
        if standing.tool != step.tool or turn.now >= standing.expires_at:
            continue
        if standing.profile not in ("", turn.rules.profile.name):
            continue
        scope = f"standing/{standing.rule_id}"
        if turn.held(scope) >= standing.uses:
            continue
        value = msgspec.json.decode(arguments)
        try:
            if all(_folded(pointed(value, path)) == text.casefold() for path, text in standing.matches.items()):
                return f"standing:{standing.rule_id}", (e.Claim(scope=scope, amount=1, limit=standing.uses),)
        except Unresolved:
            continue
    return "", ()


def _start(
    turn: Turn,
    step: Step,
    contract: ToolContract,
    ruling: Ruling,
    arguments: msgspec.Raw,
    key: str,
    approval: str,
    claims: tuple[e.Claim, ...],
) -> None:
    s = turn.state
    step_id = step.step_id
    turn.emit(
        e.RouteDecision(
            at=turn.now,
            step=step_id,
            target=step.domain,
            reason=ruling.reason,
            alternatives=ruling.alternatives,
            adapters=ruling.adapters,
        )
    )
    turn.emit(
        e.ToolCallStart(
            at=turn.now,
            step=step_id,
            attempt=s.attempt.get(step_id, 0) + 1,
            tool=step.tool,
            tool_digest=ruling.tool_digest,
            arguments=arguments,
            side_effect=step.side_effect,
            domain=step.domain,
            cost=step.cost,
            key=key,
            deadline=turn.in_seconds(contract.timeout_s),
            timeout_s=contract.timeout_s,
            adapters=ruling.adapters,
            approval=approval,
            simulated=ruling.simulated,
            worker=s.worker,
            epoch=s.epoch,
            claims=claims,
            probe=step_id in s.unsure and contract.repeatable is Repeatable.PROBE,
        )
    )
    turn.take(claims)
    _warn(turn, step)


def _warn(turn: Turn, step: Step) -> None:
    """One warning for each scope that has reached its threshold with the call that has just begun."""
    s = turn.state
    percent = turn.rules.profile.limits.warning_percent
    limits, raised, used, warned = turn.limits, s.raised, s.used, s.warned
    for scope, _ in charges(step.tool, step.domain, step.cost):
        limit = limits.get(scope)
        if limit is None:
            continue
        if raised:
            limit += raised.get(scope, 0)
        spent = used[scope]
        if is_warning(spent, limit, percent) and scope not in warned:
            turn.emit(e.BudgetWarning(at=turn.now, scope=scope, used=spent, limit=limit))


def is_open(state: RunState, step_id: str) -> bool:
    """Whether a step may still be judged."""
    return state.phase[step_id] in (Phase.PENDING, Phase.WAITING_RETRY)
