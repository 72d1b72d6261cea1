"""The Tasks extension, in which a run *is* a task: its id is the run's, and is told once the run is durable.

A run that waits for people is `input_required`, with a link to where they decide. What a client sends back for that is
taken note of and changes nothing: an answer that comes from a model is nobody's decision.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from cuga.api.mcp_window import Window, answer, waiting
from cuga.errors import CugaError
from cuga.model.event import Status
from cuga.projections.result import RunResult

EXTENSION = "io.modelcontextprotocol/tasks"
POLL_MS = 2_000


@cache
def TaskParams() -> Any:
    """The parameters of the extension's methods."""
    from mcp_types import RequestParams

    class Params(RequestParams):
        """A task by its id, and what a client sends to it."""

        task_id: str
        input_responses: dict[str, Any] | None = None

    return Params


class Tasks:
    """The methods of the extension."""

    def __init__(self, window_of: Callable[[Any], Awaitable[Window]]) -> None:
        self._window_of = window_of

    def methods(self) -> dict[str, Callable[[Any, Any], Awaitable[Any]]]:
        """Method to handler."""
        return {"tasks/get": self.get, "tasks/update": self.update, "tasks/cancel": self.cancel}

    def is_wanted(self, ctx: Any) -> bool:
        """Whether the client declared the extension; only then may it be given a task."""
        capabilities = ctx.session.client_capabilities
        return bool(capabilities and EXTENSION in (capabilities.extensions or {}))

    async def created(self, window: Window, run_id: str) -> dict[str, Any]:
        """The answer to a call that began a run."""
        return {**_task(await window.result(run_id), window), "resultType": "task"}

    async def get(self, ctx: Any, params: Any) -> dict[str, Any]:
        """Where a task stands, with its result once it has one."""
        window = await self._reached(ctx)
        result = await self._shown(window, params.task_id)
        task = _task(result, window)
        if task["status"] == "input_required":
            task["inputRequests"] = _requests(result, window)
        elif task["status"] == "completed":
            said = await window.run(params.task_id)
            task["result"] = {**answer(said), "isError": result.status is Status.FAILED}
        return {**task, "resultType": "complete"}

    async def update(self, ctx: Any, params: Any) -> dict[str, Any]:
        """Take note of what a client sends. Nothing follows from it: where people decide is elsewhere."""
        await self._shown(await self._reached(ctx), params.task_id)
        return {"resultType": "complete"}

    async def cancel(self, ctx: Any, params: Any) -> dict[str, Any]:
        """Stop the run."""
        window = await self._reached(ctx)
        result = await self._shown(window, params.task_id)
        if result.ended_at is None:
            await window.stop(params.task_id)
        return {"resultType": "complete"}

    async def _reached(self, ctx: Any) -> Window:
        from mcp.server.mcpserver.server import require_client_extension

        require_client_extension(ctx, EXTENSION)
        return await self._window_of(ctx)

    async def _shown(self, window: Window, run_id: str) -> RunResult:
        from mcp import MCPError
        from mcp_types import INVALID_PARAMS

        try:
            return await window.result(run_id)
        except CugaError as error:
            raise MCPError(INVALID_PARAMS, error.message) from error


def _task(result: RunResult, window: Window) -> dict[str, Any]:
    """A run in the extension's words."""
    latest = result.ended_at or result.started_at
    links = [one["decide_at"] for one in waiting(result, window.link) if "decide_at" in one]
    where = f"; a person decides at {', '.join(links)}" if links else ""
    return {
        "taskId": result.run_id,
        "status": _status(result),
        "statusMessage": f"{result.reason}{where}",
        "createdAt": result.started_at.isoformat(),
        "lastUpdatedAt": latest.isoformat(),
        "ttlMs": None,
        "pollIntervalMs": POLL_MS,
    }


def _status(result: RunResult) -> str:
    """Every end but a cancelled one is `completed`: a run that failed has a result, with `isError`."""
    if result.status is Status.PARKED and result.next:
        return "input_required"
    if result.status in (Status.RUNNING, Status.PARKED):
        return "working"
    return "cancelled" if result.status is Status.CANCELLED else "completed"


def _requests(result: RunResult, window: Window) -> dict[str, Any]:
    """What waits for people, each as a link to open: there is nothing in it to fill in."""
    found = {}
    for one in waiting(result, window.link):
        link = one.get("decide_at", "")
        if link.startswith(("https://", "http://")):
            message = f"{one['tool']} waits for a person ({one['risk']} risk): {one['effect']}"
            params = {"mode": "url", "message": message, "url": link}
            found[one["approval_id"]] = {"method": "elicitation/create", "params": params}
    return found
