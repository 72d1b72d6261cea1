"""The front door: every way to use a house goes through these methods, whatever the wire before them.

A `Coordinator` opens its house on first use. It keeps no truth of its own: what it answers is read from the journal.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from cuga.errors import ApprovalTimeoutError, BadInput, InvalidTransition, NotAllowed, PlanInvalid
from cuga.journal.port import Backed
from cuga.kernel.thinking import MODEL
from cuga.model import command as c
from cuga.model.context import Principal
from cuga.model.event import ApprovalRequested, DoubtAnswer, Verdict
from cuga.model.plan import Budget, CheckedPlan, Plan, PlanStep
from cuga.orchestrator.calendar import timetable
from cuga.orchestrator.changing.amendment import amended, looked_at
from cuga.orchestrator.changing.bringing import Bringing
from cuga.orchestrator.changing.doorkeeping import Doorkeeping
from cuga.orchestrator.changing.mailroom import Mailroom
from cuga.orchestrator.changing.remembering import Remembering
from cuga.orchestrator.changing.servers import Servers
from cuga.orchestrator.dryrun import usable
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.orchestrator.house.assembly import house_stream
from cuga.orchestrator.keeping.erasing import Erasing
from cuga.orchestrator.keeping.evidence import Evidence, Scope, write_bundle
from cuga.orchestrator.keeping.retaining import Retaining
from cuga.orchestrator.library.members import Members
from cuga.orchestrator.looking.overseeing import Overseeing
from cuga.orchestrator.looking.reading import Planned, run_of
from cuga.orchestrator.rehearsal.comparing import Compared, differences, spent_words
from cuga.orchestrator.rehearsal.rehearsing import Rehearsing
from cuga.orchestrator.rehearsal.replaying import has_gaps
from cuga.planning.check import check
from cuga.planning.schema import arguments_of
from cuga.planning.stamps import proposed
from cuga.policy.access import Verb, may, whose
from cuga.projections.trace import TraceEvent

MAX_GOAL = 8 * 1024  # bytes (RELIABILITY D2, caps)
_RUN_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


class Coordinator(
    Members, Mailroom, Servers, Doorkeeping, Bringing, Rehearsing, Overseeing, Remembering, Erasing, Retaining
):
    """Runs goals and plans under a profile, and answers for them.

    `house` is a directory made by `cuga init`; without one everything lives in memory, which `is_durable` says.
    `user` is who asks; in a house with one user every record says `solo`.
    """

    # --- running --------------------------------------------------------------------------------------------------
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
        caller's own begins one run, however often it is given: `InvalidTransition` when there is one already.
        """
        assembly = await self.open()
        assembly.look_at_adapters()
        if run_id and not _RUN_ID.fullmatch(run_id):
            raise BadInput(f"{run_id!r} is no run id", mend="It is a ULID: 26 letters and digits.")
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

    async def compare(self, goal: str, profile: str = "", by: Principal | None = None) -> Compared:
        """Plan a goal by the rules and by the model, each in a run of its own, and say what tells the plans apart.

        Where no model would be asked there is one run, and one plan.
        """
        assembly = await self.open()
        now = await self.model_now(profile)
        rules = await self.plan(goal, profile, by=by, planner="rules")
        model = await self.plan(goal, profile, by=by, planner=MODEL) if now.is_on else rules
        heard = (await assembly.driver.state(model.run_id)).heard
        return Compared(
            rules=rules,
            model=model,
            line=now.line,
            spent=spent_words(heard),
            differences=differences(rules, model),
        )

    async def run(self, goal: str, **how: Any) -> ExecutionResult:
        """Begin a run and wait until it ends or waits for somebody."""
        return await self.wait(await self.start(goal, **how))

    async def wait(self, run_id: str, timeout_s: float | None = None) -> ExecutionResult:
        """The result of a run once it has ended or parked; the run itself does not mind if we give up."""
        assembly = await self.open()
        await asyncio.wait_for(assembly.engine.wait(run_id), timeout_s)
        return await self.result(run_id)

    async def execute_plan(
        self,
        plan: Plan,
        execution_context: ExecutionContext | None = None,
        *,
        wait_s: float | None = None,
        raise_on_timeout: bool = False,
    ) -> ExecutionResult:
        """Run a plan that the caller brings, to its end or to its first park.

        With `wait_s` it also waits that long for decisions that are asked for; with `raise_on_timeout` it then raises
        `ApprovalTimeoutError`, while the request stays open and nothing is decided.
        """
        run_id = await self.start(plan.goal, plan=plan, context=execution_context, budget=plan.budget)
        result = await self.wait(run_id)
        if wait_s is not None and result.status.value == "parked":
            result = await self._wait_for_people(run_id, wait_s)
            if raise_on_timeout and result.status.value == "parked":
                raise ApprovalTimeoutError(f"run {run_id} still waits after {wait_s} s: {result.reason}")
        return result

    async def _wait_for_people(self, run_id: str, wait_s: float) -> ExecutionResult:
        assembly = await self.open()
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        with assembly.engine.news(run_id) as news:
            while True:
                result = await self.wait(run_id)
                left = until - loop.time()
                if result.status.value != "parked" or left <= 0:
                    return result
                try:
                    async with asyncio.timeout(left):
                        await news.get()
                except TimeoutError:
                    return await self.result(run_id)

    async def resume(self, run_id: str, by: Principal | None = None) -> ExecutionResult:
        """Go on with a run that an earlier process left, or look again whether a parked one can go on."""
        assembly = await self.open()
        assembly.look_at_adapters()
        state = await assembly.driver.state(run_id)
        who = by or await self.principal()
        ruling = may(who, Verb.STEER, assembly.current, whose(who, state.started.requester.id, assembly.current))
        if not ruling.allowed:
            raise NotAllowed("; ".join(ruling.reasons))
        await assembly.engine.resume(run_id)
        return await self.wait(run_id)

    async def cancel(self, run_id: str, reason: str = "", by: Principal | None = None) -> ExecutionResult:
        """Stop a run: nothing new starts, calls in flight are waited for, and the run ends as cancelled."""
        await self._send(run_id, c.Cancel, by, reason=reason)
        return await self.wait(run_id)

    async def replan(self, run_id: str, feedback: str, by: Principal | None = None) -> ExecutionResult:
        """Have a run planned anew with something that has become known. What is done stays done."""
        if not feedback.strip():
            raise BadInput("what has become known is missing")
        return await self._send(run_id, c.Replan, by, feedback=feedback)

    # --- people ---------------------------------------------------------------------------------------------------
    async def answer(
        self,
        approval_id: str,
        verdict: Verdict | str,
        *,
        digest: str = "",
        reason: str = "",
        changes: dict[str, Any] | None = None,
        without: tuple[int, ...] = (),
        by: Principal | None = None,
    ) -> ExecutionResult:
        """Decide on an approval: approve, deny, amend (with `changes`: argument name -> new value), request-changes.

        Of a list's card the name begins with the call's number (`2.message.subject` is of `s3#2`), and an amendment
        may leave calls out: `without` holds their numbers.
        `digest` is what was shown; without it the digest of the request as it stands now is meant.
        """
        assembly = await self.open()
        request = await self.request(approval_id)
        try:
            said = Verdict(verdict)
        except ValueError:
            raise BadInput(f"no verdict {verdict!r}; there are {', '.join(v.value for v in Verdict)}") from None
        if said is Verdict.REQUEST_CHANGES and not reason.strip():
            raise BadInput("request-changes needs feedback: what should be different?")
        if said is not Verdict.AMEND and (changes or without):
            raise BadInput(
                f"{said.value} is said of exactly what was shown; changes or calls to leave out would be lost",
                mend="Amend it: the changed request waits for a decision of its own.",
            )
        arguments = await self._amended(request, changes or {}, without) if said is Verdict.AMEND else None
        await assembly.engine.send(
            run_of(approval_id),
            c.ResolveApproval(
                at=assembly.clock.now(),
                by=by or await self.principal(),
                approval_id=approval_id,
                verdict=said,
                digest=digest or request.digest,
                reason=reason,
                arguments=arguments,
            ),
        )
        assembly.was_taught = True
        return await self.result(run_of(approval_id))

    async def _amended(
        self, request: ApprovalRequested, changes: dict[str, Any], without: tuple[int, ...]
    ) -> msgspec.Raw:
        if not changes and not without:
            raise BadInput("an amendment needs at least one change, e.g. --set subject='Hello'")
        assembly = await self.open()
        state = await assembly.driver.state(run_of(request.approval_id))
        rules = await assembly.driver.rules(state.started.policy_digest)
        found = amended(request, changes, without, arguments_of(rules.contracts[request.tool]))
        return await looked_at(request, found, partial(assembly.door.amended, state))

    async def revoke(self, approval_id: str, reason: str = "", by: Principal | None = None) -> ExecutionResult:
        """Take back an approval that has not been used."""
        return await self._send(run_of(approval_id), c.RevokeApproval, by, approval_id=approval_id, reason=reason)

    async def answer_question(
        self, run_id: str, answer: str, question_id: str = "", by: Principal | None = None
    ) -> ExecutionResult:
        """Answer what a run asks; with one open question its id may be left out."""
        assembly = await self.open()
        state = await assembly.driver.state(run_id)
        if not question_id:
            if len(state.questions) != 1:
                raise BadInput(f"{run_id} has {len(state.questions)} open questions; name one with --question")
            question_id = next(iter(state.questions))
        return await self._send(run_id, c.AnswerQuestion, by, question_id=question_id, answer=answer)

    async def resolve(
        self, run_id: str, step: str, answer: DoubtAnswer | str, reason: str = "", by: Principal | None = None
    ) -> ExecutionResult:
        """Say what became of a step in doubt: happened, did-not, again."""
        try:
            said = DoubtAnswer(answer)
        except ValueError:
            raise BadInput(f"no answer {answer!r}; there are {', '.join(a.value for a in DoubtAnswer)}") from None
        return await self._send(run_id, c.ResolveDoubt, by, step=step, answer=said, reason=reason)

    async def top_up(
        self, run_id: str, scope: str = "", amount: int = 0, reason: str = "", by: Principal | None = None
    ) -> ExecutionResult:
        """Raise a limit of one run. Without a scope: the one it waits for, by as much as it had."""
        assembly = await self.open()
        state = await assembly.driver.state(run_id)
        if not scope:
            waiting = sorted(set(state.blocked.values()))
            if not waiting:
                rules = await assembly.driver.rules(state.started.policy_digest)
                raise BadInput(
                    f"{run_id} does not wait for a budget",
                    mend=f"Name one with --scope and --amount: {', '.join(sorted(rules.limits))}.",
                )
            scope = waiting[0]
        if amount <= 0:
            rules = await assembly.driver.rules(state.started.policy_digest)
            amount = max(1, rules.limits.get(scope, 1))
        return await self._send(run_id, c.TopUp, by, scope=scope, amount=amount, reason=reason)

    async def _send(self, run_id: str, kind: type[c.Command], by: Principal | None, **fields: Any) -> ExecutionResult:
        assembly = await self.open()
        command = kind(at=assembly.clock.now(), by=by or await self.principal(), **fields)
        await assembly.engine.send(run_id, command)
        return await self.result(run_id)

    # --- the house ------------------------------------------------------------------------------------------------
    async def start_due(self) -> timetable.Started:
        """Begin the runs that the house's timetable has for now, each once, and say which times were missed."""
        return await timetable.start_due(self)

    async def backup(self, path: str) -> Backed:
        """Copy the journal as it is now into a new file, while work goes on. Keep position and hash elsewhere."""
        assembly = await self.open()
        return await assembly.backup(Path(path))

    async def evidence(self, scope: Scope, path: str, by: Principal | None = None) -> Evidence:
        """Write the evidence of a run, a period or an approver to a new file: signed, and checked offline.

        `BadInput` for a house in memory, or a file that is there; `RunNotFound`, `NotFound` when there is nothing.
        """
        assembly = await self.open()
        if assembly.sealer is None:
            raise BadInput("a house in memory has no seal", mend="`cuga init DIR` makes a house.")
        who = by or await self.principal()
        return await write_bundle(
            assembly.journal,
            assembly.sealer,
            house_stream(assembly.tenant),
            scope,
            Path(path),
            made_at=assembly.clock.now(),
            made_by=who.id,
        )

    # --- views of what this coordinator has seen ---------------------------------------------------------------------
    def get_trace(self) -> list[TraceEvent]:
        """The canonical events that this coordinator has seen, in order."""
        return self.trace_emitter.get_trace()

    def get_golden_signals(self) -> dict[str, Any]:
        """The golden signals over what this coordinator has seen."""
        return self.trace_emitter.get_golden_signals()

    def get_budget_utilization(self) -> dict[str, Any]:
        """Used, limit and percentage of every budget scope of the run that moved last, as its latest result had
        them; empty before the first. `budget` tells them of any run."""
        return dict(self._utilization)


AGENTSCoordinator = Coordinator  # the older name of the same class
