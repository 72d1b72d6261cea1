"""Facts about approvals: asked for, decided, expired, taken back."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec

from cuga.model.fact import Claim, Event
from cuga.model.tool import SideEffect
from cuga.model.value import Value


class ListedCall(Value, frozen=True, kw_only=True):
    """One call among those of a list that a request asks for; its arguments stand at the same place of `arguments`."""

    step: str
    digest: str
    effect: str = ""


class ApprovalRequested(Event, frozen=True, kw_only=True):
    """A call waits for people. All that the digest binds is here."""

    approval_id: str
    step: str
    digest: str
    tool: str
    tool_digest: str
    arguments: msgspec.Raw
    side_effect: SideEffect
    cost: int
    adapters: dict[str, str] = {}
    effect: str = ""  # what it would do to whom: what a denial is remembered by
    requesters: tuple[str, ...] = ()  # nobody of these may decide
    roles: tuple[str, ...] = ()  # any of these may decide
    quorum: int = 1
    risk: str = "medium"  # low, medium, high
    reason: str = ""
    consequences: tuple[str, ...] = ()
    expires_at: datetime
    escalates_at: datetime | None = None  # from then on `escalates_to` may decide as well; the end stays as it is
    escalates_to: tuple[str, ...] = ()
    amends: str = ""  # the approval that this one replaces
    claims: tuple[Claim, ...] = ()  # of nothing: what may happen once was free when people were asked
    calls: tuple[ListedCall, ...] = ()  # of a list: exactly these; `arguments` is then the array of theirs


class Verdict(str, Enum):
    """What a person may say of a request."""

    APPROVE = "approve"
    DENY = "deny"
    AMEND = "amend"
    REQUEST_CHANGES = "request-changes"


class ApprovalReceived(Event, frozen=True, kw_only=True):
    """Somebody decided. With `final` the request is closed, else the vote counts towards the quorum."""

    approval_id: str
    step: str
    verdict: Verdict
    digest: str
    final: bool
    reason: str = ""
    on_behalf_of: str = ""  # delegation
    rule: str = ""  # the standing or profile rule that decided instead of a person
    solo: bool = False
    lapses_at: datetime | None = None
    claims: tuple[Claim, ...] = ()  # a use of a standing rule
    without: tuple[str, ...] = ()  # calls of a list that an amendment takes off: denied


class ApprovalTimeout(Event, frozen=True, kw_only=True):
    """The request expired. Silence never approves."""

    approval_id: str
    step: str


class ApprovalLapsed(Event, frozen=True, kw_only=True):
    """It was approved but not used in time."""

    approval_id: str
    step: str


class ApprovalRevoked(Event, frozen=True, kw_only=True):
    """An approver took an unused approval back."""

    approval_id: str
    step: str
    reason: str = ""


class ApprovalSuperseded(Event, frozen=True, kw_only=True):
    """Something it was bound to has changed; a new request takes its place or the step is gone."""

    approval_id: str
    step: str
    reason: str
