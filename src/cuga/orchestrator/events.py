"""Events as objects, for callers that make their own: each is a trace event, readable as object and as mapping.

They carry the ten canonical names and no other. What a run does is told by its journal; these tell what a caller does
beside it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from cuga.clock import Clock, SystemClock
from cuga.orchestrator.library.partial import PartialResult
from cuga.projections.trace import TraceEvent


class CallerEvent(TraceEvent, frozen=True, kw_only=True, omit_defaults=False):
    """An event that a caller made; it belongs to a trace and to no run of the journal."""

    @classmethod
    def _named(cls, name: str, trace_id: str, at: datetime | None, step: str = "", **details: Any) -> Self:
        clock: Clock = SystemClock()
        return cls(name=name, at=at or clock.now(), trace_id=trace_id, run_id="", seq=0, step=step, details=details)


class ToolCallEvent(CallerEvent, frozen=True, kw_only=True, omit_defaults=False):
    """A tool call of a caller's own."""

    @classmethod
    def create_start(
        cls,
        trace_id: str,
        tool: str,
        inputs: dict[str, Any] | None = None,
        *,
        step: str = "",
        at: datetime | None = None,
    ) -> Self:
        """The call is about to be made."""
        return cls._named("tool_call_start", trace_id, at, step, tool=tool, arguments=inputs or {})

    @classmethod
    def create_complete(
        cls,
        trace_id: str,
        tool: str,
        result: Any = None,
        *,
        duration_ms: float = 0.0,
        step: str = "",
        at: datetime | None = None,
    ) -> Self:
        """The call answered."""
        took = round(duration_ms * 1000)
        return cls._named("tool_call_complete", trace_id, at, step, tool=tool, result=result, duration_us=took)

    @classmethod
    def create_error(
        cls, trace_id: str, tool: str, error: str, *, mode: str = "", step: str = "", at: datetime | None = None
    ) -> Self:
        """The call did not answer."""
        return cls._named("tool_call_error", trace_id, at, step, tool=tool, message=error, mode=mode)


class ApprovalEvent(CallerEvent, frozen=True, kw_only=True, omit_defaults=False):
    """A request for consent, its answer, or its end without one."""

    @classmethod
    def create_requested(cls, trace_id: str, request_id: str, tool_name: str, *, at: datetime | None = None) -> Self:
        """Somebody is asked."""
        return cls._named("approval_requested", trace_id, at, approval_id=request_id, tool=tool_name)

    @classmethod
    def create_received(
        cls, trace_id: str, request_id: str, approved: bool, *, by: str = "", at: datetime | None = None
    ) -> Self:
        """Somebody answered."""
        verdict = "approve" if approved else "deny"
        return cls._named("approval_received", trace_id, at, approval_id=request_id, verdict=verdict, reviewer=by)

    @classmethod
    def create_timeout(cls, trace_id: str, request_id: str, *, at: datetime | None = None) -> Self:
        """Nobody answered in time."""
        return cls._named("approval_timeout", trace_id, at, approval_id=request_id)


class PartialResultEvent(CallerEvent, frozen=True, kw_only=True, omit_defaults=False):
    """Work ended before its end: the error, and what was done before it."""

    @classmethod
    def create(cls, trace_id: str, partial_result: PartialResult, *, at: datetime | None = None) -> Self:
        """The event of a partial result; it is the error of the step that failed."""
        return cls._named(
            "tool_call_error",
            trace_id,
            at,
            tool=str(partial_result.failed_step.get("tool", "")),
            message=partial_result.error,
            mode=partial_result.failure_mode.value,
            partial_result=partial_result.to_dict(),
        )
