"""Going on with what a run has left: the steps that are not done, as a plan of their own.

What is done is never done again, what a person denied is not asked again, and what depends on a step that was left out
stays out. Nothing is left of a run of which nobody knows what happened; a person answers first. What goes on does so
in the same name, under the same profile, and with what the budget still holds: the run's own record says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from cuga.errors import BadInput, InvalidTransition, RunNotFound
from cuga.kernel.state import Phase, RunState
from cuga.kernel.written import has_reader
from cuga.model.event import Status
from cuga.model.failure import FailureMode
from cuga.model.plan import Budget, Plan, PlanStep
from cuga.model.value import Value
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.orchestrator.library.partial import PartialResult
from cuga.orchestrator.library.remainder import brought_by, lists_left, rest_of
from cuga.orchestrator.library.stages import proposal_of
from cuga.orchestrator.rehearsal.replaying import has_gaps
from cuga.policy.budget import tightest
from cuga.projections.budget import Usage, Utilisation

NO_CALLS = "the budget of the run allows no more calls"


class Left(Value, frozen=True, kw_only=True):
    """What a run left. `plan` is None when nothing of it may be done: `why_not` says why, or all of it is done.

    `denied` are steps a person said no to; `results` are the outputs of what is done, by step.
    """

    context: ExecutionContext
    plan: Plan | None = None
    why_not: str = ""
    denied: tuple[str, ...] = ()
    results: dict[str, Any] = {}

    def of(self, result: ExecutionResult) -> ExecutionResult:
        """The result of going on, which is no success while something that was wanted stays denied."""
        if not self.denied or not result.success:
            return result
        why = f"{', '.join(self.denied)}: denied in an earlier run, and not asked again"
        failure = {
            "stage": "EXECUTE",
            "step": self.denied[0],
            "mode": FailureMode.POLICY_APPROVAL.value,
            "reason": why,
        }
        return replace(result, status=Status.PARTIAL, success=False, reason=why, failure_context=failure)


async def what_is_left(
    house: Coordinator,
    partial: PartialResult,
    context: ExecutionContext | None = None,
    *,
    plan: Plan | None = None,
    budget: Budget | None = None,
) -> Left:
    """What the run behind a partial result left undone.

    `plan` is the caller's, mended perhaps; without it the run's own counts.
    `budget` may only tighten. `InvalidTransition` while the run has not ended or a step is in doubt; `BadInput` where
    the context names another profile or person than the run had, or words of it are kept no more.
    """
    state = await _state_of(house, partial.run_id)
    doubts = {*partial.doubtful_steps} if state is None else {*state.doubts}
    if doubts:
        first = min(doubts)
        raise InvalidTransition(
            f"nobody knows whether {first} of {partial.run_id} happened",
            mend=f"cuga resolve {partial.run_id} {first} happened|did-not|again"
            if state is not None and state.end is None
            else "Find out whether it happened, and begin a new run with the steps that are still wanted.",
        )
    if state is not None and state.plan is None and plan is None:
        return Left(context=_circumstances(partial, state, context or ExecutionContext()))
    if state is not None and state.end is None:
        raise InvalidTransition(
            f"run {partial.run_id} has not ended: {state.parked.reason if state.parked else 'it goes on by itself'}",
            mend="; ".join(state.parked.needs) if state.parked else "",
        )
    same = _circumstances(partial, state, context or ExecutionContext())
    denied, out, brought = {*partial.denied_steps}, set(), dict[str, tuple[str, ...]]()
    results = dict(partial.step_results)
    if state is not None:
        denied |= {step for step, phase in state.phase.items() if phase is Phase.DENIED}
        out = {s for s, phase in state.phase.items() if phase is Phase.SKIPPED and s not in state.reasons}
        results |= (await house.result(partial.run_id)).results
        if has_gaps(state.plan) and (plan is None or state.lists):
            raise _without_words(partial.run_id)
        plan = plan or (proposal_of(state.plan) if state.plan is not None else None)
        brought = _brought(state, plan, results)
        plan = lists_left(plan, state, results) if plan is not None else None
        budget = _tightened(await house.budget(partial.run_id), budget)
    wanted = {step.step_id for step in plan.steps} if plan is not None else denied
    denied &= wanted
    found = Left(context=same, denied=tuple(sorted(denied)), results=results)
    rest = rest_of(plan, results, without=denied | (out & wanted)) if plan is not None else None
    if rest is None:
        return replace(found, why_not=f"{', '.join(found.denied)}: denied, and not asked again" if denied else "")
    if brought and state is not None:
        rest = await _for_readers(house, state, rest, brought)
    if has_gaps(rest):  # of what an earlier step gave
        raise _without_words(partial.run_id)
    if budget is not None and budget.calls == 0:
        return replace(found, why_not=NO_CALLS)
    return replace(found, plan=replace(rest, budget=budget or rest.budget))


def _brought(state: RunState, plan: Plan | None, results: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Which arguments of which steps come from texts that a model has written, in steps that are done."""
    wrote = {name for name, one in state.written.items() if one.reply is not None}
    wrote |= {state.step(name).list_of for name in wrote}
    sources = wrote & results.keys()
    return brought_by(plan, sources) if sources and plan is not None else {}


async def _for_readers(house: Coordinator, state: RunState, rest: Plan, brought: Mapping[str, tuple[str, ...]]) -> Plan:
    """The rest, with a person asked where a model wrote what a step would use: as values of a plan of its own, texts of
    a model look like the caller's."""
    assembly = await house.open()
    rules = await assembly.driver.rules(state.started.policy_digest)

    def marked(step: PlanStep) -> PlanStep:
        contract, paths = rules.contracts.get(step.tool), brought.get(step.step_id)
        if not paths or contract is None or not has_reader(contract, rules.ruling(step.tool, assembly.current)):
            return step
        return replace(step, ask_first=True, unproven=tuple(dict.fromkeys((*step.unproven, *paths))))

    return replace(rest, steps=tuple(map(marked, rest.steps)))


def _without_words(run_id: str) -> BadInput:
    return BadInput(f"what is left of run {run_id} has lost words that are kept no more", mend="Begin a new run.")


async def _state_of(house: Coordinator, run_id: str) -> RunState | None:
    """Where a run stands; None for one of another house, of which the partial result is all that is known."""
    if not run_id:
        return None
    try:
        return await house.state(run_id)
    except RunNotFound:
        return None


def _circumstances(partial: PartialResult, state: RunState | None, said: ExecutionContext) -> ExecutionContext:
    """The circumstances of the run, which a caller cannot change by going on: rules and duties would go with them."""
    profile, user, trace = partial.profile, partial.user_id, partial.trace_id
    if state is not None:
        start = state.started
        profile, user, trace = start.profile, start.requester.id, start.trace_id
    if said.profile and profile and said.profile != profile:
        raise BadInput(
            f"the run was under profile {profile}; it cannot go on under {said.profile}",
            mend="Leave the profile out, or begin a new run.",
        )
    if said.user_id and user and said.user_id != user:
        raise BadInput(
            f"{user} asked for the run; it cannot go on in the name of {said.user_id}",
            mend="Leave the user out, or begin a new run.",
        )
    return replace(said, profile=profile or said.profile, user_id=user or said.user_id, trace_id=said.trace_id or trace)


def _tightened(used: Utilisation, stated: Budget | None) -> Budget:
    """What a run has not used of its limits, the profile's among them, and no more than is stated anew."""
    said = stated or Budget()
    return Budget(
        calls=tightest(used.total.left, said.calls),
        cost=tightest(used.cost.left, said.cost),
        tokens=tightest(used.tokens.left, said.tokens),
        calls_per_domain=_smaller(used.by_domain, said.calls_per_domain),
        calls_per_tool=_smaller(used.by_tool, said.calls_per_tool),
    )


def _smaller(used: Mapping[str, Usage], stated: Mapping[str, int]) -> dict[str, int]:
    left = {name: usage.left for name, usage in used.items() if usage.left is not None}
    return {name: min(left.get(name, n), stated.get(name, n)) for name, n in {**stated, **left}.items()}
