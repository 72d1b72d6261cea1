"""Asking people, and waiting for them: a view of the durable approvals of a house.

A request is a row of the journal. Whoever waits for it may give up; the request stays open until somebody decides or it
expires, and silence never approves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cuga.errors import ApprovalDeniedError, ApprovalNotFound, ApprovalTimeoutError, BadInput
from cuga.model import given
from cuga.model.context import Principal
from cuga.orchestrator.events import ApprovalEvent
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.orchestrator.home import Home
from cuga.orchestrator.house.consenting import consent
from cuga.orchestrator.library.approval_words import ApprovalPolicy, ApprovalRequest, ApprovalResponse, ApprovalStatus
from cuga.orchestrator.library.asking import answered, ask, decide, holds, look, request_of

NOT_REQUIRED = "policy:not-required"


class ApprovalManager:
    """Requests of one or more houses, and the answers to them. Without a house it makes one in memory.

    An agent that is given a manager joins its house to it, so that what waits there can be answered here.
    """

    def __init__(self, policy: ApprovalPolicy | None = None, *, home: Home | None = None) -> None:
        if policy is not None and not isinstance(policy, ApprovalPolicy):
            given.wrong("the policy of an ApprovalManager", policy, "an ApprovalPolicy")
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
        home = self.house_to_ask()
        return await home.do(ask(home, tool_name, dict(inputs or {}), context or ExecutionContext(), reasoning))

    async def wait_for(self, request_id: str, timeout_s: float | None = None) -> ApprovalResponse:
        """The answer to a request, once there is one; `ApprovalTimeoutError` when there is none in time."""
        home = await self._holder(request_id)
        seconds = self.policy.timeout_seconds if timeout_s is None else timeout_s
        return await home.do(answered(home, request_id, seconds))

    # --- answering ------------------------------------------------------------------------------------------------
    async def respond(self, response: ApprovalResponse, by: Principal | None = None) -> ExecutionResult:
        """Decide a request. Whoever the reviewer is, the house says whether they may.

        `by` is a person whom a door has made sure of; see `decide` for what a name alone can do.
        """
        home = await self._holder(response.request_id)
        return await home.do(decide(home, response, by))

    def submit_response(self, response: ApprovalResponse) -> None:
        """`respond` for plain functions; for a house that lives in the calling loop await `respond`."""
        for home in self._homes:
            if home.in_background and home.do_now(holds(home, response.request_id)):
                home.do_now(decide(home, response))
                return
        if any(not home.in_background for home in self._homes):
            raise BadInput("this house lives in its owner's loop", mend="Await `respond` instead.")
        raise ApprovalNotFound(response.request_id)

    async def pending(self) -> list[ApprovalRequest]:
        """What waits for a decision, in all houses."""
        return [request_of(card) for home in self._homes for card in await home.do(home.coordinator.inbox())]

    async def get(self, request_id: str) -> ApprovalRequest:
        """One request, open or closed."""
        home = await self._holder(request_id)
        return await home.do(look(home, request_id))

    def pending_now(self) -> list[ApprovalRequest]:
        """`pending` for plain functions."""
        return [request_of(card) for home in self._homes for card in home.do_now(home.coordinator.inbox())]

    async def _holder(self, request_id: str) -> Home:
        for home in self._homes:
            if await home.do(holds(home, request_id)):
                return home
        raise ApprovalNotFound(request_id)

    def house_to_ask(self) -> Home:
        if not self._homes:
            self._homes.append(Home.own())
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
        """Ask, and return the request; for plain functions. The question is kept as long as the house that is asked:
        one that the manager makes for itself lives in memory, and ends with the process."""
        home = self.manager.house_to_ask()
        return home.do_now(ask(home, tool_name, dict(inputs or {}), context or ExecutionContext(), reasoning))

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
