"""What came back: status, headers and a body of bounded size, whatever the other side claims about it."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from cuga.errors import Unanswered

MOST_WAIT_S = 24 * 3600
_PACKED = ("gzip", "x-gzip")
_RATES = ("x-ratelimit", "ratelimit")  # the usual names, and those of the IETF's draft
_MOMENT = 10**9  # from here on a number is a moment (seconds since 1970), not a wait
MAX_SAID = 300  # characters of an answer that are told with a failure


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Header names are in lower case; of a repeated header the last one counts."""

    status: int
    url: str  # that answered, without query
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def content_type(self) -> str:
        """The media type, without parameters; empty when none was said."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def said(self) -> str:
        """The beginning of a body in words, on one line; empty for one that is not for people."""
        if not self.content_type.startswith(("application/json", "application/problem+json", "text/plain")):
            return ""
        return " ".join(self.text()[: 4 * MAX_SAID].split())[:MAX_SAID]

    def text(self) -> str:
        """The body as UTF-8; bytes that are none are replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; `Unanswered` when it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Unanswered(f"{self.url} answered with what is no JSON", mode="agent_contract") from error


def wait_asked(headers: Mapping[str, str]) -> int | None:
    """The seconds that `Retry-After` asks for, as a number or as a date against the answer's own `Date`; None: none."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(int(said[:9]), MOST_WAIT_S)
    try:
        until, now = parsedate_to_datetime(said), parsedate_to_datetime(headers.get("date", ""))
        return min(max(0, round((until - now).total_seconds())), MOST_WAIT_S)
    except (ValueError, TypeError):
        return None


def is_used_up(headers: Mapping[str, str]) -> bool:
    """Whether the other side says that no request is left of a rate."""
    return any(headers.get(f"{family}-remaining", "").strip() == "0" for family in _RATES)


def wait_for_rate(headers: Mapping[str, str]) -> int | None:
    """The seconds until a rate that is used up begins anew: a number, or a moment against the answer's own `Date`."""
    if not is_used_up(headers):
        return None
    said = next((headers[f"{family}-reset"].strip() for family in _RATES if f"{family}-reset" in headers), "")
    if not said.isascii() or not said.isdigit():
        return None
    number = int(said[:12])
    if number < _MOMENT:
        return min(number, MOST_WAIT_S)
    try:
        now = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        return None
    return min(max(1, round(number - now)), MOST_WAIT_S)


class TooMuch(Exception):
    """The body is larger than may be taken, or packed in a way that is not read here."""


async def read_body(stream: AsyncIterable[bytes], encoding: str, most: int) -> bytes:
    """The body, unpacked, of at most `most` bytes. It stops at the first byte too many: `TooMuch`."""
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", *_PACKED):
        raise TooMuch(f"packed as {encoding[:40]!r}, which was not asked for")
    machine = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding in _PACKED else None
    body, taken = bytearray(), 0
    async for piece in stream:
        taken += len(piece)  # what is packed is bounded too: it may unpack to nothing for ever
        if taken > most:
            raise TooMuch(f"more than {most:,} bytes")
        try:
            body += machine.decompress(piece, most + 1 - len(body)) if machine is not None else piece
        except zlib.error as error:
            raise TooMuch(f"cannot be unpacked: {error}") from error
        if len(body) > most:
            raise TooMuch(f"more than {most:,} bytes")
    if machine is not None and taken and not machine.eof:
        raise TooMuch("it was cut off")
    if machine is not None and machine.unused_data:
        raise TooMuch("something follows what was unpacked")  # to leave it out would be to answer with half a body
    return bytes(body)
