"""The front door: every way to use a house goes through these methods, whatever the wire before them.

A `Coordinator` opens its house on first use. It keeps no truth of its own: what it answers is read from the journal.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from cuga.clock import Clock
from cuga.errors import ApprovalNotFound, ApprovalTimeoutError, BadInput, NotFound, RunNotFound
from cuga.journal.codec import events_of
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.context import Principal
from cuga.model.event import ApprovalRequested, DoubtAnswer, Event, Verdict
from cuga.model.plan import Budget, CheckedPlan, Plan
from cuga.model.value import encode
from cuga.orchestrator.assemble import Assembly, open_house
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.orchestrator.place import Place
from cuga.orchestrator.summary import summary_of
from cuga.orchestrator.trace_emitter import TraceEmitter
from cuga.planning.check import check
from cuga.planning.schema import arguments_of
from cuga.projections.trace import TraceEvent
from cuga.settings import Settings

MAX_GOAL = 8 * 1024  # bytes (RELIABILITY D2, caps)


class Coordinator:
    """Runs goals and plans under a profile, and answers for them.

    `house` is a directory made by `cuga init`; without one everything lives in memory, which `is_durable` says.
    `user` is who asks; in a house with one user every record says `solo`.
    """

    def __init__(
        self,
        profile: str = "",
        *,
        house: Path | str | None = None,
        user: str = "",
        trace_emitter: TraceEmitter | None = None,
        tools: Sequence[Callable[..., Any]] = (),
        settings: Settings | None = None,
        clock: Clock | None = None,
        planner: Any = None,
        drives_all: bool = False,
    ) -> None:
        self.profile = profile
        self.user = user or _system_user()
        self.trace_emitter = trace_emitter or TraceEmitter()
        self._place = Place(Path(house).absolute()) if house is not None else None
        self._options: dict[str, Any] = {
            "settings": settings,
            "clock": clock,
            "tools": tuple(tools),
            "planner": planner,
            "drives_all": drives_all,
            "owner": self.user,
        }
        self._assembly: Assembly | None = None
        self._opening = asyncio.Lock()
        self._utilization: dict[str, Any] = {}

    @classmethod
    def on(cls, assembly: Assembly, user: str = "") -> Self:
        """A coordinator on a house that is open already; whoever opened it closes it."""
        made = cls(user=user)
        made._place = assembly.place
        made._assembly = assembly
        return made

    # --- opening and closing --------------------------------------------------------------------------------------
    @property
    def is_durable(self) -> bool:
        """Whether what is done here survives the process."""
        return self._place is not None

    async def open(self) -> Assembly:
        """The opened house; made on first use."""
        async with self._opening:
            if self._assembly is None:
                self._assembly = await open_house(self._place, **self._options)
                self._assembly.engine.listen("", self.trace_emitter.hear)
        return self._assembly

    async def close(self) -> None:
        """Let the house go; calls in flight get a little time first."""
        assembly, self._assembly = self._assembly, None
        if assembly is not None:
            await assembly.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()

    async def principal(self, user: str = "") -> Principal:
        """A person of this house, with the roles that count now."""
        assembly = await self.open()
        name = user or self.user
        roles = assembly.current.roles
        if not roles:
            return Principal(id=name, solo=True)
        return Principal(id=name, roles=roles.get(name, ()))

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
        as_of: datetime | None = None,
        by: Principal | None = None,
    ) -> str:
        """Begin a run and return its id at once; it goes on by itself. With `plan` nothing is planned."""
        assembly = await self.open()
        goal = goal.strip()
        if not goal:
            raise BadInput("the goal is empty", mend="Say what you want, e.g. cuga run 'Score Acme'.")
        if len(goal.encode("utf-8", "surrogatepass")) > MAX_GOAL:
            raise BadInput(f"the goal is longer than {MAX_GOAL:,} bytes", mend="Put long text into a file or a note.")
        goal = goal.encode("utf-8", "replace").decode()
        name = profile or (context.profile if context else "") or self.profile or assembly.registry.default_profile
        rules = await assembly.rules_for(name)
        checked = await self.checked(plan, name) if isinstance(plan, Plan) else plan
        run_id = assembly.clock.new_id()
        who = by or await self.principal(context.user_id if context else "")
        trace_id = (context.trace_id if context else "") or (plan.trace_id if isinstance(plan, Plan) else "") or run_id
        await assembly.engine.begin(
            run_id,
            c.StartRun(
                at=assembly.clock.now(),
                by=who,
                goal=goal,
                profile=name,
                policy_digest=rules.digest,
                trace_id=trace_id,
                plan=checked,
                budget=budget,
                plan_only=plan_only,
                as_of=as_of,
                crm_version=assembly.crm.crm_version(),
            ),
        )
        return run_id

    async def checked(self, plan: Plan, profile: str = "") -> CheckedPlan:
        """A plan stamped from the registry for a profile; `PlanInvalid` names all that is wrong with it."""
        assembly = await self.open()
        rules = await assembly.rules_for(profile or self.profile or assembly.registry.default_profile)
        return check(plan, rules.book)

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
        context: ExecutionContext | None = None,
        *,
        wait_s: float | None = None,
        raise_on_timeout: bool = False,
    ) -> ExecutionResult:
        """Run a plan that the caller brings, to its end or to its first park.

        With `wait_s` it also waits that long for decisions that are asked for; with `raise_on_timeout` it then raises
        `ApprovalTimeoutError`, while the request stays open and nothing is decided.
        """
        run_id = await self.start(plan.goal, plan=plan, context=context, budget=plan.budget)
        result = await self.wait(run_id)
        if wait_s is not None and result.status.value == "parked":
            result = await self._wait_for_people(run_id, wait_s)
            if raise_on_timeout and result.status.value == "parked":
                raise ApprovalTimeoutError(f"run {run_id} still waits after {wait_s} s: {result.reason}")
        return result

    async def _wait_for_people(self, run_id: str, wait_s: float) -> ExecutionResult:
        assembly = await self.open()
        moved = asyncio.Event()
        stop = assembly.engine.listen(run_id, lambda _run, _events: moved.set())
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        try:
            while True:
                result = await self.wait(run_id)
                left = until - loop.time()
                if result.status.value != "parked" or left <= 0:
                    return result
                moved.clear()
                try:
                    async with asyncio.timeout(left):
                        await moved.wait()
                except TimeoutError:
                    return await self.result(run_id)
        finally:
            stop()

    async def resume(self, run_id: str) -> ExecutionResult:
        """Go on with a run that an earlier process left, or look again whether a parked one can go on."""
        assembly = await self.open()
        await assembly.engine.resume(run_id)
        return await self.wait(run_id)

    async def cancel(self, run_id: str, reason: str = "", by: Principal | None = None) -> ExecutionResult:
        """Stop a run: nothing new starts, calls in flight are waited for, and the run ends as cancelled."""
        await self._send(run_id, c.Cancel, by, reason=reason)
        return await self.wait(run_id)

    # --- people ---------------------------------------------------------------------------------------------------
    async def answer(
        self,
        approval_id: str,
        verdict: Verdict | str,
        *,
        digest: str = "",
        reason: str = "",
        changes: dict[str, Any] | None = None,
        by: Principal | None = None,
    ) -> ExecutionResult:
        """Decide on an approval: approve, deny, amend (with `changes`: argument name -> new value), request-changes.

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
        arguments = await self._amended(request, changes) if said is Verdict.AMEND else None
        await assembly.engine.send(
            _run_of(approval_id),
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
        return await self.result(_run_of(approval_id))

    async def _amended(self, request: ApprovalRequested, changes: dict[str, Any] | None) -> msgspec.Raw:
        if not changes:
            raise BadInput("an amendment needs at least one change, e.g. --set subject='Hello'")
        assembly = await self.open()
        arguments = msgspec.json.decode(request.arguments)
        for path, value in changes.items():
            _put(arguments, path, value)
        state = await assembly.driver.state(_run_of(request.approval_id))
        rules = await assembly.driver.rules(state.started.policy_digest)
        if faults := arguments_of(rules.contracts[request.tool]).faults(arguments):
            raise BadInput(f"the changed arguments do not fit {request.tool}: {'; '.join(faults)}")
        return msgspec.Raw(encode(arguments))

    async def request(self, approval_id: str) -> ApprovalRequested:
        """The request behind an approval id, open or closed."""
        for event in await self.events(_run_of(approval_id)):
            if isinstance(event, ApprovalRequested) and event.approval_id == approval_id:
                return event
        raise ApprovalNotFound(approval_id)

    async def revoke(self, approval_id: str, reason: str = "", by: Principal | None = None) -> ExecutionResult:
        """Take back an approval that has not been used."""
        return await self._send(_run_of(approval_id), c.RevokeApproval, by, approval_id=approval_id, reason=reason)

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
                raise BadInput(f"{run_id} does not wait for a budget; name one with --scope")
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

    # --- looking --------------------------------------------------------------------------------------------------
    async def events(self, run_id: str, after: int = 0) -> list[Event]:
        """The facts of a run, in order, after the first `after` of them."""
        assembly = await self.open()
        stored = await assembly.journal.read(run_id, after)
        if not stored and not after:
            raise RunNotFound(run_id)
        return events_of(stored)

    async def follow(self, run_id: str, after: int = 0) -> AsyncIterator[Event]:
        """The facts of a run as they become durable, from the beginning, until it ends or parks."""
        assembly = await self.open()
        news: asyncio.Queue[None] = asyncio.Queue()
        stop = assembly.engine.listen(run_id, lambda _run, _events: news.put_nowait(None))
        try:
            while True:
                for event in await self.events(run_id, after):
                    after += 1
                    yield event
                state = await assembly.driver.state(run_id)
                if state.version <= after and (state.end is not None or state.parked is not None) and not state.due:
                    return
                await news.get()
        finally:
            stop()

    async def state(self, run_id: str) -> RunState:
        """Where a run stands."""
        assembly = await self.open()
        return await assembly.driver.state(run_id)

    async def result(self, run_id: str) -> ExecutionResult:
        """What has become of a run so far."""
        assembly = await self.open()
        state = await assembly.driver.state(run_id)
        rules = await assembly.driver.rules(state.started.policy_digest)
        result = await summary_of(await self.events(run_id), state, rules, assembly.journal)
        self._utilization = result.budget_utilization
        return result

    def get_trace(self) -> list[TraceEvent]:
        """The canonical events that this coordinator has seen, in order."""
        return self.trace_emitter.get_trace()

    def get_golden_signals(self) -> dict[str, Any]:
        """The golden signals over what this coordinator has seen."""
        return self.trace_emitter.get_golden_signals()

    def get_budget_utilization(self) -> dict[str, Any]:
        """Used, limit and percentage of every budget scope of the run that moved last; empty before the first."""
        return dict(self._utilization)


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "user"


def _run_of(approval_id: str) -> str:
    run_id, dash, number = approval_id.rpartition("-a")
    if not dash or not number.isdigit():
        raise ApprovalNotFound(approval_id)
    return run_id


def _put(arguments: Any, path: str, value: Any) -> None:
    """Set a value at a dotted name or JSON Pointer; only what is there already may be changed, or a new top-level name."""
    names = path[1:].split("/") if path.startswith("/") else path.split(".")
    target = arguments
    for name in names[:-1]:
        if not isinstance(target, dict) or name not in target:
            raise NotFound(f"the arguments have no {path!r}")
        target = target[name]
    if not isinstance(target, dict):
        raise NotFound(f"the arguments have no {path!r}")
    target[names[-1]] = value
