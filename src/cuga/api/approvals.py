"""The inbox over HTTP: what waits, all that a decision needs, and the decision on exactly what was shown."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query
from starlette.requests import Request
from starlette.responses import Response

from cuga.api import pages
from cuga.api.answers import answer, body_digest, once_key, router
from cuga.api.auth import Asker, Deciding, Here, Looking, must_be_fresh
from cuga.api.doors import Doors
from cuga.errors import BadInput, CugaError, KeyReused, NotAllowed
from cuga.model.event import Verdict
from cuga.model.tool import SideEffect
from cuga.orchestrator.execution import ExecutionResult
from cuga.orchestrator.looking.showing import CardNow

approvals = router("approvals")
MOST_AT_ONCE = 100
_IN_BULK = (Verdict.APPROVE, Verdict.DENY)


@approvals.get("/approvals", response_model=pages.CardPage)
async def list_approvals(
    doors: Here,
    asker: Looking,
    run_id: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """What waits for a decision, the riskiest first; of the house or of one run."""
    cards = await doors.front.inbox(run_id, limit)
    yours = await doors.front.decidable(cards, by=asker.principal)
    return answer(pages.CardPage(items=tuple(cards), yours=yours, next=None))


@approvals.post("/approvals/bulk", response_model=pages.DecidedMany)
async def decide_many(
    doors: Here, asker: Deciding, request: Request, said: Annotated[pages.ManyDecisions, Body()]
) -> Response:
    """Approve or deny several requests that stay inside the house, each as it was shown. It makes no standing rule."""
    if said.verdict not in _IN_BULK:
        raise BadInput("only approve and deny can be said of several at once")
    if not 0 < len(said.items) <= MOST_AT_ONCE:
        raise BadInput(f"1 to {MOST_AT_ONCE} requests at once")
    await _once(doors, asker, request)
    items = [await _decide_one(doors, asker, said, pick) for pick in said.items]
    return answer(pages.DecidedMany(items=tuple(items)))


async def _decide_one(doors: Doors, asker: Asker, said: pages.ManyDecisions, pick: pages.Pick) -> pages.DecidedOne:
    try:
        card = await doors.front.card(pick.approval_id)
        if said.verdict is Verdict.APPROVE and card.side_effect == SideEffect.EXECUTE.value:
            raise NotAllowed(f"{card.tool} leaves the house: it is agreed to one by one, never together with others")
        await must_be_fresh(doors, asker, card.risk)
        await doors.front.answer(
            pick.approval_id, said.verdict, digest=pick.digest, reason=said.reason, by=asker.principal
        )
    except CugaError as error:
        return pages.DecidedOne(approval_id=pick.approval_id, done=False, code=error.code, detail=error.message)
    return pages.DecidedOne(approval_id=pick.approval_id, done=True, code="", detail="")


@approvals.get("/approvals/{approval_id}", response_model=CardNow)
async def show_approval(doors: Here, asker: Looking, approval_id: str) -> Response:
    """One request with all that a decision needs: what exactly is done, what changes, who may decide."""
    return answer(await doors.front.card_now(approval_id, by=asker.principal))


@approvals.post("/approvals/{approval_id}", response_model=ExecutionResult)
async def decide(
    doors: Here, asker: Deciding, request: Request, approval_id: str, said: Annotated[pages.DecisionWish, Body()]
) -> Response:
    """Decide on what was shown: approve, deny, amend, request-changes. The same answer again changes nothing."""
    return answer(await decide_as(doors, asker, request, approval_id, said))


async def decide_as(
    doors: Doors, asker: Asker, request: Request, approval_id: str, said: pages.DecisionWish
) -> ExecutionResult:
    """Carry out a decision of somebody who is known."""
    if not said.digest:
        raise BadInput("a decision names the digest of what was shown")
    card = await doors.front.card(approval_id)
    await must_be_fresh(doors, asker, card.risk)
    await _once(doors, asker, request)
    return await doors.front.answer(
        approval_id,
        said.verdict,
        digest=said.digest,
        reason=said.reason,
        changes=said.changes or None,
        without=said.without,
        by=asker.principal,
    )


@approvals.post("/approvals/{approval_id}/revoke", response_model=ExecutionResult)
async def revoke(doors: Here, asker: Deciding, approval_id: str, said: Annotated[pages.Reason, Body()]) -> Response:
    """Take back an approval that has not been used."""
    return answer(await doors.front.revoke(approval_id, said.reason, by=asker.principal))


async def _once(doors: Doors, asker: Asker, request: Request) -> None:
    """`KeyReused` when this Idempotency-Key came with another decision before; the same one is decided once anyway."""
    if key := once_key(request):
        said = body_digest(request, await request.body())
        if doors.credentials.once(asker.id, key, said, "decision") is None:
            raise KeyReused(key)
