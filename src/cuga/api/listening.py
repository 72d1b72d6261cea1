"""One socket and one uvicorn on it, in the loop that the house lives in. What is answered there is handed in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cuga.api.doors import bracketed
from cuga.errors import BadInput

PORT = 8080
MAX_FRAME = 64 * 1024  # bytes a watcher may send at once
Taken = socket.socket  # one that listens
GRACE_S = 2  # seconds that answers get when the server stops


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def take_socket(host: str, port: int | None, mend: str = "Name another one with --port, or --port 0.") -> Taken:
    """A socket that listens; `BadInput` when it cannot be had. Without a port: the usual one, or any."""
    if port is None:
        try:
            return take_socket(host, PORT)
        except BadInput:
            return take_socket(host, 0)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only on sockets that say they are TCP; else each waits 40 ms for an ACK
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
        taken.listen(1_024)
    except (OSError, UnicodeError) as error:  # a name that is none cannot even be encoded
        taken.close()
        why = getattr(error, "strerror", "") or error
        raise BadInput(f"{bracketed(host)}:{port} cannot be had: {why}", mend=mend) from error
    taken.setblocking(False)
    return taken


@contextlib.asynccontextmanager
async def answering(
    app: ASGIApp, taken: socket.socket, *, is_behind_proxy: bool = False, most: int | None = None
) -> AsyncIterator[None]:
    """Answer at a socket while the block runs, then let it go. `most`: connections that are kept open."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        loop="none",
        http="httptools" if most is None else _few(most),
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME,
        ws_per_message_deflate=False,
        server_header=False,
        proxy_headers=is_behind_proxy,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[taken]))
    try:
        await asyncio.wait({serving, asyncio.ensure_future(server.is_up.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        taken.close()


def _few(most: int) -> type[HttpToolsProtocol]:
    """Connections of which the oldest is cut off when there would be more than so many. Whoever asks and reads is done
    in no time; what is old asks nothing or does not read, and must not take the files that the process needs."""
    kept: dict[HttpToolsProtocol, None] = {}

    class Few(HttpToolsProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            kept[self] = None
            if len(kept) > most:
                oldest = next(iter(kept))
                del kept[oldest]
                oldest.transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            kept.pop(self, None)
            super().connection_lost(exc)

    return Few


class _Server(uvicorn.Server):
    """Signals are the command's business, not the server's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()
