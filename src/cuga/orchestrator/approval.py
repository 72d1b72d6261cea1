"""Asking people, and waiting for them: a view of the durable approvals of a house.

A request is a row of the journal. Whoever waits for it may give up; the request stays open until somebody decides or it
expires, and silence never approves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

from cuga.clock import SystemClock
from cuga.errors import ApprovalDeniedError, ApprovalNotFound, ApprovalTimeoutError, BadInput, RunNotFound
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator.events import ApprovalEvent
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.orchestrator.home import Home
from cuga.orchestrator.stages import facts
from cuga.projections.card import Card
from cuga.tools import ToolContext, tool

Required = Callable[[str, Mapping[str, Any]], bool]
CONSENT = "consent"  # the tool that only asks
NOT_REQUIRED = "policy:not-required"


@tool(
    domain="governance",
    side_effect="propose",
    name=CONSENT,
    purpose="records that a person agreed to something which is done elsewhere",
    repeatable="key",
    guardrails=("It does nothing itself.",),
)
def consent(context: ToolContext, tool_name: str, inputs: dict[str, Any], reasoning: str = "") -> dict[str, Any]:
    """The call that follows an approval: it only says that it was given."""
    return {"approved": True, "tool_name": tool_name}


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


_STATUS = {
    "open": ApprovalStatus.PENDING,
    "approved": ApprovalStatus.APPROVED,
    "used": ApprovalStatus.APPROVED,
    "denied": ApprovalStatus.DENIED,
    "expired": ApprovalStatus.EXPIRED,
}


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


class ApprovalManager:
    """Requests of one or more houses, and the answers to them. Without a house it makes one in memory.

    An agent that is given a manager joins its house to it, so that what waits there can be answered here.
    """

    def __init__(self, policy: ApprovalPolicy | None = None, *, home: Home | None = None) -> None:
        self.policy = policy or ApprovalPolicy()
        self._homes: list[Home] = [home] if home is not None else []

    def join(self, home: Home) -> None:
        """Answer for another house too."""
        if home not in self._homes:
            self._homes.append(home)

    # --- asking ---------------------------------------------------------------------------------------------------
    async def request_approval(
        self,
        tool_name: str,
        inputs: Mapping[str, Any] | None = None,
        context: ExecutionContext | None = None,
        *,
        reasoning: str = "",
    ) -> ApprovalResponse:
        """Ask, and wait up to the policy's seconds for the answer, whatever it is.

        `ApprovalTimeoutError` when none came: the request stays open. What the policy does not ask about is approved
        in its name, and nobody is asked.
        """
        if not self.policy.requires_approval(tool_name, inputs):
            return ApprovalResponse(
                request_id="", approved=True, reviewer=NOT_REQUIRED, reasoning=f"{tool_name} needs nobody's consent"
            )
        request = await self.open_request(tool_name, inputs, context, reasoning=reasoning)
        return await self.wait_for(request.request_id)

    async def open_request(
        self,
        tool_name: str,
        inputs: Mapping[str, Any] | None = None,
        context: ExecutionContext | None = None,
        *,
        reasoning: str = "",
    ) -> ApprovalRequest:
        """Ask and do not wait: a run that parks until somebody decides."""
        home = self._asking()
        return await home.do(_ask(home, tool_name, dict(inputs or {}), context or ExecutionContext(), reasoning))

    async def wait_for(self, request_id: str, timeout_s: float | None = None) -> ApprovalResponse:
        """The answer to a request, once there is one; `ApprovalTimeoutError` when there is none in time."""
        home = await self._holder(request_id)
        seconds = self.policy.timeout_seconds if timeout_s is None else timeout_s
        return await home.do(_answered(home, request_id, seconds))

    # --- answering ------------------------------------------------------------------------------------------------
    async def respond(self, response: ApprovalResponse) -> ExecutionResult:
        """Decide a request. Whoever the reviewer is, the house says whether they may."""
        home = await self._holder(response.request_id)
        return await home.do(_decide(home, response))

    def submit_response(self, response: ApprovalResponse) -> None:
        """`respond` for plain functions; for a house that lives in the calling loop await `respond`."""
        for home in self._homes:
            if home.in_background and home.do_now(_holds(home, response.request_id)):
                home.do_now(_decide(home, response))
                return
        if any(not home.in_background for home in self._homes):
            raise BadInput("this house lives in its owner's loop", mend="Await `respond` instead.")
        raise ApprovalNotFound(response.request_id)

    async def pending(self) -> list[ApprovalRequest]:
        """What waits for a decision, in all houses."""
        return [_request(card) for home in self._homes for card in await home.do(home.coordinator.inbox())]

    async def get(self, request_id: str) -> ApprovalRequest:
        """One request, open or closed."""
        home = await self._holder(request_id)
        return _request(await home.do(home.coordinator.card(request_id)))

    def pending_now(self) -> list[ApprovalRequest]:
        """`pending` for plain functions."""
        return [_request(card) for home in self._homes for card in home.do_now(home.coordinator.inbox())]

    async def _holder(self, request_id: str) -> Home:
        for home in self._homes:
            if await home.do(_holds(home, request_id)):
                return home
        raise ApprovalNotFound(request_id)

    def _asking(self) -> Home:
        if not self._homes:
            self._homes.append(Home.own((consent,)))
        return self._homes[0]


class ApprovalGate:
    """One question at a time: ask, wait, and get a yes or an exception."""

    def __init__(self, policy: ApprovalPolicy | None = None, manager: ApprovalManager | None = None) -> None:
        self.manager = manager or ApprovalManager(policy)
        self.policy = policy or self.manager.policy

    def create_request(
        self,
        tool_name: str,
        inputs: Mapping[str, Any] | None = None,
        context: ExecutionContext | None = None,
        *,
        reasoning: str = "",
    ) -> ApprovalRequest:
        """Ask, durably, and return the request; for plain functions."""
        home = self.manager._asking()
        return home.do_now(_ask(home, tool_name, dict(inputs or {}), context or ExecutionContext(), reasoning))

    async def wait_for_approval(self, request: ApprovalRequest, timeout_s: float | None = None) -> ApprovalResponse:
        """The yes to a request; `ApprovalDeniedError` for a no, `ApprovalTimeoutError` for silence."""
        response = await self.manager.wait_for(request.request_id, timeout_s)
        if not response.approved:
            raise ApprovalDeniedError(
                f"{request.tool_name} was denied by {response.reviewer or 'nobody in time'}: {response.reasoning}",
                request_id=request.request_id,
            )
        return response

    async def approve(self, request_id: str, reviewer: str, reasoning: str = "") -> None:
        """Say yes."""
        await self.manager.respond(
            ApprovalResponse(request_id=request_id, approved=True, reviewer=reviewer, reasoning=reasoning)
        )

    async def deny(self, request_id: str, reviewer: str, reasoning: str = "") -> None:
        """Say no."""
        await self.manager.respond(
            ApprovalResponse(request_id=request_id, approved=False, reviewer=reviewer, reasoning=reasoning)
        )


# --- in the house's loop ----------------------------------------------------------------------------------------------
async def _ask(
    home: Home, tool_name: str, inputs: dict[str, Any], context: ExecutionContext, reasoning: str
) -> ApprovalRequest:
    house = home.coordinator
    why = reasoning or f"{tool_name} is asked about by policy"
    step = PlanStep(
        tool=CONSENT,
        input={"tool_name": tool_name, "inputs": inputs, "reasoning": why},
        reason=why,
        ask_first=True,
    )
    plan = Plan(goal=f"Ask for consent to {tool_name}", steps=(step,), trace_id=context.trace_id)
    result = await house.execute_plan(plan, context)
    cards = (await house.show(result.run_id)).approvals
    if not cards:
        raise BadInput(f"nobody could be asked: {result.reason}", mend="; ".join(result.next_steps))
    return _request(cards[0], context)


async def _answered(home: Home, request_id: str, wait_s: float) -> ApprovalResponse:
    house = home.coordinator
    card = await house.card(request_id)
    if card.is_open:
        following = facts(house, card.run_id, wait_s)
        try:
            async for event in following:
                if (
                    getattr(event, "approval_id", "") == request_id
                    and not (card := await house.card(request_id)).is_open
                ):
                    break
        except ApprovalTimeoutError:
            if (card := await house.card(request_id)).is_open:  # else it was decided, and the run waits for another
                raise
        finally:
            await following.aclose()
    return _response(await house.card(request_id))


async def _decide(home: Home, response: ApprovalResponse) -> ExecutionResult:
    house = home.coordinator
    by = await house.principal(response.reviewer)
    verdict = "approve" if response.approved else "deny"
    return await house.answer(response.request_id, verdict, reason=response.reasoning, by=by)


async def _holds(home: Home, request_id: str) -> bool:
    try:
        await home.coordinator.request(request_id)
    except (ApprovalNotFound, RunNotFound):
        return False
    return True


def _request(card: Card, context: ExecutionContext | None = None) -> ApprovalRequest:
    inputs = msgspec.json.decode(card.arguments)
    tool_name = card.tool
    if tool_name == CONSENT:  # what is asked about is inside
        tool_name, inputs = inputs["tool_name"], inputs["inputs"]
    return ApprovalRequest(
        request_id=card.approval_id,
        tool_name=tool_name,
        inputs=inputs,
        context=context or ExecutionContext(trace_id=card.trace_id, profile=card.profile),
        reasoning=card.reason,
        requested_at=card.requested_at,
        risk=card.risk,
        consequences=card.consequences,
        status=_STATUS.get(card.state, ApprovalStatus.CLOSED),
        expires_at=card.expires_at,
    )


def _response(card: Card) -> ApprovalResponse:
    status = _STATUS.get(card.state, ApprovalStatus.CLOSED)
    return ApprovalResponse(
        request_id=card.approval_id,
        status=ApprovalStatus.APPROVED if card.approvals >= card.quorum else status,
        reviewer=card.closed_by,
        reasoning=card.closed_why,
        responded_at=card.closed_at,
    )


__all__ = [
    "ApprovalDeniedError",
    "ApprovalEvent",
    "ApprovalGate",
    "ApprovalManager",
    "ApprovalPolicy",
    "ApprovalRequest",
    "ApprovalResponse",
    "ApprovalStatus",
    "ApprovalTimeoutError",
    "consent",
]
