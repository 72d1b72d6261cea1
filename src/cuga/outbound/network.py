"""Connections of a `SafeClient`: a name is resolved here, all its addresses are checked, and one of them is taken.

It stands below the HTTP library, so that whatever that library does, no connection is made past the check.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable
from typing import Any

import httpcore2

from cuga.outbound.addresses import MOST_ADDRESSES, Egress, Resolver


class Network(httpcore2.AsyncNetworkBackend):
    """The library's port to the network. `proxy` is the one (host, port) that settings name as a proxy."""

    def __init__(self, egress: Egress, resolver: Resolver, proxy: tuple[str, int] | None = None) -> None:
        self._egress = egress
        self._resolver = resolver
        self._proxy = proxy
        self._below = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's port
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolve, check every address, connect to one of them. `EgressRefused` before anything is sent."""
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        try:
            async with asyncio.timeout(timeout):
                for address in (await self._addresses(host, port))[:MOST_ADDRESSES]:
                    try:
                        return await self._below.connect_tcp(address, port, timeout, local_address, socket_options)
                    except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                        failure = error
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{host} gave no connection in time") from error
        raise failure

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = [str(ipaddress.ip_address(host))]
        except ValueError:
            try:
                found = await self._resolver(host, port)
            except (OSError, UnicodeError) as error:
                raise httpcore2.ConnectError(f"{host} cannot be found: {error}") from error
        if (host, port) != self._proxy:
            for address in found:
                self._egress.check_address(host, port, address)
        return found
