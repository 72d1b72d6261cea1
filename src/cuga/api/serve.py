"""The server of a house: uvicorn on one socket, in the loop that the house lives in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address

import uvicorn

from cuga.api.app import create_app
from cuga.api.doors import Address, Doors
from cuga.api.live import Live
from cuga.api.mcp_mount import McpDoor
from cuga.errors import BadInput
from cuga.orchestrator.calendar.timetable import keep_time
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.process import settle_in
from cuga.people.oidc import Provider

PORT = 8080
MAX_FRAME = 64 * 1024  # bytes a watcher may send at once
GRACE_S = 2  # seconds that answers get when the server stops


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def must_be_allowed(front: Coordinator, host: str, public_url: str) -> None:
    """Refuse to be reached from elsewhere while whoever comes in is taken for the one person of the house."""
    if is_loopback(host) and not public_url:
        return
    if not (await front.open()).current.roles:
        raise BadInput(
            f"a house with one person is served to this machine only, not on {public_url or host}: "
            "whoever holds its link may do everything",
            mend="Add a second person first: cuga users add NAME --role approver; then `cuga users invite NAME`.",
        )
    if not public_url:
        raise BadInput(
            f"{host} is reached from elsewhere, and passwords must not travel in the open",
            mend="Put a proxy with TLS in front and say --public-url https://NAME (docs/howto/serve-a-team.md).",
        )
    if not public_url.startswith("https://") and not is_loopback(public_url.partition("://")[2].partition(":")[0]):
        raise BadInput(f"{public_url} is not https", mend="People sign in over TLS only.")


def take_socket(host: str, port: int | None) -> socket.socket:
    """A socket that listens; `BadInput` when somebody else has the port. Without a port: the usual one, or any."""
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
    except OSError as error:
        taken.close()
        raise BadInput(
            f"{host}:{port} cannot be had: {error.strerror or error}", mend="Name another one with --port, or --port 0."
        ) from error
    taken.setblocking(False)
    return taken


@contextlib.asynccontextmanager
async def served(
    front: Coordinator, *, host: str = "127.0.0.1", port: int | None = None, public_url: str = ""
) -> AsyncIterator[Doors]:
    """Serve a house that is open while the block runs."""
    await must_be_allowed(front, host, public_url)
    assembly = await front.open()
    taken = take_socket(host, port)
    address = Address(host=host, port=taken.getsockname()[1], public_url=public_url.rstrip("/"))
    assembly.served_at = address.url
    doors = Doors(
        front=front, credentials=assembly.credentials(), live=Live(front), address=address, port=taken.getsockname()[1]
    )
    doors.oidc = provider_of(assembly)
    await doors.live.open()
    delivering = asyncio.ensure_future((await front.postman()).work())
    mcp = McpDoor(doors)
    config = uvicorn.Config(
        create_app(doors, mcp.routes),
        log_config=None,
        access_log=False,
        lifespan="off",
        loop="none",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME,
        ws_per_message_deflate=False,
        server_header=False,
        proxy_headers=bool(public_url),
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[taken]))
    try:
        await asyncio.wait({serving, asyncio.ensure_future(server.is_up.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        async with mcp.running():
            yield doors
    finally:
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)
        await doors.live.close()
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        taken.close()
        assembly.served_at = ""


def provider_of(assembly: Assembly) -> Provider | None:
    """The OpenID provider that the settings name; None when they name none."""
    said = assembly.settings
    if not said.oidc_issuer or not said.oidc_client:
        return None
    secret = said.variables.get("CUGA_OIDC_SECRET", "")
    return Provider(said.oidc_issuer, said.oidc_client, secret, said, assembly.clock)


@contextlib.asynccontextmanager
async def driven(front: Coordinator) -> AsyncIterator[None]:
    """Go on with every run of the house and keep its timetable while the block runs."""
    assembly = await front.open()
    settle_in()
    await assembly.engine.sweep()
    timing = asyncio.ensure_future(keep_time(front, lambda _started: None))
    try:
        yield
    finally:
        timing.cancel()
        await asyncio.gather(timing, return_exceptions=True)


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
