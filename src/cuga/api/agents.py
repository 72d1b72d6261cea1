"""The request's own paths, over the same methods as every other route: execute, approve, budget, trace, health."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body
from starlette.requests import Request
from starlette.responses import Response

from cuga.api.answers import answer, router
from cuga.api.approvals import decide_as
from cuga.api.auth import Deciding, Here, Looking, Starting
from cuga.api.once import Asked, begin_once
from cuga.api.pages import DecisionWish, Given
from cuga.errors import BadInput, NotFound
from cuga.model.event import Verdict
from cuga.model.plan import Budget, Plan, PlanStep
from cuga.model.value import Value
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.policy.profile import Limits
from cuga.projections.trace import Trace

agents = router("agents", prefix="/api/agents")


class ExecuteRequest(Value, frozen=True, kw_only=True):
    """A goal to plan and run, or with `steps` a plan of the caller's own, which is checked like any other."""

    goal: str
    steps: tuple[PlanStep, ...] = ()
    plan_id: str = ""
    profile: str = ""
    budget: Budget | None = None
    request_id: str = ""
    memory_scope: str = ""
    trace_id: str = ""


class ApproveRequest(Value, frozen=True, kw_only=True):
    """A yes or a no to a request. A yes names the digest of what was shown."""

    request_id: str  # the approval's id
    approved: bool
    digest: str = ""
    feedback: str = ""


class ProfileBudget(Given, frozen=True, kw_only=True, omit_defaults=False):
    """What one run under a profile may spend; `cost` in micro-units."""

    profile: str
    limits: Limits
    warning_threshold: float


class AgentHealth(Given, frozen=True, kw_only=True, omit_defaults=False):
    """How the house is."""

    status: str  # ok, halted, failing
    version: str
    durability: str
    running: int
    waiting: int
    detail: dict[str, Any]


@agents.post("/execute", response_model=ExecutionResult)
async def execute(doors: Here, asker: Starting, request: Request, wish: Annotated[ExecuteRequest, Body()]) -> Response:
    """Run a goal or a plan and answer when it has ended or waits for somebody."""
    plan = None
    if wish.steps:
        plan = Plan(goal=wish.goal, steps=wish.steps, plan_id=wish.plan_id, budget=wish.budget)
    context = ExecutionContext(
        trace_id=wish.trace_id, request_id=wish.request_id, memory_scope=wish.memory_scope, profile=wish.profile
    )

    async def begin(run_id: str) -> str:
        return await doors.front.start(
            wish.goal,
            profile=wish.profile,
            context=context,
            budget=wish.budget,
            plan=plan,
            run_id=run_id,
            by=asker.principal,
        )

    asked = Asked(goal=wish.goal, profile=wish.profile, budget=wish.budget)
    run_id, _ = await begin_once(doors, asker, request, asked, begin)
    return answer(await doors.front.wait(run_id))


@agents.post("/approve", response_model=ExecutionResult)
async def approve(doors: Here, asker: Deciding, request: Request, said: Annotated[ApproveRequest, Body()]) -> Response:
    """Say yes or no to a request, as `POST /api/approvals/{id}` does."""
    if said.approved and not said.digest:
        raise BadInput("a yes names the digest of what was shown", mend="GET /api/approvals/{id} has it.")
    digest = said.digest or (await doors.front.card(said.request_id)).digest
    verdict = Verdict.APPROVE if said.approved else Verdict.DENY
    wish = DecisionWish(verdict=verdict, digest=digest, reason=said.feedback)
    return answer(await decide_as(doors, asker, request, said.request_id, wish))


@agents.get("/budget/{profile}", response_model=ProfileBudget)
async def show_profile_budget(doors: Here, _: Looking, profile: str) -> Response:
    """What one run under a profile may spend."""
    for one in await doors.front.profiles():
        if one.name == profile:
            share = one.limits.warning_percent / 100
            return answer(ProfileBudget(profile=one.name, limits=one.limits, warning_threshold=share))
    raise NotFound(f"no profile {profile!r}", mend="GET /api/profiles lists them.")


@agents.get("/trace/{trace_id}", response_model=Trace)
async def show_agents_trace(doors: Here, _: Looking, trace_id: str) -> Response:
    """The ten canonical events of a run, by its trace id."""
    return answer(await doors.front.trace(await doors.front.run_of_trace(trace_id)))


@agents.get("/health", response_model=AgentHealth)
async def show_agents_health(doors: Here, _: Looking) -> Response:
    """How the house is: well, halted, or failing, and what is going on in it."""
    assembly = await doors.front.open()
    summary = await doors.front.summary()
    status = "failing" if assembly.engine.failure is not None else "halted" if summary.halted else "ok"
    return answer(
        AgentHealth(
            status=status,
            version=summary.version,
            durability=summary.durability,
            running=summary.running,
            waiting=summary.waiting,
            detail={
                "halted": summary.halted,
                "left_alone": len(assembly.engine.left_alone),
                "without_keys": len(assembly.engine.without_keys),
            },
        )
    )
