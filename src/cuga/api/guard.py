"""What is looked at before anything else: is this our name, is it our page, is it too much; and what every answer says.

A page elsewhere can make a browser send requests here, and a name elsewhere can be made to point here. Neither gets in:
a foreign `Host` or `Origin` is refused before a body is read and before a WebSocket is accepted.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cuga.api.doors import Address
from cuga.api.problems import refused
from cuga.errors import CugaError, ForeignOrigin, TooLarge
from cuga.witness.request import MAX_BYTES

MAX_BODY = 1 << 20  # bytes of a body
MAX_FILES = 64 << 20  # bytes of files that are imported
_MOST = {"/api/crm/import": MAX_FILES, "/api/witness/": MAX_BYTES}
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSP = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'; "
    "img-src 'self' data:; connect-src 'self'; script-src 'self'; style-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; require-trusted-types-for 'script'"
)
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


class Guard:
    """The first to see a request and the last to see an answer. `any_name`: at an address that others reach, under
    names that this process cannot know."""

    def __init__(self, app: ASGIApp, address: Address, *, any_name: bool = False) -> None:
        self._app = app
        self._address = address
        self._any_name = any_name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        send = self._with_headers(send, scope["path"])
        try:
            self._look_at_host(headers)
            self._look_at_origin(scope, headers)
            receive = _counted(scope, headers, receive)
        except CugaError as error:
            await _refuse(scope, receive, send, error)
            return
        await self._app(scope, receive, send)

    def _look_at_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        is_ours = len(hosts) == 1 and (self._any_name or hosts[0].lower() in self._address.hosts)
        if not is_ours:
            raise ForeignOrigin(f"{', '.join(hosts) or 'no host'} is not a name of this house")

    def _look_at_origin(self, scope: Scope, headers: Headers) -> None:
        is_unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE
        origins = headers.getlist("origin")
        is_foreign = len(origins) > 1 or any(not self._is_ours(origin) for origin in origins)
        if is_foreign and (is_unsafe or headers.get("sec-fetch-mode") == "cors"):
            raise ForeignOrigin(f"{', '.join(origins)} is elsewhere")
        if is_unsafe and not origins and "cookie" in headers and "authorization" not in headers:
            raise ForeignOrigin("a browser says where a request comes from, and this one did not")

    def _is_ours(self, origin: str) -> bool:
        scheme, host = urlsplit(origin)[:2] if "://" in origin else ("", "")
        return f"{scheme}://{host}".lower() in self._address.origins

    def _with_headers(self, send: Send, path: str) -> Send:
        async def told(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if self._address.is_secure:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
                if path.startswith(("/api/", "/metrics")):
                    headers.setdefault("Cache-Control", "no-store")
                message["headers"] = headers.raw
            await send(message)

        return told


def _counted(scope: Scope, headers: Headers, receive: Receive) -> Receive:
    """A body no larger than is taken, whatever its headers say."""
    if scope["type"] != "http":
        return receive
    most = next((most for path, most in _MOST.items() if scope["path"].startswith(path)), MAX_BODY)
    said = headers.get("content-length", "")
    if said.isdigit() and int(said) > most:
        raise TooLarge(f"{int(said):,} bytes; {most:,} are taken")
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise TooLarge(f"more than {most:,} bytes")
        return message

    return counting


async def _refuse(scope: Scope, receive: Receive, send: Send, error: CugaError) -> None:
    answer = refused(error)
    if scope["type"] == "http":
        await answer(scope, receive, send)
        return
    if "websocket.http.response" in scope.get("extensions", {}):
        start = {"type": "websocket.http.response.start", "status": answer.status_code, "headers": answer.raw_headers}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": answer.body})
        return
    await send({"type": "websocket.close", "code": 1008, "reason": error.code})
