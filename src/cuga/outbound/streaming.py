"""A client for libraries that speak HTTP by themselves and keep streams open: the same checks, below the library.

The library gets an `httpx2.AsyncClient` whose only transport is ours: each request's host is checked, each connection
is made to an address that was, bodies are bounded, and nothing of the environment counts.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from cuga.outbound.addresses import Egress, Resolver, resolve
from cuga.outbound.client import CONNECT_S, MAX_BYTES
from cuga.outbound.sending import read_proxy

if TYPE_CHECKING:
    import httpx2

STREAM_S = 300.0  # between two pieces of a stream that is kept open


def streaming_client(
    egress: Egress,
    *,
    headers: Mapping[str, str] | None = None,
    proxy: str = "",
    max_bytes: int = MAX_BYTES,
    read_s: float = STREAM_S,
    resolver: Resolver = resolve,
    auth: httpx2.Auth | None = None,
) -> httpx2.AsyncClient:
    """An `httpx2.AsyncClient` that reaches only what `egress` allows. No answer may have more than `max_bytes`. What
    `auth` sends goes the same way."""
    import httpx2

    transport = _transport(egress, proxy, max_bytes, resolver)
    timeout = httpx2.Timeout(CONNECT_S, read=read_s, write=read_s)
    said = dict(headers or {})
    return httpx2.AsyncClient(
        transport=transport, headers=said, timeout=timeout, trust_env=False, follow_redirects=False, auth=auth
    )


@cache
def _tls() -> ssl.SSLContext:
    """What is trusted: read once, for it takes long and is the same for all."""
    import httpcore2

    return httpcore2.default_ssl_context()


def _transport(egress: Egress, proxy: str, max_bytes: int, resolver: Resolver) -> httpx2.AsyncBaseTransport:
    import httpcore2
    import httpx2

    from cuga.outbound.network import Network

    through = read_proxy(proxy)
    pool = httpcore2.AsyncConnectionPool(
        ssl_context=_tls(),
        proxy=httpcore2.Proxy(through[0], auth=through[1]) if through else None,
        network_backend=Network(egress, resolver, through[2] if through else None),
    )

    class Bounded(httpx2.AsyncByteStream):
        """A body that ends with an error at the first byte too many."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            taken = 0
            try:
                async for piece in self._stream:
                    taken += len(piece)
                    if taken > max_bytes:
                        raise httpx2.ReadError(f"more than {max_bytes:,} bytes")
                    yield piece
            except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
                raise httpx2.ReadError(str(error)) from error

        async def aclose(self) -> None:
            await self._stream.aclose()

    class Checked(httpx2.AsyncBaseTransport):
        """Sends what may be sent."""

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            url = request.url
            port = url.port or {"https": 443, "http": 80}.get(url.scheme, 0)
            egress.check_name(url.scheme, url.host, port)
            headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"accept-encoding"]
            asked = httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=[*headers, (b"accept-encoding", b"identity")],  # nothing is unpacked, so nothing can explode
                content=request.stream,
                extensions=request.extensions,
            )
            try:
                answer = await pool.handle_async_request(asked)
            except httpcore2.TimeoutException as error:
                raise httpx2.ConnectTimeout(str(error)) from error
            except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
                raise httpx2.ConnectError(str(error)) from error
            return httpx2.Response(
                answer.status, headers=answer.headers, stream=Bounded(answer.stream), extensions=answer.extensions
            )

        async def aclose(self) -> None:
            await pool.aclose()

    return Checked()
