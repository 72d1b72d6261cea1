"""How runs begin: a goal, a plan that somebody brings, what a dry run has shown, or one call by its name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cuga.clock import ULID, milliseconds_of
from cuga.errors import BadInput, InvalidTransition, NotAllowed, PlanInvalid
from cuga.kernel.thinking import MODEL
from cuga.model import command as c
from cuga.model.context import Principal
from cuga.model.house_event import ScheduleAdded
from cuga.model.plan import Budget, CheckedPlan, Plan, PlanStep
from cuga.orchestrator.calendar.due import is_of
from cuga.orchestrator.dryrun import usable
from cuga.orchestrator.execution import ExecutionContext
from cuga.orchestrator.looking.reading import Planned, Reading
from cuga.orchestrator.rehearsal.replaying import has_gaps
from cuga.planning.check import check
from cuga.planning.stamps import proposed

MAX_GOAL = 8 * 1024  # bytes


class Beginning(Reading):
    """Runs are begun, or only planned."""

    async def start(
        self,
        goal: str,
        *,
        profile: str = "",
        context: ExecutionContext | None = None,
        budget: Budget | None = None,
        plan_only: bool = False,
        plan: Plan | CheckedPlan | None = None,
        planned_in: str = "",
        as_of: datetime | None = None,
        run_id: str = "",
        planner: str = "",
        by: Principal | None = None,
    ) -> str:
        """Begin a run and return its id at once; it goes on by itself.

        With `plan` nothing is planned; `planned_in` takes exactly the plan of a run made by `plan`. `planner` is
        `rules` or `model`; left out, a model plans where the profile lets it and there is one. A `run_id` of the
        caller's own begins one run, however often it is given: `InvalidTransition` when there is one already, and
        `NotAllowed` for one that a schedule of the house will begin.
        """
        if run_id:
            await self._must_be_nobodys(run_id)
        return await self._start(
            goal, profile=profile, context=context, budget=budget, plan_only=plan_only, plan=plan,
            planned_in=planned_in, as_of=as_of, run_id=run_id, planner=planner, by=by,
        )  # fmt: skip

    async def start_scheduled(self, schedule: ScheduleAdded, run_id: str, by: Principal) -> None:
        """Begin the run of a schedule for one of its times. Only the timetable does."""
        await self._start(schedule.goal, profile=schedule.profile, run_id=run_id, by=by)

    async def _must_be_nobodys(self, run_id: str) -> None:
        """A due time counts as begun when its run is there: nobody else begins one in its place."""
        if not ULID.fullmatch(run_id):
            raise BadInput(f"{run_id!r} is no run id", mend="It is a ULID: 26 letters and digits.")
        assembly = await self.open()
        if milliseconds_of(run_id) % 60_000 == 0:  # a whole minute, as every due time is
            await assembly.look_at_house()
        if any(is_of(schedule, run_id) for schedule in assembly.state.schedules.values()):
            raise NotAllowed(
                f"{run_id} is the run of a schedule, which begins it when it is time", mend="Leave it out."
            )

    async def _start(
        self,
        goal: str,
        *,
        profile: str = "",
        context: ExecutionContext | None = None,
        budget: Budget | None = None,
        plan_only: bool = False,
        plan: Plan | CheckedPlan | None = None,
        planned_in: str = "",
        as_of: datetime | None = None,
        run_id: str = "",
        planner: str = "",
        by: Principal | None = None,
    ) -> str:
        assembly = await self.open()
        assembly.look_at_adapters()
        if run_id and await assembly.journal.version(run_id):
            raise InvalidTransition(f"there is a run {run_id} already")
        if planned_in:
            plan, goal, profile = await self._plan_of(planned_in, profile)
        goal = goal.strip()
        if not goal:
            raise BadInput("the goal is empty", mend="Say what you want, e.g. cuga run 'Score Acme'.")
        if len(goal.encode("utf-8", "surrogatepass")) > MAX_GOAL:
            raise BadInput(f"the goal is longer than {MAX_GOAL:,} bytes", mend="Put long text into a file or a note.")
        goal = goal.encode("utf-8", "replace").decode()
        rules = await assembly.rules_for(profile or (context.profile if context else "") or self.profile)
        if isinstance(plan, CheckedPlan):
            assembly.must_fit(plan, rules)
        checked = check(plan, rules.book) if isinstance(plan, Plan) else plan
        is_wanted = not assembly.plans_itself and assembly.models.is_wanted(rules.profile.name)
        if planner not in ("", "rules", MODEL):
            raise BadInput(f"no planner {planner!r}; there are rules and {MODEL}")
        run_id = run_id or assembly.clock.new_id()
        who = by or await self._asking(context.user_id if context else "")
        trace_id = (context.trace_id if context else "") or (plan.trace_id if isinstance(plan, Plan) else "") or run_id
        await assembly.engine.begin(
            run_id,
            c.StartRun(
                at=assembly.clock.now(),
                by=who,
                goal=goal,
                profile=rules.profile.name,
                policy_digest=rules.digest,
                trace_id=trace_id,
                planner=planner or (MODEL if is_wanted else "rules"),
                plan=checked,
                budget=budget,
                plan_only=plan_only,
                as_of=as_of,
                crm_version=assembly.crm.crm_version(),
            ),
        )
        return run_id

    async def start_rehearsed(self, run_id: str, by: Principal | None = None) -> str:
        """Begin what a dry run has shown: its id, goal, plan, profile and day. Where the rules have changed since, the
        plan is checked anew, and `rehearsed` says what is not as it was. `NotFound`, `NotAllowed` for somebody else."""
        assembly = await self.open()
        kept = usable(assembly.place, run_id, assembly.clock.now())
        who = by or await self.principal()
        if who.id != kept.requester:
            raise NotAllowed(f"this was rehearsed for {kept.requester}, who asks for it then")
        plan: Plan | CheckedPlan | None = kept.plan
        if kept.plan is not None:
            try:
                assembly.must_fit(kept.plan, await assembly.rules_for(kept.profile))
            except PlanInvalid:
                plan = proposed(kept.plan)
        return await self.start(
            kept.goal, profile=kept.profile, plan=plan, as_of=kept.as_of, budget=kept.budget, run_id=run_id,
            planner=kept.planner if plan is None else "", by=who,
        )  # fmt: skip

    async def start_call(
        self, tool: str, arguments: dict[str, Any], profile: str = "", by: Principal | None = None
    ) -> str:
        """Begin a run of one step, which calls a tool as it is named here; returns its id at once."""
        step = PlanStep(tool=tool, input=arguments, reason="asked for by name")
        return await self.start(f"Call {tool}", profile=profile, plan=Plan(goal=f"Call {tool}", steps=(step,)), by=by)

    async def _asking(self, named: str) -> Principal:
        """Who asks. Where there are several people, nobody asks in another's name: who asks must not decide."""
        if named and named != self.user and (await self.open()).current.roles:
            raise NotAllowed(
                f"{self.user} cannot ask in the name of {named}", mend="Leave `user_id` out, or open the house as them."
            )
        return await self.principal(named)

    async def _plan_of(self, run_id: str, profile: str) -> tuple[CheckedPlan, str, str]:
        assembly = await self.open()
        state = await assembly.driver.state(run_id)
        if state.plan is None:
            raise BadInput(f"run {run_id} has no plan", mend="`cuga plan GOAL` makes one.")
        if has_gaps(state.plan):
            raise BadInput(f"the plan of run {run_id} has lost words that are kept no more", mend="Plan it again.")
        if profile and profile != state.started.profile:
            raise BadInput(
                f"that plan was made under profile {state.started.profile}, not {profile}",
                mend=f'Run it without --profile, or plan again: cuga plan "{state.started.goal}" --profile {profile}',
            )
        return state.plan, state.started.goal, state.started.profile

    async def checked(self, plan: Plan, profile: str = "") -> CheckedPlan:
        """A plan stamped from the registry for a profile; `PlanInvalid` names all that is wrong with it."""
        assembly = await self.open()
        rules = await assembly.rules_for(profile or self.profile)
        return check(plan, rules.book)

    async def plan(
        self,
        goal: str,
        profile: str = "",
        context: ExecutionContext | None = None,
        by: Principal | None = None,
        planner: str = "",
    ) -> Planned:
        """Plan a goal and run nothing: a run of its own that ends when the plan is there."""
        run_id = await self.start(goal, profile=profile, context=context, plan_only=True, planner=planner, by=by)
        await (await self.open()).engine.wait(run_id)
        return await self.planned(run_id)
