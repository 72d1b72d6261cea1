"""The only way from a ready step to a call: condition, references, rules, budgets, consent, then the frozen intent.

Nothing else in the house writes `tool_call_start`. What a person approved is bound by a digest over the exact call;
any drift asks again.
"""

from __future__ import annotations

import msgspec

from cuga.kernel.consent import agreed as consented
from cuga.kernel.consent import idempotency_key
from cuga.kernel.ending import fail, refuse
from cuga.kernel.lists import open_list
from cuga.kernel.outputs import output_of
from cuga.kernel.references import Unresolved, filled
from cuga.kernel.route import Routed, bound_as, route
from cuga.kernel.scarce import budgets_allow, claims_for, warn
from cuga.kernel.stops import stop_of
from cuga.kernel.turn import Turn
from cuga.kernel.written import needs_reader
from cuga.model import event as e
from cuga.model.failure import FailureMode
from cuga.model.plan import Step
from cuga.model.tool import Repeatable, ToolContract
from cuga.policy.condition import ConditionError, holds
from cuga.policy.judge import Ruling, Verdict
from cuga.policy.profile import Consent
from cuga.policy.retry import is_key_forgotten


def consider(turn: Turn, step_id: str) -> bool:
    """Judge one ready step; True when its call starts. Otherwise it waits, holds, ended, or is skipped."""
    s, rules, current = turn.state, turn.rules, turn.current
    step = s.index.steps[step_id]
    if step.when is not None and not _condition_holds(turn, step):
        return False
    if step.for_each is not None:
        open_list(turn, step)
        return False
    arguments = s.inputs.get(step_id, step.input)
    if step.references and step_id not in s.inputs:
        try:
            arguments = filled(step.input, lambda reference: output_of(s, reference))
        except Unresolved as problem:
            fail(turn, step_id, f"a reference of its input cannot be filled: {problem}")
            return False
    ruling = rules.ruling(step.tool, current)
    if ruling.verdict is not Verdict.ALLOW:
        if ruling.verdict is Verdict.HOLD:
            turn.holds[ruling.rule] = ruling.reason
        else:
            refuse(turn, step_id, ruling.rule, ruling.reason, ruling.mode)
        return False
    if current.tool_digests[step.tool] != ruling.tool_digest:
        accepted = _accepted_definition(turn, step, ruling)
        if accepted is None:
            return False
        ruling = accepted
    contract = rules.contract(step.tool, current)
    if contract.stops and (stopped := stop_of(contract, arguments, current.suppressed)) is not None:
        refuse(turn, step_id, stopped.rule, stopped.reason, FailureMode.USER_INVALID_INPUT, stopped.mend)
        return False
    step = as_contracted(step, contract)
    if step.ask_first or (s.written and needs_reader(s, step, contract, ruling)):
        ruling = msgspec.structs.replace(ruling, consent=Consent.HUMAN)
    routed: Routed | None = None
    if current.pools:
        routed = route(turn, step, ruling)
        if routed is None:
            return False
        ruling = routed.ruling
        if step.list_of in turn.asked:  # one request shows one binding
            ruling = bound_as(turn, step, ruling, turn.asked[step.list_of][0].ruling.adapters)
    key = idempotency_key(s.run_id, step_id, s.consents.get(step_id, 0), arguments)
    if step_id in s.unsure and not _is_same_call(s.unsure[step_id], step, ruling, key):
        turn.doubt(step_id, "the call has changed since")
        return False
    if step_id in s.unsure and not ruling.simulated and is_key_forgotten(contract, s.first_try[step_id], turn.now):
        turn.doubt(step_id, "the other side may have forgotten the key of the call by now")
        return False
    reached = budgets_allow(turn, step)
    if reached is None:
        return False
    claims = claims_for(turn, step, contract, ruling, arguments)
    if claims is None:
        return False
    approval = ""
    if ruling.consent is not Consent.NONE:
        agreed = consented(turn, step, contract, ruling, arguments, key, claims)
        if agreed is None:
            return False
        if turn.is_asking:
            return False  # it was looked at to be asked for, and somebody has agreed: it starts when a place is free
        approval = agreed
    if routed is not None and routed.choice is None:  # somebody agreed just now, to the adapters of the pool picked
        routed = route(turn, step, ruling)
        if routed is None:
            return False
    _start(turn, step, contract, ruling, arguments, key, approval, claims, routed)
    if reached:
        warn(turn, reached)
    return True


def as_contracted(step: Step, contract: ToolContract) -> Step:
    """The step with the class, domain and price of its contract, whatever stamp it was handed in with."""
    if step.domain == contract.domain and step.cost == contract.cost and step.side_effect is contract.side_effect:
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
        bound = {name: output_of(turn.state, reference) for name, reference in step.when.bind.items()}
        if holds(step.when.expr, bound):
            return True
    except (ConditionError, Unresolved) as problem:
        fail(turn, step.step_id, f"its condition cannot be evaluated: {problem}")
        return False
    turn.emit(
        e.StepSkipped(at=turn.now, step=step.step_id, reason=f"condition not met: {step.when.expr}", by_condition=True)
    )
    turn.skip_dependants(step.step_id)
    return False


def _accepted_definition(turn: Turn, step: Step, ruling: Ruling) -> Ruling | None:
    """The ruling for the tool as it is here. It has changed since the run pinned it, which needs a person's word."""
    available = turn.current.tool_digests[step.tool]
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
        refuse(
            turn,
            step.step_id,
            "tool-changed",
            f"the new definition of {step.tool} was not accepted",
            FailureMode.AGENT_CONTRACT,
        )
        return None
    return msgspec.structs.replace(ruling, tool_digest=available)


def _start(
    turn: Turn,
    step: Step,
    contract: ToolContract,
    ruling: Ruling,
    arguments: msgspec.Raw,
    key: str,
    approval: str,
    claims: tuple[e.Claim, ...],
    routed: Routed | None,
) -> None:
    s = turn.state
    step_id = step.step_id
    choice = routed.choice if routed is not None else None
    if routed is None or choice is None:
        decision = e.RouteDecision(
            at=turn.now,
            step=step_id,
            target=step.domain,
            reason=ruling.reason,
            alternatives=ruling.alternatives,
            adapters=ruling.adapters,
            reduced=ruling.reduced,
        )
    else:
        turn.routed.append((routed.among, choice.target))
        decision = e.RouteDecision(
            at=turn.now,
            step=step_id,
            target=choice.target,
            reason=f"{choice.reason}; {ruling.reason}",
            alternatives=choice.alternatives,
            adapters=ruling.adapters,
            confidence_percent=choice.confidence_percent,
            policy=choice.policy,
            reduced=ruling.reduced,
        )
    turn.emit(decision)
    start = e.ToolCallStart(
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
        claims=claims,
    )
    is_probe = step_id in s.unsure and contract.repeatable is Repeatable.PROBE
    if choice is not None or is_probe or s.epoch or ruling.simulated:  # rare, and beyond 15 names a call costs thrice
        start = msgspec.structs.replace(
            start,
            simulated=ruling.simulated,
            worker=s.worker,
            epoch=s.epoch,
            probe=is_probe,
            pool=choice.target if choice is not None else "",
        )
    turn.emit(start)
    if claims:
        turn.take(claims)
