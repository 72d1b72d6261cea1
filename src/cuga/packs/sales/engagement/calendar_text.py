"""Touches as a calendar file (RFC 5545), to be opened with any calendar. UTC throughout, so no zone goes astray."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cuga.model.value import Value

_PRODUCT = "-//cuga//touches//EN"


class Entry(Value, frozen=True, kw_only=True):
    """One appointment. `starts` is aware; `uid` is the same for the same touch, so that importing again changes it."""

    uid: str
    starts: datetime
    minutes: int
    title: str
    text: str = ""


def uid_of(*parts: str) -> str:
    """A name for an entry made of what it is about."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32] + "@cuga.invalid"


def written(entries: Iterable[Entry], *, at: datetime) -> str:
    """The file: lines end in CRLF and are folded at 75 bytes; text is escaped, so that it can add no line."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{_PRODUCT}", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"]
    for entry in entries:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{entry.uid}",
            f"DTSTAMP:{_stamp(at)}",
            f"DTSTART:{_stamp(entry.starts)}",
            f"DTEND:{_stamp(entry.starts + timedelta(minutes=entry.minutes))}",
            f"SUMMARY:{_escaped(entry.title)}",
            *([f"DESCRIPTION:{_escaped(entry.text)}"] if entry.text else []),
            "STATUS:TENTATIVE",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    return "".join(f"{part}\r\n" for line in [*lines, "END:VCALENDAR"] for part in _folded(line))


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    plain = "".join(letter if letter >= " " else "\n" if letter == "\n" else " " for letter in text)
    for letter in "\\;,":
        plain = plain.replace(letter, f"\\{letter}")
    return plain.encode("utf-8", "replace").decode().replace("\n", "\\n")


def _folded(line: str) -> list[str]:
    """Pieces of at most 75 bytes that cut no letter; each but the first begins with a blank."""
    pieces, piece = [], ""
    for letter in line:
        if len((piece + letter).encode()) > 75:
            pieces.append(piece)
            piece = " "
        piece += letter
    return [*pieces, piece]
