"""The server of a house: page, API and all else that it answers, in the loop that the house lives in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from cuga.api.app import create_app
from cuga.api.doors import Address, Doors
from cuga.api.listening import answering, is_loopback, take_socket
from cuga.api.live import Live
from cuga.api.mcp_mount import McpDoor
from cuga.errors import BadInput
from cuga.orchestrator.calendar.timetable import keep_time
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.process import settle_in
from cuga.people.oidc import Provider


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
    try:
        async with answering(create_app(doors, mcp.routes), taken, is_behind_proxy=bool(public_url)):
            try:
                async with mcp.running():
                    yield doors
            finally:
                delivering.cancel()
                await asyncio.gather(delivering, return_exceptions=True)
                await doors.live.close()
    finally:
        delivering.cancel()  # where the server did not even begin
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
