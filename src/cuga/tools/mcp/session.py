"""One connection to a server, in the SDK's words: opened, listed, called and closed, each as plain JSON.

Nothing is decided here, and no callback of the SDK is filled in: what a server asks of its client gets no answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from cuga.errors import CugaError, ToolInvalid, Unreachable
from cuga.tools.mcp.definition import MOST_TOOLS

MOST_PAGES = 50  # of a tool list


class Session:
    """One connection, kept by a task of its own: what opens it has to close it. `up` is done when it can be used."""

    def __init__(self, way: AbstractAsyncContextManager[Any], on_fault: Callable[[str], None]) -> None:
        self.fault = ""
        self.up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client: Any = None
        self._way = way
        self._over = asyncio.Event()
        self._on_fault = on_fault
        self._task = asyncio.ensure_future(self._keep())

    @property
    def is_up(self) -> bool:
        """Whether it may be used."""
        return self._client is not None and not self.fault and not self._task.done()

    async def listed(self) -> list[dict[str, Any]]:
        """All pages of its tool list, as JSON."""
        from mcp_types import PaginatedRequestParams

        if self._client.server_capabilities.tools is None:
            return []
        listed: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._client.session.list_tools(params=PaginatedRequestParams(cursor=cursor))
            listed += [one.model_dump(by_alias=True, mode="json", exclude_none=True) for one in page.tools]
            cursor = page.next_cursor
            if not cursor or len(listed) > MOST_TOOLS:
                return listed
        raise ToolInvalid(f"its list of tools has more than {MOST_PAGES} pages")

    async def call(self, tool: str, arguments: dict[str, Any], about: Mapping[str, str]) -> dict[str, Any]:
        """The answer to a call, as JSON; nothing of it is checked here."""
        from mcp_types import CallToolRequest, CallToolRequestParams
        from pydantic import TypeAdapter

        params = CallToolRequestParams.model_validate({"name": tool, "arguments": arguments, "_meta": dict(about)})
        answer = TypeAdapter(dict[str, Any])
        found: dict[str, Any] = await self._client.session.send_request(CallToolRequest(params=params), answer)
        return found

    def described(self) -> dict[str, str]:
        """What it says of itself."""
        info = self._client.server_info
        return {
            "name": info.name if info else "",
            "version": info.version if info else "",
            "protocol": self._client.protocol_version,
        }

    async def end(self) -> None:
        """Close it, in the task that opened it."""
        self._over.set()
        if self._client is None:
            self._task.cancel()
        await asyncio.wait({self._task}, timeout=5.0)
        self._task.cancel()
        if self.up.done() and not self.up.cancelled():
            self.up.exception()  # nobody may be left to hear it

    async def _keep(self) -> None:
        from mcp import Client

        try:
            async with Client(self._way, cache=None, message_handler=self._hear, mode="auto") as client:
                self._client = client
                if not self.up.done():
                    self.up.set_result(None)
                await self._over.wait()
        except BaseException as error:
            if not self.up.done():
                self.up.set_exception(inner(error))
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            self._client = None

    async def _hear(self, message: Any) -> None:
        if isinstance(message, Exception):
            self.fault = self.fault or f"it sent what is no message: {words(message)}"
            self._on_fault(self.fault)


def load_sdk() -> None:
    """Import the SDK; to be called in a thread, for it takes about a second."""
    import mcp.client.streamable_http  # noqa: F401 - the rest of this room imports it where it is used


def inner(error: BaseException) -> BaseException:
    """The one error that a group of errors is about."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        ours = [one for one in error.exceptions if isinstance(inner(one), CugaError)]
        error = (ours or list(error.exceptions))[0]
    return Unreachable("it was let go", mode="system_network") if isinstance(error, asyncio.CancelledError) else error


def words(error: BaseException) -> str:
    """An error on one short line."""
    found = inner(error)
    said = " ".join(str(found).split()) or type(found).__name__
    return said.partition(" For further information")[0][:200]
