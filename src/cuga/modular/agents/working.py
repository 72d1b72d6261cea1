"""Steps in, an answer or an error with what was done: how any agent has steps run by its house.

The steps are one plan and one run; what a plain list says, one after the other, is written as needs. What waits for
people is waited for as long as the agent's manager says, and stays open after that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from cuga.errors import ApprovalDeniedError, ApprovalTimeoutError, BadInput, ToolExecutionError
from cuga.model import given
from cuga.model.event import RunParked, Status
from cuga.model.failure import FailureMode
from cuga.model.plan import Budget, Plan, PlanStep
from cuga.modular.agents.words import AgentResult
from cuga.orchestrator.approval import ApprovalManager
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.orchestrator.failures import PartialResult
from cuga.orchestrator.library.resuming import Left, what_is_left
from cuga.orchestrator.library.stages import facts

Steps = Iterable[Mapping[str, Any] | PlanStep]
_KEYS = frozenset(PlanStep.__struct_fields__) | {"inputs"}


def steps_of(steps: Steps, manager: ApprovalManager | None = None) -> tuple[PlanStep, ...]:
    """A list of steps as steps of a plan, each after the one before; with ids s1, s2 ... where none are given.

    What the manager's policy asks about is asked of a person first.
    """
    made: list[PlanStep] = []
    for index, one in enumerate(given.listed("the steps", steps, "steps, each a mapping or a PlanStep")):
        step = one if isinstance(one, PlanStep) else _read(one)
        if manager is not None and manager.policy.requires_approval(step.tool, step.input):
            step = msgspec.structs.replace(step, ask_first=True)
        needs = step.depends_on or ((made[-1].step_id,) if made else ())
        made.append(
            msgspec.structs.replace(step, step_id=step.step_id or f"s{index + 1}", depends_on=needs, index=index)
        )
    return tuple(made)


def _read(said: Mapping[str, Any]) -> PlanStep:
    given.mapping("a step", said, "a tool, its input and the like")
    if unknown := sorted(map(str, set(said) - _KEYS)):
        raise BadInput(f"a step has no {', '.join(unknown)}", mend=f"There are {', '.join(sorted(_KEYS))}.")
    if not said.get("tool"):
        raise BadInput("a step names its tool", mend='For example {"tool": "echo", "input": {"text": "hello"}}.')
    fields = {name: value for name, value in said.items() if name != "inputs"}
    fields["input"] = said.get("input") or said.get("inputs") or {}
    fields["depends_on"] = tuple(said.get("depends_on") or ())
    return PlanStep(**fields)


def context_of(metadata: Mapping[str, Any] | None, profile: str = "") -> ExecutionContext:
    """The circumstances that metadata names: trace_id, profile, user_id; all else is kept as it is."""
    said = dict(metadata or {})
    named: dict[str, Any] = {
        name: str(said.pop(name)) for name in ("trace_id", "user_id", "request_id", "session_id") if said.get(name)
    }
    return ExecutionContext(profile=str(said.pop("profile", "") or profile), metadata=said, **named)


async def run_steps(
    house: Coordinator,
    steps: tuple[PlanStep, ...],
    context: ExecutionContext,
    *,
    goal: str = "",
    budget: Budget | None = None,
    wait_s: float = 0.0,
    after: PartialResult | None = None,
) -> AgentResult:
    """Run steps and wait for their end; `after` an earlier run only what that one left.

    `ToolExecutionError`, or for a no `ApprovalDeniedError`, hold what was done as `partial_result`;
    `ApprovalTimeoutError` when nobody decided within `wait_s` seconds.
    """
    names = ", ".join(dict.fromkeys(step.tool for step in steps))
    plan = Plan(goal=goal or f"Run {names or 'nothing'}", steps=steps, budget=budget)
    left = Left(plan=plan if steps else None, context=context)
    if after is not None:
        left = await what_is_left(house, after, context, plan=plan, budget=budget)
        if left.plan is None and left.why_not:
            refused = ApprovalDeniedError if left.denied else ToolExecutionError
            raise refused(left.why_not, partial_result=after, run_id=after.run_id, mend="Begin a new run.")
    if left.plan is None:
        return AgentResult(output=_last(steps, left.results), results=left.results, trace_id=left.context.trace_id)
    run_id = await house.start(plan.goal, plan=left.plan, context=left.context, budget=left.plan.budget)
    result = await house.wait(run_id)
    if (await house.state(run_id)).pending:
        following = facts(house, run_id, wait_s)
        async for event in following:  # only consent is waited for: a doubt or a budget is for somebody else
            if isinstance(event, RunParked) and not (await house.state(run_id)).pending:
                break
        await following.aclose()
        result = await house.result(run_id)
    result = left.of(result)
    results = {**left.results, **result.results}
    if not result.success:
        raise _error(result, steps, left)
    trace = await house.trace(run_id)
    return AgentResult(
        output=_last(steps, results), trace=trace.events, results=results, run_id=run_id, trace_id=result.trace_id
    )


def _last(steps: tuple[PlanStep, ...], results: Mapping[str, Any]) -> Any:
    return next((results[step.step_id] for step in reversed(steps) if step.step_id in results), None)


def _error(result: ExecutionResult, steps: tuple[PlanStep, ...], left: Left) -> Exception:
    partial = partial_of(result, steps, left)
    facts_of_it = {"partial_result": partial, "run_id": result.run_id, "mend": "; ".join(result.next_steps)}
    said = f"{partial.failed_step.get('tool', 'a step')}: {partial.error}"
    if result.status is Status.PARKED:
        said += f" (the run waits: {result.reason})"
    if partial.failure_mode is FailureMode.POLICY_APPROVAL:
        return ApprovalDeniedError(said, **facts_of_it)
    return ToolExecutionError(said, **facts_of_it)


def partial_of(result: ExecutionResult, steps: tuple[PlanStep, ...], left: Left | None = None) -> PartialResult:
    """What a run left of a list of steps, with what was done and denied before it."""
    found = PartialResult.of_run(result)
    failed_id = found.failed_step.get("step_id") or result.failure_context.get("step")
    failed = next((step for step in steps if step.step_id == failed_id), None)
    results = {**(left.results if left is not None else {}), **found.step_results}
    said = {"tool": failed.tool, "input": failed.input, "step_id": failed.step_id} if failed is not None else {}
    return replace(
        found,
        completed_steps=tuple(step.step_id for step in steps if step.step_id in results),
        failed_step=said,
        step_results=results,
        remaining_steps=tuple(s.step_id for s in steps if s.step_id not in results and s.step_id != failed_id),
        denied_steps=(*(left.denied if left is not None else ()), *found.denied_steps),
    )


__all__ = ["ApprovalTimeoutError", "context_of", "partial_of", "run_steps", "steps_of"]
