"""The reading half of the front door: every question that changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from cuga.errors import ApprovalNotFound, RunNotFound
from cuga.journal.codec import events_of
from cuga.journal.seal import Fault
from cuga.kernel.state import RunState
from cuga.model.event import ApprovalRequested, Event, Status
from cuga.model.house_event import ScheduleAdded
from cuga.model.plan import CheckedPlan
from cuga.model.tool import ToolContract
from cuga.model.value import Value
from cuga.orchestrator.execution import ExecutionResult
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.consenting import CONSENT
from cuga.orchestrator.house.opened import Opened
from cuga.orchestrator.house.place import shipped_registry
from cuga.orchestrator.keeping.sealing import Sealed
from cuga.orchestrator.llm.models import Models
from cuga.orchestrator.looking.standing import AdapterLine, Workers, adapter_lines, workers_of
from cuga.orchestrator.looking.summary import summary_of
from cuga.orchestrator.operating.health import examine
from cuga.orchestrator.operating.machine import Finding
from cuga.planning.forecast import Forecast, forecast
from cuga.planning.plays import Ready, ready
from cuga.policy.profile import Delegation, StandingRule
from cuga.policy.registry import load_registry
from cuga.projections.audit import AuditRecord, read_audit
from cuga.projections.budget import Utilisation, utilisation_of
from cuga.projections.card import Card
from cuga.projections.inbox import find_card, inbox, open_of
from cuga.projections.needs import is_asked_in
from cuga.projections.result import RunResult, as_it_stands_now, read_result
from cuga.projections.runs import RunLine, as_it_stands, list_runs
from cuga.projections.signals import Signals
from cuga.projections.trace import Trace, read_trace
from cuga.settings import read_settings


class Planned(Value, frozen=True, kw_only=True):
    """A plan that nothing of has run, with what it would cost and need; or what the planner asks or says instead."""

    run_id: str
    status: Status
    plan: CheckedPlan | None = None
    forecast: Forecast | None = None
    question: str = ""
    options: tuple[str, ...] = ()
    reason: str = ""
    mend: str = ""


class HouseNow(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What holds in a house now, whatever its runs are pinned to. `roles` is empty while one person has it alone."""

    owner: str
    halted: str
    halt_ends_with: str  # the command for it; empty when nothing is halted
    roles: dict[str, tuple[str, ...]]
    delegations: tuple[Delegation, ...]
    standing_rules: tuple[StandingRule, ...]
    adapters: dict[str, tuple[str, ...]]  # capability -> declared adapters
    installed_adapters: dict[str, tuple[str, ...]]
    disabled_adapters: dict[str, str]  # adapter -> reason
    forbidden_tools: dict[str, str]  # tool -> reason
    crm_version: str
    schedules: tuple[ScheduleAdded, ...]
    paused_schedules: tuple[str, ...]


class Reading(Opened):
    """A house at hand, to look at."""

    async def events(self, run_id: str, after: int = 0) -> list[Event]:
        """The facts of a run, in order, after the first `after` of them."""
        assembly = await self.open()
        stored = await assembly.journal.read(run_id, after)
        if not stored and not after:
            raise RunNotFound(run_id)
        return events_of(stored)

    async def follow(self, run_id: str, after: int = 0) -> AsyncIterator[Event]:
        """The facts of a run as they become durable, from the beginning, until it ends or parks.

        `HouseClosed` when the house is closed before that, or what the run is stuck on.
        """
        assembly = await self.open()
        with assembly.engine.news(run_id) as news:
            while True:
                news.check()
                rests = await assembly.engine.rests(run_id)
                for event in events_of(await assembly.journal.read(run_id, after)):
                    after += 1
                    yield event
                state = await assembly.driver.state(run_id)
                if (
                    rests
                    and state.version <= after
                    and (state.end is not None or state.parked is not None)
                    and not state.due
                ):
                    return
                await news.get()

    async def sealed(self) -> Sealed | None:
        """How far the journal is sealed, by which key, and where that is kept; None for a house in memory."""
        sealer = (await self.open()).sealer
        return None if sealer is None else sealer.now()

    async def state(self, run_id: str) -> RunState:
        """Where a run stands."""
        assembly = await self.open()
        return await assembly.driver.state(run_id)

    async def result(self, run_id: str) -> ExecutionResult:
        """What has become of a run so far."""
        assembly = await self.open()
        state = await assembly.driver.state(run_id)
        rules = await assembly.driver.rules(state.started.policy_digest)
        found = await read_result(assembly.journal, run_id)
        result = summary_of(found, await self.events(run_id), state, rules)
        if run_id == self._moved or not self._moved:
            self._utilization = result.budget_utilization
        return result

    async def request(self, approval_id: str) -> ApprovalRequested:
        """The request behind an approval id, open or closed."""
        try:
            events = await self.events(run_of(approval_id))
        except RunNotFound:
            raise ApprovalNotFound(approval_id) from None
        for event in events:
            if isinstance(event, ApprovalRequested) and event.approval_id == approval_id:
                return event
        raise ApprovalNotFound(approval_id)

    async def planned(self, run_id: str) -> Planned:
        """The plan of a run, with its forecast."""
        assembly = await self.open()
        state = await assembly.driver.state(run_id)
        rules = await assembly.driver.rules(state.started.policy_digest)
        question = next(iter(state.questions.values()), None)
        end = state.end
        return Planned(
            run_id=run_id,
            status=state.status,
            plan=state.plan,
            forecast=forecast(state.plan, rules.book, budget=state.started.budget) if state.plan else None,
            question=question.text if question else "",
            options=question.options if question else (),
            reason=end.reason if end else state.parked.reason if state.parked else "",
            mend=end.mend if end else "",
        )

    async def runs(self, status: Status | None = None, before: str = "", limit: int = 50) -> list[RunLine]:
        """Runs of this house, newest first."""
        assembly = await self.open()
        lines = await list_runs(assembly.journal, tenant=assembly.tenant, status=status, before=before, limit=limit)
        return await lines_now(assembly, lines)

    async def show(self, run_id: str) -> RunResult:
        """What came of a run so far, for a person: each step with its output, evidence, unknowns, approvals."""
        assembly = await self.open()
        result = await read_result(assembly.journal, run_id)
        return as_it_stands_now(result, assembly.current, assembly.clock.now())

    async def inbox(self, run_id: str = "", limit: int = 50) -> list[Card]:
        """What waits for a person's decision, the riskiest first; of the house or of one run."""
        assembly = await self.open()
        return await inbox(
            assembly.journal, tenant=assembly.tenant, run_id=run_id, limit=limit, known=assembly.known_cards
        )

    async def card(self, approval_id: str) -> Card:
        """One request, open or closed."""
        assembly = await self.open()
        return await find_card(assembly.journal, approval_id)

    async def audit(self, run_id: str) -> AuditRecord:
        """The audit record of a run."""
        assembly = await self.open()
        return await read_audit(assembly.journal, run_id)

    async def budget(self, run_id: str) -> Utilisation:
        """How much of its budgets a run has used, scope by scope."""
        assembly = await self.open()
        state = await assembly.driver.state(run_id)
        rules = await assembly.driver.rules(state.started.policy_digest)
        return utilisation_of(state, rules.profile.limits)

    async def trace(self, run_id: str, everything: bool = False) -> Trace:
        """The canonical events of a run, or all of them."""
        assembly = await self.open()
        return await read_trace(assembly.journal, run_id, everything=everything)

    async def signals(self, profile: str = "", since: datetime | None = None, until: datetime | None = None) -> Signals:
        """The golden signals over all runs of the house, or of a profile or a window of whole hours."""
        assembly = await self.open()
        return await assembly.signals.read(tenant=assembly.tenant, profile=profile, since=since, until=until)

    async def tools(self, words: str = "") -> list[ToolContract]:
        """The tools of this house that do something; with words the ones that fit them, best first."""
        assembly = await self.open()
        if words.strip():
            return [ranked.contract for ranked in assembly.tools.rank(words) if ranked.contract.name != CONSENT]
        contracts = (one for one in assembly.tools.contracts().values() if one.name != CONSENT)
        return sorted(contracts, key=lambda contract: (contract.domain, contract.name))

    async def plays(self) -> list[Ready]:
        """The quick actions of this house: what each takes, and which tools it lacks here."""
        assembly = await self.open()
        return ready(assembly.tools.plays(), assembly.tools.contracts())

    async def tools_for(self, words: str, profile: str = "") -> list[ToolContract]:
        """The tools that fit some words and that a profile lets a run use now, best first."""
        assembly = await self.open()
        rules = await assembly.rules_for(profile or self.profile)
        allowed = rules.profile.tools
        banned = {*rules.profile.forbidden_tools, *assembly.current.forbidden_tools}
        return [
            tool
            for tool in await self.tools(words)
            if tool.name not in banned and (not allowed or tool.name in allowed)
        ]

    def has_model(self, profile: str = "") -> bool:
        """Whether a model would be asked for plans under a profile, without opening the house for it."""
        assembly = self._assembly
        if assembly is not None:
            return assembly.models.now(profile or self.profile or assembly.registry.default_profile).is_on
        registry = self._registry_to_be() or load_registry(shipped_registry())
        models = Models(self._options["settings"] or read_settings(), lambda: registry, self._options["model"])
        return models.now(profile or self.profile or registry.default_profile).is_on

    async def house(self) -> HouseNow:
        """What holds in the house now: people, standing rules, what is switched off."""
        assembly = await self.open()
        state, current = assembly.state, assembly.current
        return HouseNow(
            owner=state.owner,
            halted=current.halted,
            halt_ends_with=current.halt_ends_with if current.halted else "",
            roles=dict(state.roles),
            delegations=tuple(state.delegations.values()),
            standing_rules=tuple(state.standing.values()),
            adapters=dict(assembly.registry.adapters),
            installed_adapters=assembly.installed(),
            disabled_adapters=dict(state.disabled),
            forbidden_tools=dict(state.forbidden),
            crm_version=assembly.crm.crm_version(),
            schedules=tuple(state.schedules.values()),
            paused_schedules=tuple(state.paused),
        )

    async def adapters(self) -> list[AdapterLine]:
        """Every declared adapter, by capability: whether it can be used now, and who switched it last."""
        return adapter_lines(await self.open())

    async def workers(self) -> Workers:
        """The worker pools, how busy they are in the process that holds the house, and the policy between them."""
        return workers_of(await self.open())

    async def verify(self) -> list[Fault]:
        """All that is wrong with the journal; empty: every chain, blob and claim holds."""
        assembly = await self.open()
        return await assembly.verify()

    async def doctor(self) -> list[Finding]:
        """What works, what does not, and how to mend it."""
        return await examine(await self.open())


def run_of(approval_id: str) -> str:
    """The run that asked for an approval; its id says so."""
    run_id, dash, number = approval_id.rpartition("-a")
    if not dash or not number.isdigit():
        raise ApprovalNotFound(approval_id)
    return run_id


async def lines_now(assembly: Assembly, lines: Sequence[RunLine]) -> list[RunLine]:
    """Lines of runs as the house stands now."""
    current, at, found = assembly.current, assembly.clock.now(), []
    for line in lines:
        is_asked = line.ended_at is None and is_asked_in(line.needs)
        asked = await open_of(assembly.journal, line.run_id, line.version, assembly.known_cards) if is_asked else ()
        found.append(as_it_stands(line, asked, current, at))
    return found
