"""Planning as work that a run asks for: call the planner, check what it proposes, hand the answer to the kernel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cuga.clock import Clock
from cuga.engine.driver import Driver
from cuga.errors import CugaError, PlanInvalid
from cuga.kernel.state import ENDED, Phase, RunState
from cuga.model import command as c
from cuga.model.event import PlanRequested
from cuga.model.failure import FailureMode
from cuga.planning.answer import Answer, Proposal, Question, Refusal
from cuga.planning.authority import Planner, PlanningAuthority
from cuga.planning.check import check
from cuga.planning.records import CrmLookup
from cuga.policy.profile import Profile, Rulebook


def plan_maker(
    driver: Driver, clock: Clock, planner: Planner, records: Callable[[Profile], CrmLookup | None]
) -> Callable[[RunState, PlanRequested], Awaitable[c.Command]]:
    """The engine's port for planning. `records` gives what a profile may look names up in as things stand."""

    async def make(state: RunState, request: PlanRequested) -> c.Command:
        start = state.started
        rules = await driver.rules(start.policy_digest)
        said = dict.fromkeys((*state.feedback, *state.answers.values(), request.feedback))
        try:
            thinks = planner.over(records(rules.profile)) if isinstance(planner, PlanningAuthority) else planner
            answer = await thinks(
                start.goal,
                rules.book,
                feedback="\n".join(text for text in said if text),
                denied=state.denied,
                as_of=start.as_of or start.at,
            )
            return _command(state, request, answer, rules.book, clock)
        except CugaError as error:
            mode = FailureMode.AGENT_VALIDATION if isinstance(error, PlanInvalid) else FailureMode.AGENT_LOGIC
            return c.RecordPlanFailure(
                at=clock.now(), attempt=request.attempt, reason=error.message, mode=mode, mend=error.next_step
            )

    return make


def _command(state: RunState, request: PlanRequested, answer: Answer, book: Rulebook, clock: Clock) -> c.Command:
    match answer:
        case Proposal(plan=plan):
            # what failed, was denied or left out is not taken up again under its old id
            earlier = [
                step
                for step_id, step in state.index.steps.items()
                if not step.list_of
                and (state.phase.get(step_id) not in ENDED or state.phase.get(step_id) is Phase.DONE)
            ]
            number = state.plan.number + 1 if state.plan is not None else 1
            checked = check(plan, book, number=number, taken=tuple(state.index.steps), earlier=earlier)
            return c.RecordPlan(at=clock.now(), attempt=request.attempt, plan=checked, source=plan.planner)
        case Question(text=text, options=options):
            return c.AskQuestion(
                at=clock.now(),
                attempt=request.attempt,
                question_id=f"plan/{request.attempt}",
                text=text,
                options=options,
            )
        case Refusal(reason=reason, mend=mend):
            return c.RecordPlanFailure(
                at=clock.now(),
                attempt=request.attempt,
                reason=reason,
                mode=FailureMode.USER_INVALID_INPUT,
                mend=mend,
            )
