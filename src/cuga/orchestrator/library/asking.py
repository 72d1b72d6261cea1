"""Asking and answering in the house's own loop."""

from __future__ import annotations

from dataclasses import replace
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
    """The answer to a request once it is closed; `ApprovalTimeoutError` when that takes longer than `wait_s`.

    A yes to what is done elsewhere counts once its run has taken it: not while the house is halted.
    """
    house = home.coordinator
    card = await house.card(request_id)
    if _is_awaited(card):
        following = facts(house, card.run_id, wait_s)
        try:
            async for event in following:
                if request_id in (
                    getattr(event, "approval_id", ""),
                    getattr(event, "approval", ""),
                ) and not _is_awaited(await house.card(request_id)):
                    break
        except ApprovalTimeoutError:
            if _is_awaited(await house.card(request_id)):  # else it was decided, and the run waits for another
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


async def look(home: Home, request_id: str) -> ApprovalRequest:
    """A request as it stands. A yes to what is done elsewhere is pending until its run has taken it, and none once the
    run has ended without it: nobody acts on a yes of a halted house."""
    card = await home.coordinator.card(request_id)
    request = request_of(card)
    if _is_untaken(card) and (await home.coordinator.state(card.run_id)).end is not None:
        return replace(request, status=ApprovalStatus.CLOSED)
    return request


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
        status=ApprovalStatus.PENDING if _is_untaken(card) else _STATUS.get(card.state, ApprovalStatus.CLOSED),
        expires_at=card.expires_at,
    )


def _is_awaited(card: Card) -> bool:
    """Whether there is no answer yet that somebody may act on."""
    return card.is_open or _is_untaken(card)


def _is_untaken(card: Card) -> bool:
    return card.tool == CONSENT and card.state == "approved"


def response_of(card: Card) -> ApprovalResponse:
    """How a closed card was answered. A yes that its run ended without is none."""
    status = ApprovalStatus.CLOSED if _is_untaken(card) else _STATUS.get(card.state, ApprovalStatus.CLOSED)
    return ApprovalResponse(
        request_id=card.approval_id,
        status=status,  # votes do not count: a yes may have been taken back
        reviewer=card.closed_by,
        reasoning=card.closed_why,
        responded_at=card.closed_at,
    )
