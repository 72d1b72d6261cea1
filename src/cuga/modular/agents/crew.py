"""The workers of one house: their tools become the house's tools, and each call goes to one worker's own handler.

Everything else is the house's: the gate, budgets, approvals, tries, the journal. Where several workers have a tool, the
routing authority says whose hands it is. In a house of its own the workers are its pools, so that the choice is a fact
of the run, made with the intent and before anything is touched. A house that is handed in has pools of its own or none;
there the ROUTE stage and an audit trail alone tell whose hands they were.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from cuga.errors import ToolInvalid
from cuga.model.event import Event, RouteDecision, RunFinished, ToolCallComplete, ToolCallError, ToolCallStart
from cuga.modular.agents.handing import CREW, ByAuthority, told, with_workers
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.failures import Classifier, RetryPolicy, classify
from cuga.orchestrator.home import Home
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.library.rooms import rules_for_agents
from cuga.orchestrator.routing import PolicyBasedRoutingAuthority, RoutingAuthority, RoutingDecision
from cuga.planning.memory import Notes
from cuga.policy.routing import Candidate
from cuga.tools.declare import ToolContext
from cuga.tools.registry import Tool, ToolRegistry

_CONTEXT = "context"
MOST_KEPT = 10_000  # decisions; older ones are in the audit trail


class Hands(Protocol):
    """What a crew wants of a worker."""

    name: str
    registry: ToolRegistry | None
    failure_classifier: Classifier | None


@dataclass(eq=False)
class Crew:
    """Workers, the house they work in, and what each of them is busy with."""

    workers: Sequence[Hands]
    authority: RoutingAuthority
    home: Home

    @classmethod
    def of(
        cls,
        workers: Sequence[Hands],
        *,
        coordinator: Coordinator | None = None,
        authority: RoutingAuthority | None = None,
        retry_policy: RetryPolicy | None = None,
        memory: Notes | None = None,
    ) -> Crew:
        """A crew in the house that is handed in, which has its own tools and rules, or in one in memory."""
        chosen = authority or PolicyBasedRoutingAuthority()
        if coordinator is not None:
            return cls(workers, chosen, Home.of(coordinator))
        rules = rules_for_agents(retry_policy)
        crew = cls(workers, chosen, Home.own(registry=rules))
        by_worker = {
            worker.name: tuple(tool.contract.name for tool in worker.registry.all()) if worker.registry else ()
            for worker in workers
        }
        crew.home = Home.own(
            crew.tools(),
            registry=with_workers(rules, by_worker),
            memory=memory,
            routing=(ByAuthority(lambda: crew.authority),),
        )
        crew.is_own = True
        return crew

    def __post_init__(self) -> None:
        self.is_own = False  # the house was made for this crew, and its pools are the workers
        self.busy: dict[str, int] = {worker.name: 0 for worker in self.workers}
        self.decisions: dict[tuple[str, str], RoutingDecision] = {}
        self._at: dict[tuple[str, str], str] = {}  # step in flight -> the worker that counts it
        self._heard: Assembly | None = None  # the open house that is listened to
        self._counting = threading.Lock()
        if len(self.busy) < len(self.workers):
            raise ToolInvalid("two workers have the same name", mend="Give each worker a `name` of its own.")

    async def ready(self) -> Coordinator:
        """The open house; from now on the crew hears where its steps go."""
        assembly = await self.home.coordinator.open()
        if self._heard is not assembly:
            self._heard = assembly
            with self._counting:  # what was in flight in a house before this one is taken over by nobody here
                self._at.clear()
                self.busy.update(dict.fromkeys(self.busy, 0))
            assembly.engine.listen("", self._hear)
            if self.is_own:
                await self.home.coordinator.set_routing_policy(CREW, "the crew's routing authority chooses")
        return self.home.coordinator

    def candidates(self, tool: str) -> list[Candidate]:
        """The workers that have a tool, with what they are busy with."""
        return [
            Candidate(name=worker.name, running=self.busy[worker.name], limit=1)
            for worker in self.workers
            if worker.registry is not None and worker.registry.get(tool) is not None
        ]

    def tools(self) -> tuple[Tool, ...]:
        """Every tool of the workers, once by name. `ToolInvalid` where two mean different things by one name."""
        found: dict[str, dict[str, Tool]] = {}
        for worker in self.workers:
            for tool in worker.registry.all() if worker.registry is not None else ():
                found.setdefault(tool.contract.name, {})[worker.name] = tool
        made = []
        for name, by_worker in found.items():
            first = next(iter(by_worker.values()))
            wanted = msgspec.structs.replace(first.contract, module="")
            if any(msgspec.structs.replace(tool.contract, module="") != wanted for tool in by_worker.values()):
                raise ToolInvalid(
                    f"{name} has another contract at another worker", mend="Give one of them another name."
                )
            is_async = all(tool.is_async for tool in by_worker.values())
            made.append(replace(first, function=self._hand(by_worker, is_async), is_async=is_async, context=_CONTEXT))
        return tuple(made)

    def _hand(self, by_worker: Mapping[str, Tool], is_async: bool) -> Callable[..., Any]:
        """The function of a tool: it goes to the worker that the step was routed to."""

        def taken(named: dict[str, Any]) -> tuple[Hands, Tool, dict[str, Any]]:
            context: ToolContext = named[_CONTEXT]
            decision = self.decisions.get((context.run_id, context.step_id))
            name = decision.target if decision is not None and decision.target in by_worker else next(iter(by_worker))
            tool = by_worker[name]
            if tool.fields is not None and tool.context != _CONTEXT:
                named = {key: value for key, value in named.items() if key != _CONTEXT}
                named |= {tool.context: context} if tool.context else {}
            return next(worker for worker in self.workers if worker.name == name), tool, named

        def call(**named: Any) -> Any:
            worker, tool, named = taken(named)
            with self._named_by(worker):
                return tool.function(**named)

        async def call_async(**named: Any) -> Any:
            worker, tool, named = taken(named)
            with self._named_by(worker):
                return await tool.function(**named)

        return call_async if is_async else call

    @contextmanager
    def _named_by(self, worker: Hands) -> Iterator[None]:
        """Let an exception say the mode that the worker's own classifier gives it."""
        try:
            yield
        except Exception as error:
            if worker.failure_classifier is not None:
                with suppress(AttributeError):  # an exception that takes no attribute is classified by its kind
                    error.failure_mode = classify(error, worker.failure_classifier)  # type: ignore[attr-defined]
            raise

    def _hear(self, run_id: str, events: Sequence[Event]) -> None:
        """Say whose hands a step is in, as soon as its intent is durable; when it is tried again it may be in others.

        A worker is busy from then on until the outcome is durable, so that the next choice knows of this one.
        """
        for event in events:
            match event:
                case RouteDecision(policy=policy) if policy == CREW:
                    decision = told(event)
                    self._keep((run_id, event.step), decision)
                    if isinstance(self.authority, PolicyBasedRoutingAuthority):
                        self.authority.heard(decision)
                case ToolCallStart():
                    self._hand_over(run_id, event)
                case ToolCallComplete(step=step) | ToolCallError(step=step):
                    self._take_back((run_id, step))
                case RunFinished():
                    for key in [key for key in self._at if key[0] == run_id]:
                        self._take_back(key)
                case _:
                    pass

    def _hand_over(self, run_id: str, start: ToolCallStart) -> None:
        key = (run_id, start.step)
        self._take_back(key)
        decision = self.decisions.get(key) or self._decide(start)
        if decision is None:
            return
        self._keep(key, decision)
        if decision.target in self.busy:
            with self._counting:
                self._at[key] = decision.target
                self.busy[decision.target] += 1

    def _keep(self, key: tuple[str, str], decision: RoutingDecision) -> None:
        self.decisions[key] = decision
        if len(self.decisions) > MOST_KEPT:
            del self.decisions[next(iter(self.decisions))]

    def _take_back(self, key: tuple[str, str]) -> None:
        with self._counting:
            if (name := self._at.pop(key, None)) is not None:
                self.busy[name] -= 1

    def _decide(self, start: ToolCallStart) -> RoutingDecision | None:
        candidates = self.candidates(start.tool)
        return self.authority.route_to_worker(candidates) if candidates else None
