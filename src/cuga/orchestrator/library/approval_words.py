"""What is said between those who ask for consent and those who give it: policies, requests, responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from cuga.clock import SystemClock
from cuga.errors import BadInput
from cuga.orchestrator.execution import ExecutionContext

Required = Callable[[str, Mapping[str, Any]], bool]


class ApprovalStatus(str, Enum):
    """Where a request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    CLOSED = "closed"  # superseded, revoked, lapsed: it counts no more

    @classmethod
    def _missing_(cls, value: object) -> ApprovalStatus | None:
        return {"rejected": cls.DENIED, "timeout": cls.EXPIRED}.get(str(value))


@dataclass(frozen=True)
class ApprovalPolicy:
    """What a person is asked about: a rule over tool and inputs, or always, or never. Waits are in seconds.

    A rule can only add to what the profile asks for.
    """

    approval_required: Required | bool = True
    timeout_seconds: float = 300.0

    def requires_approval(self, tool_name: str, inputs: Mapping[str, Any] | None = None) -> bool:
        """Whether a person is asked about this call."""
        if callable(self.approval_required):
            return bool(self.approval_required(tool_name, inputs or {}))
        return self.approval_required


@dataclass(frozen=True, kw_only=True)
class ApprovalRequest:
    """What a person is asked. `request_id` is the approval's own id, the same at every door."""

    request_id: str
    tool_name: str
    inputs: Mapping[str, Any]
    context: ExecutionContext = field(default_factory=ExecutionContext)
    reasoning: str = ""
    requested_at: datetime | None = None
    risk: str = "medium"  # low, medium, high
    consequences: tuple[str, ...] = ()
    status: ApprovalStatus = ApprovalStatus.PENDING
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ApprovalResponse:
    """A decision. `approved` and `status` say the same; one of them is enough, and they must not disagree."""

    request_id: str
    approved: bool | None = None
    reviewer: str = ""
    reasoning: str = ""
    responded_at: datetime | None = None
    status: ApprovalStatus | None = None

    def __post_init__(self) -> None:
        said = None if self.status is None else ApprovalStatus(self.status) is ApprovalStatus.APPROVED
        if self.approved is None and said is None:
            raise BadInput("a response needs `approved` or `status`")
        if self.approved is not None and said is not None and self.approved is not said:
            raise BadInput(f"approved={self.approved} and status={self.status} disagree")
        approved = self.approved if self.approved is not None else said
        status = self.status or (ApprovalStatus.APPROVED if approved else ApprovalStatus.DENIED)
        object.__setattr__(self, "approved", approved)
        object.__setattr__(self, "status", ApprovalStatus(status))
        object.__setattr__(self, "responded_at", self.responded_at or SystemClock().now())
