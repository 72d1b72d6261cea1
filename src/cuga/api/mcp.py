"""The MCP server over HTTP, as a small ASGI application to be mounted, and over standard input and output.

Who asks over HTTP is what the mounting application's resolver says of the request; without an answer it is refused
before the protocol is spoken. The mounting application holds `running()` open for as long as it serves.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from cuga.api.mcp_server import mcp_server
from cuga.api.mcp_window import Front, Link, Window, told_to
from cuga.model.context import Principal

Scope = MutableMapping[str, Any]


class Caller(NamedTuple):
    """Who asks, and whether they may end runs as well."""

    principal: Principal
    may_stop: bool = True


Resolver = Callable[[Scope], Awaitable[Principal | Caller | None]]  # who asks; None: nobody that is known

MAX_BODY = 1024 * 1024
_WHO = "cuga.mcp.caller"


class McpApp:
    """Speaks streamable HTTP at the path it is mounted under. `hosts` are Host headers beside those of this machine."""

    def __init__(self, front: Front, resolver: Resolver, *, link: Link = told_to, hosts: Collection[str] = ()) -> None:
        from mcp.server.transport_security import TransportSecuritySettings

        self._front = front
        self._resolver = resolver
        self._link = link
        self._server = mcp_server(self._window)
        local = ("127.0.0.1:*", "localhost:*", "[::1]:*")
        security = TransportSecuritySettings(
            allowed_hosts=[*local, *hosts],
            allowed_origins=[*(f"http://{one}" for one in local), *(f"https://{one}" for one in hosts)],
        )
        self._app = self._server.streamable_http_app(
            streamable_http_path="/",
            stateless_http=True,
            json_response=True,
            max_request_body_size=MAX_BODY,
            transport_security=security,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve until left; to be held open by the application that mounts this one."""
        async with self._server.session_manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """One request. 401 for a caller whom nobody knows."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        who = await self._resolver(scope)
        if who is None:
            await _refuse(send)
            return
        caller = who if isinstance(who, Caller) else Caller(who)
        await self._app({**scope, _WHO: caller}, receive, send)

    async def _window(self, ctx: Any) -> Window:
        caller: Caller = ctx.request.scope[_WHO]
        return Window(self._front, caller.principal, self._link, may_stop=caller.may_stop)


async def serve_stdio(front: Front, *, link: Link = told_to) -> None:
    """Speak over standard input and output until the other side hangs up. Who asks is the user of this process."""
    from mcp.server.stdio import stdio_server

    window = Window(front, None, link)

    async def window_of(_ctx: Any) -> Window:
        return window

    server = mcp_server(window_of)
    async with stdio_server() as (heard, told):
        await server.run(heard, told, server.create_initialization_options())


async def _refuse(send: Any) -> None:
    problem = {
        "type": "about:blank",
        "title": "You are not known here",
        "status": 401,
        "detail": "this needs an API key of the house",
        "code": "not_allowed",
    }
    headers = [(b"content-type", b"application/problem+json"), (b"www-authenticate", b"Bearer")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(problem).encode()})
