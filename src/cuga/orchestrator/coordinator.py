"""The front door: every way to use a house goes through these methods, whatever the wire before them.

A `Coordinator` opens its house on first use. It keeps no truth of its own: what it answers is read from the journal.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from cuga.errors import ApprovalTimeoutError, BadInput
from cuga.journal.port import Backed
from cuga.kernel.thinking import MODEL
from cuga.model.context import Principal
from cuga.model.plan import Plan
from cuga.orchestrator.calendar import timetable
from cuga.orchestrator.changing.bringing import Bringing
from cuga.orchestrator.changing.doorkeeping import Doorkeeping
from cuga.orchestrator.changing.mailroom import Mailroom
from cuga.orchestrator.changing.remembering import Remembering
from cuga.orchestrator.changing.servers import Servers
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.orchestrator.house.assembly import house_stream
from cuga.orchestrator.keeping.erasing import Erasing
from cuga.orchestrator.keeping.evidence import Evidence, Scope, write_bundle
from cuga.orchestrator.keeping.retaining import Retaining
from cuga.orchestrator.keeping.witnessing import Witnessing
from cuga.orchestrator.library.members import Members
from cuga.orchestrator.looking.overseeing import Overseeing
from cuga.orchestrator.rehearsal.comparing import Compared, differences, spent_words
from cuga.orchestrator.rehearsal.rehearsing import Rehearsing
from cuga.orchestrator.running.beginning import Beginning
from cuga.orchestrator.running.deciding import Deciding
from cuga.projections.trace import TraceEvent


class Coordinator(
    Members,
    Beginning,
    Deciding,
    Mailroom,
    Servers,
    Doorkeeping,
    Bringing,
    Rehearsing,
    Overseeing,
    Remembering,
    Erasing,
    Retaining,
    Witnessing,
):
    """Runs goals and plans under a profile, and answers for them.

    `house` is a directory made by `cuga init`; without one everything lives in memory, which `is_durable` says.
    `user` is who asks; in a house with one user every record says `solo`.
    """

    # --- running --------------------------------------------------------------------------------------------------
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
