"""One request as it will go out, checked before anything is touched: an address, header or method that could mean
something else than it says is refused as bad input."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlencode, urljoin, urlsplit

from cuga.errors import BadInput, EgressRefused

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, 9.2.1: asking changes nothing
METHODS = SAFE | {"POST", "PUT", "PATCH", "DELETE"}
KEY_HEADER = "idempotency-key"
_PORTS = {"https": 443, "http": 80}
_PLAIN = re.compile(r"[!-\[\]-~]+")  # printable ASCII without blanks and without the backslash
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|[0-9a-f:]+(?:\.[0-9.]+)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token, RFC 9110, 5.6.2
_VALUE = re.compile(r"[\t -~]*")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "cookie"})
_KEPT_ABROAD = frozenset({"accept", "accept-language", "user-agent"})
_SHOWN = 200  # characters of an address in a message


@dataclass(frozen=True, slots=True)
class Sending:
    """A request that may go out."""

    method: str
    scheme: str
    host: str
    port: int
    target: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_safe(self) -> bool:
        """Whether asking changes nothing."""
        return self.method in SAFE

    @property
    def has_key(self) -> bool:
        """Whether the other side can tell a second attempt from a second request."""
        return any(name == KEY_HEADER for name, _ in self.headers)

    @property
    def authority(self) -> str:
        """Host and, unless it is the usual one, port, as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The address for people and records: without query, which may hold secrets, and cut where it is long."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"[:_SHOWN]

    def led_to(self, place: str) -> Sending:
        """The request that a redirect asks for. What was meant for one host is not told to another."""
        here = f"{self.scheme}://{self.authority}{self.target}"
        scheme, host, port, target = read_address(urljoin(here, place))
        if self.scheme == "https" and scheme != "https":
            said = f"{self.shown} leads to {scheme}://{host}, which is not encrypted"
            raise EgressRefused(said, mode="policy_security")
        is_abroad = (scheme, host, port) != (self.scheme, self.host, self.port)
        headers = tuple(h for h in self.headers if not is_abroad or h[0] in _KEPT_ABROAD)
        return replace(self, scheme=scheme, host=host, port=port, target=target, headers=headers)

    def wire_headers(self) -> list[tuple[bytes, bytes]]:
        """All headers as they are sent."""
        ours = [("host", self.authority), ("accept-encoding", "gzip"), ("connection", "close")]
        if self.body or not self.is_safe:
            ours.append(("content-length", str(len(self.body))))
        return [(name.encode("ascii"), value.encode("ascii")) for name, value in (*ours, *self.headers)]


def prepared(
    method: str,
    url: str,
    *,
    params: Mapping[str, str | int] | None,
    headers: Mapping[str, str] | None,
    body: bytes,
    key: str,
    agent: str,
) -> Sending:
    """A request from what the caller gives; `BadInput` says what cannot be sent."""
    if method not in METHODS:
        raise BadInput(f"{method[:20]!r} is no method", mend=f"methods: {', '.join(sorted(METHODS))}")
    scheme, host, port, target = read_address(url)
    if params:
        target += ("&" if "?" in target else "?") + urlencode(params)
    said = {"user-agent": agent, "accept": "*/*"}
    for name, value in (headers or {}).items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BadInput(f"the header {name[:40]!r} holds what no header may hold")
        if name.lower() in _OURS:
            raise BadInput(f"the header {name} is not the caller's to set")
        said[name.lower()] = value.strip()
    if key:
        if not _VALUE.fullmatch(key):
            raise BadInput("the idempotency key holds what no header may hold")
        said[KEY_HEADER] = key
    return Sending(method, scheme, host, port, target, tuple(said.items()), body)


def read_address(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and target of an address. `BadInput` when parsers could disagree about it."""
    if not _PLAIN.fullmatch(url):
        raise BadInput("an address is printable ASCII without blanks", mend="Percent-encode what is not.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise BadInput(f"the address cannot be read: {error}") from error
    if parts.scheme not in _PORTS:
        raise BadInput(f"{parts.scheme[:20] or 'no scheme'}: an address begins with https://")
    if "@" in parts.netloc:
        raise BadInput("an address holds no name and password", mend="Give an Authorization header instead.")
    if not _HOST.fullmatch(host):
        raise BadInput(f"{host[:60]!r} is no host", mend="Write a name in other letters in its xn-- form.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port or _PORTS[parts.scheme], target


def read_proxy(address: str) -> tuple[str, tuple[str, str] | None, tuple[str, int]] | None:
    """A proxy's address without its login, the login, and where to connect to; None without one."""
    if not address:
        return None
    login, _, _ = urlsplit(address).netloc.rpartition("@")
    scheme, host, port, _ = read_address(address.replace(f"{login}@", "", 1))
    name, _, password = login.partition(":")
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}/", (unquote(name), unquote(password)) if login else None, (host, port)
