"""`/mcp`: the MCP server among the doors of a house, for whoever brings a key for starting runs and looking at them.

A session of a browser opens nothing here: a page that somebody else wrote must not speak for who is signed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Mount, Route

from cuga.api.auth import asker_of
from cuga.api.doors import Doors
from cuga.errors import NotSignedIn
from cuga.policy.access import Verb

if TYPE_CHECKING:
    from cuga.api.mcp import Caller, McpApp

PATH = "/mcp"
NEEDED = frozenset({Verb.LOOK.value, Verb.START.value})


class McpDoor:
    """The mounted server; without the extra `mcp` there is none, and `routes` is empty."""

    def __init__(self, doors: Doors) -> None:
        self._app: McpApp | None = None
        if find_spec("mcp") is None:  # the rooms behind import it only when they are used
            return
        from cuga.api.mcp import McpApp

        url = doors.address.url
        front: Any = doors.front  # it takes more than a window asks of it
        self._app = McpApp(
            front,
            _who,
            link=lambda approval_id: f"{url}/#/inbox/{approval_id}",
            hosts=sorted(doors.address.hosts),
        )

    @property
    def routes(self) -> list[BaseRoute]:
        """Its path, with and without the last slash."""
        return [] if self._app is None else [Route(PATH, self._without_slash), Mount(PATH, self._app)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Speak MCP until left. The protocol's own tasks live in one task of ours: whoever leaves may be another."""
        if self._app is None:
            yield
            return
        is_up, is_over = asyncio.Event(), asyncio.Event()
        speaking = asyncio.ensure_future(_speak(self._app, is_up, is_over))
        try:
            await asyncio.wait({speaking, asyncio.ensure_future(is_up.wait())}, return_when=asyncio.FIRST_COMPLETED)
            yield
        finally:
            is_over.set()
            await speaking

    @property
    def _without_slash(self) -> Any:
        return _AtRoot(self._app)


async def _speak(app: McpApp, is_up: asyncio.Event, is_over: asyncio.Event) -> None:
    async with app.running():
        is_up.set()
        await is_over.wait()


class _AtRoot:
    """An ASGI app at the very path that it is mounted under."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        root = f"{scope.get('root_path', '')}{PATH}"
        await self._app({**scope, "path": f"{root}/", "root_path": root}, receive, send)


async def _who(scope: Any) -> Caller | None:
    from cuga.api.mcp import Caller

    try:
        asker = await asker_of(HTTPConnection(scope))
    except NotSignedIn:
        return None
    if asker.key is None or not set(asker.key.scopes) >= NEEDED:
        return None
    return Caller(asker.principal, may_stop=Verb.STEER.value in asker.key.scopes)
