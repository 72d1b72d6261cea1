"""Asking and answering in the house's own loop."""

from __future__ import annotations

from typing import Any

import msgspec

from cuga.errors import ApprovalNotFound, ApprovalTimeoutError, BadInput, NotAllowed, RunNotFound
from cuga.model.context import Principal
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.orchestrator.home import Home
from cuga.orchestrator.house.consenting import CONSENT
from cuga.orchestrator.library.approval_words import ApprovalRequest, ApprovalResponse, ApprovalStatus
from cuga.orchestrator.library.stages import facts
from cuga.projections.card import Card

_STATUS = {
    "open": ApprovalStatus.PENDING,
    "approved": ApprovalStatus.APPROVED,
    "used": ApprovalStatus.APPROVED,
    "denied": ApprovalStatus.DENIED,
    "expired": ApprovalStatus.EXPIRED,
}


async def ask(
    home: Home, tool_name: str, inputs: dict[str, Any], context: ExecutionContext, reasoning: str
) -> ApprovalRequest:
    """Begin a run that only asks, and the request it parks at."""
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
    return request_of(cards[0], context)


async def answered(home: Home, request_id: str, wait_s: float) -> ApprovalResponse:
    """The answer to a request once it is closed; `ApprovalTimeoutError` when that takes longer than `wait_s`."""
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
    return response_of(await house.card(request_id))


async def decide(home: Home, response: ApprovalResponse, by: Principal | None = None) -> ExecutionResult:
    """Decide a request as `by`, whom a door has made sure of; without one as the reviewer that is named.

    A name alone is no proof: a house that is kept and has several people takes only the one who opened it by name,
    and raises `NotAllowed` for any other.
    """
    house = home.coordinator
    if by is None:
        name = response.reviewer or house.user
        one_person = (await house.principal()).solo
        if name != house.user and house.is_durable and not one_person:
            raise NotAllowed(
                f"nobody has made sure that {name} is answering: this house was opened by {house.user}",
                mend=f"Let {name} answer in a house of their own opening, or hand in `by` from a door that knows them.",
            )
        by = await house.principal(name)
    elif response.reviewer and response.reviewer != by.id:
        raise BadInput(f"{by.id} cannot answer in the name of {response.reviewer}", mend="Leave the reviewer out.")
    verdict = "approve" if response.approved else "deny"
    return await house.answer(response.request_id, verdict, reason=response.reasoning, by=by)


async def holds(home: Home, request_id: str) -> bool:
    """Whether a request is one of this house."""
    try:
        await home.coordinator.request(request_id)
    except (ApprovalNotFound, RunNotFound):
        return False
    return True


def request_of(card: Card, context: ExecutionContext | None = None) -> ApprovalRequest:
    """A card of the inbox as a request; what `consent` asks about is inside."""
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


def response_of(card: Card) -> ApprovalResponse:
    """How a closed card was answered."""
    return ApprovalResponse(
        request_id=card.approval_id,
        status=_STATUS.get(card.state, ApprovalStatus.CLOSED),  # votes do not count: a yes may have been taken back
        reviewer=card.closed_by,
        reasoning=card.closed_why,
        responded_at=card.closed_at,
    )
