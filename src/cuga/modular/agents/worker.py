"""A worker: tools, and steps that are run with them by the house. It has no loop of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cuga.errors import ApprovalTimeoutError, BadInput, CugaError
from cuga.model.failure import FailureMode
from cuga.model.plan import Budget
from cuga.modular.agents.crew import Crew
from cuga.modular.agents.words import AgentRequest, AgentResponse, AgentResult
from cuga.modular.agents.working import Steps, context_of, run_steps, steps_of
from cuga.orchestrator.approval import ApprovalManager
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.failures import Classifier, PartialResult, RetryPolicy, classify
from cuga.orchestrator.home import Home
from cuga.orchestrator.library.lifecycle import Lifecycle
from cuga.planning.memory import Notes
from cuga.tools.registry import ToolRegistry


@dataclass(eq=False)
class WorkerAgent:
    """Runs steps with the tools of `registry`, in a house in memory or in the one that is handed in.

    A house that is handed in brings its own tools and its own rule for trying again. `failure_classifier` says the mode
    of an exception of its tools; `failure_mode_handler` is another name for it.
    """

    registry: ToolRegistry | None = None
    memory: Notes | None = None
    retry_policy: RetryPolicy | None = None
    approval_manager: ApprovalManager | None = None
    coordinator: Coordinator | None = None
    name: str = "worker"
    profile: str = ""
    failure_classifier: Classifier | None = None
    failure_mode_handler: Classifier | None = None
    crew: Crew | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.failure_classifier = self.failure_classifier or self.failure_mode_handler
        if self.coordinator is not None and self.retry_policy is not None:
            raise BadInput("a house that is handed in has its own rule for trying again", mend="Say it in its profile.")
        self._lifecycle = Lifecycle(self._begin, self._end)
        self._own: Crew | None = None  # the house that this worker made, and closes

    @property
    def home(self) -> Home:
        """The house this worker works in, made when first asked for."""
        if self.crew is None:
            self.crew = Crew.of([self], coordinator=self.coordinator, retry_policy=self.retry_policy)
            self._own = self.crew
        if self.approval_manager is not None:
            self.approval_manager.join(self.crew.home)
        return self.crew.home

    # --- running steps --------------------------------------------------------------------------------------------
    def execute(self, steps: Steps, metadata: Mapping[str, Any] | None = None) -> AgentResult:
        """`execute_with_retry` for plain functions."""
        return self.home.do_now(self._run(steps, metadata))

    async def execute_with_retry(self, steps: Steps, metadata: Mapping[str, Any] | None = None) -> AgentResult:
        """Run steps one after the other; what passes by itself is tried again as the rules say.

        `ToolExecutionError` with `partial_result` when one fails for good, `ApprovalDeniedError` for a no,
        `ApprovalTimeoutError` when nobody decided in time: then the request stays open.
        """
        return await self.home.do(self._run(steps, metadata))

    def execute_from_partial(
        self, steps: Steps, partial: PartialResult, metadata: Mapping[str, Any] | None = None
    ) -> AgentResult:
        """Go on after what is done, for plain functions. `InvalidTransition` while nobody knows what happened."""
        return self.home.do_now(self._resume(steps, partial, metadata))

    async def resume_from_partial(
        self, steps: Steps, partial: PartialResult, metadata: Mapping[str, Any] | None = None
    ) -> AgentResult:
        """`execute_from_partial` for callers that await."""
        return await self.home.do(self._resume(steps, partial, metadata))

    async def _resume(self, steps: Steps, partial: PartialResult, metadata: Mapping[str, Any] | None) -> AgentResult:
        return await self._run(steps, metadata, after=partial)

    async def _run(
        self, steps: Steps, metadata: Mapping[str, Any] | None, after: PartialResult | None = None
    ) -> AgentResult:
        assert self.crew is not None
        house = await self.crew.ready()
        said = dict(metadata or {})
        budget = said.pop("budget", None)
        return await run_steps(
            house,
            steps_of(steps, self.approval_manager),
            context_of(said, "" if after is not None else self.profile),
            goal=str(said.get("goal", "")),
            budget=budget if isinstance(budget, Budget) else None,
            wait_s=self.approval_manager.policy.timeout_seconds if self.approval_manager is not None else 0.0,
            after=after,
        )

    @staticmethod
    def get_partial_result_from_exception(exc: BaseException) -> PartialResult | None:
        """What an exception says was done before it; None when it says nothing."""
        facts = getattr(exc, "facts", {})
        found = facts.get("partial_result") if isinstance(facts, dict) else None
        return found if isinstance(found, PartialResult) else None

    def _classify_failure(self, error: BaseException) -> FailureMode:
        return classify(error, self.failure_classifier)

    # --- as an agent ----------------------------------------------------------------------------------------------
    async def process(self, request: AgentRequest) -> AgentResponse:
        """Run the steps of a request. Whatever goes wrong is an answer."""
        said = {"trace_id": request.context.trace_id, "profile": request.context.profile, "goal": request.goal}
        try:
            result = await self.execute_with_retry(request.steps, {**request.metadata, **said})
        except CugaError as error:
            return response_to(error)
        return AgentResponse(status="success", result=result.output, trace=result.trace)

    def get_lifecycle(self) -> Lifecycle:
        """Starting and ending it: starting opens the house, ending lets an own one go."""
        return self._lifecycle

    async def startup(self) -> None:
        """Be ready; twice is once."""
        await self._lifecycle.startup()

    async def shutdown(self, timeout_s: float = 30.0) -> bool:
        """End within so many seconds."""
        return await self._lifecycle.shutdown(timeout_s)

    async def _begin(self) -> None:
        home = self.home
        assert self.crew is not None
        await home.do(self.crew.ready())

    async def _end(self) -> None:
        if self._own is not None:
            await self._own.home.close()


def response_to(error: CugaError) -> AgentResponse:
    """An error as an answer: partial when something was done before it."""
    partial = WorkerAgent.get_partial_result_from_exception(error)
    waits = isinstance(error, ApprovalTimeoutError)
    return AgentResponse(
        status="partial" if partial is not None and partial.completed_steps else "failed",
        result=dict(partial.step_results) if partial is not None else None,
        error=error.message,
        failure_mode=partial.failure_mode if partial is not None else None,
        partial_result=partial,
        metadata={"next": error.next_step, **({"waits_for": error.facts.get("approvals", ())} if waits else {})},
    )
