"""What agents are asked and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from cuga.orchestrator.execution import ExecutionContext
from cuga.orchestrator.failures import FailureMode, PartialResult
from cuga.orchestrator.library.lifecycle import Lifecycle
from cuga.projections.trace import TraceEvent


@dataclass(frozen=True, kw_only=True)
class AgentRequest:
    """A goal, or steps that are known already; `inputs` and `metadata` are the caller's own."""

    goal: str = ""
    steps: tuple[Mapping[str, Any], ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    context: ExecutionContext = field(default_factory=ExecutionContext)


@dataclass(frozen=True, kw_only=True)
class AgentResponse:
    """What came of a request. `status`: success, partial, failed; an error is an answer here, never an exception."""

    status: str
    result: Any = None
    error: str = ""
    failure_mode: FailureMode | None = None
    partial_result: PartialResult | None = None
    trace: tuple[TraceEvent, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        """Whether all of it is done."""
        return self.status == "success"

    @property
    def partial_success(self) -> bool:
        """Whether some of it is done and some is not."""
        return self.status == "partial"


@dataclass(frozen=True, kw_only=True)
class AgentResult:
    """What steps gave: the last output, all of them by step, and the trace of the run."""

    output: Any
    trace: tuple[TraceEvent, ...] = ()
    results: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""
    trace_id: str = ""


@runtime_checkable
class AgentProtocol(Protocol):
    """What every agent can do."""

    @property
    def name(self) -> str:
        """How it is called in decisions."""
        ...

    async def process(self, request: AgentRequest) -> AgentResponse:
        """Answer a request."""
        ...

    def get_lifecycle(self) -> Lifecycle:
        """Starting and ending it."""
        ...
