"""What callers of the library hand in and get back: the context of a request and the result of a run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from cuga.model.event import Status
from cuga.model.value import Value
from cuga.projections.steps import StepResult


class ExecutionContext(Value, frozen=True, kw_only=True):
    """The circumstances of a request. Frozen: a change is a new value, made by a `with_` method."""

    trace_id: str = ""
    request_id: str = ""
    profile: str = ""
    user_intent: str = ""
    user_id: str = ""
    memory_scope: str = ""
    conversation_id: str = ""
    session_id: str = ""
    metadata: dict[str, Any] = {}
    parent_context: ExecutionContext | None = None
    created_at: datetime | None = None

    def with_trace(self, trace_id: str) -> ExecutionContext:
        """The same circumstances under another trace, this one kept as the parent."""
        return msgspec.structs.replace(self, trace_id=trace_id, parent_context=self)

    def with_profile(self, profile: str) -> ExecutionContext:
        """The same circumstances under another profile."""
        return msgspec.structs.replace(self, profile=profile)

    def with_request(self, request_id: str, user_intent: str = "") -> ExecutionContext:
        """The same circumstances for another request, and what its person means by it."""
        return msgspec.structs.replace(self, request_id=request_id, user_intent=user_intent or self.user_intent)

    def with_user(self, user_id: str, session_id: str = "") -> ExecutionContext:
        """The same circumstances for another person."""
        return msgspec.structs.replace(self, user_id=user_id, session_id=session_id or self.session_id)

    def with_memory(self, memory_scope: str, conversation_id: str = "") -> ExecutionContext:
        """The same circumstances with another scope of memory."""
        return msgspec.structs.replace(
            self, memory_scope=memory_scope, conversation_id=conversation_id or self.conversation_id
        )

    def with_metadata(self, **metadata: Any) -> ExecutionContext:
        """The same circumstances with more remarks."""
        return msgspec.structs.replace(self, metadata={**self.metadata, **metadata})


class ExecutionResult(Value, frozen=True, kw_only=True):
    """What became of a run: three-valued in `status`, with everything that was done whatever happened after it."""

    run_id: str
    trace_id: str
    status: Status
    success: bool
    reason: str = ""
    next_steps: tuple[str, ...] = ()
    results: dict[str, Any] = {}  # step id -> output, of the steps that are done
    partial_results: tuple[StepResult, ...] = ()
    failure_context: dict[str, Any] = {}
    budget_utilization: dict[str, Any] = {}
    approvals_required: int = 0
    approvals_received: int = 0
    profile: str = ""  # the rules it ran under
    user_id: str = ""  # who asked for it
