"""The app for a server of somebody else's choosing: it opens its house when that server starts, and closes it after.

Where it is served is known from the first request; whoever starts such a server sees to its address and its TLS.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from starlette.types import Receive, Scope, Send

from cuga.api.app import create_app
from cuga.api.doors import Address, Doors
from cuga.api.listening import is_loopback
from cuga.api.live import Live
from cuga.api.serve import driven
from cuga.errors import CugaError, HouseBusy, NotAllowed
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.place import find
from cuga.orchestrator.ipc.connect import Session, connect
from cuga.settings import read_settings


class Hosted:
    """An ASGI app on the house of `CUGA_HOUSE`, or the nearest one."""

    def __init__(self) -> None:
        self._open = contextlib.AsyncExitStack()
        self._front: Coordinator | None = None
        self._live: Live | None = None
        self._app: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live_with(receive, send)
            return
        if self._app is None:
            self._app = self._made(*(scope.get("server") or ("127.0.0.1", 0)))
        await self._app(scope, receive, send)

    def _made(self, host: str, port: int | None) -> Any:
        assert self._front is not None and self._live is not None
        assembly = self._front._assembly
        assert assembly is not None
        if not is_loopback(host) and not assembly.current.roles:
            raise NotAllowed("a house with one person is served to this machine only")
        address = Address(host=host, port=port or 0)
        assembly.served_at = address.url
        doors = Doors(front=self._front, credentials=assembly.credentials(), live=self._live, address=address)
        return create_app(doors)

    async def _live_with(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._start()
        except CugaError as error:
            await send({"type": "lifespan.startup.failed", "message": f"{error.message} {error.next_step}"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._open.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        settings = read_settings()
        session: Session = await connect(find(settings.house), settings=settings, drives_all=True)
        self._open.push_async_callback(session.close)
        if not isinstance(session.front, Coordinator):
            holder = session.front.holder
            await self._open.aclose()
            raise HouseBusy(holder)
        self._front = session.front
        await self._open.enter_async_context(driven(self._front))
        self._live = Live(self._front)
        await self._live.open()
        self._open.push_async_callback(self._live.close)
        link = await self._front.login_link()
        print(
            f"Sign in once at this server's address and {link.partition('/#')[1]}{link.partition('/#')[2]}",
            file=sys.stderr,
        )
