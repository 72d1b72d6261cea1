"""Touches as a calendar file (RFC 5545), to be opened with any calendar. UTC throughout, so no zone goes astray."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cuga.errors import BadInput
from cuga.model.value import Value

_PRODUCT = "-//cuga//touches//EN"
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_TIMES = re.compile(r"(?m)^(DTSTART|DTEND)[^:\r\n]*:(\d{8}T\d{6}Z)\r?$")


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


def invitation(entry: Entry, *, attendee: str, organizer: str, at: datetime) -> str:
    """One appointment that is offered to somebody. With an organizer it is a request that can be answered (RFC 5546);
    without one, something to be put into a calendar. `BadInput` for addresses that could add a line."""
    for address in (attendee, organizer):
        if address and not _ADDRESS.fullmatch(address):
            raise BadInput(f"{address[:80]!r} is no mail address")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{_PRODUCT}",
        f"METHOD:{'REQUEST' if organizer else 'PUBLISH'}",
        "BEGIN:VEVENT",
        f"UID:{entry.uid}",
        "SEQUENCE:0",
        f"DTSTAMP:{_stamp(at)}",
        f"DTSTART:{_stamp(entry.starts)}",
        f"DTEND:{_stamp(entry.starts + timedelta(minutes=entry.minutes))}",
        f"SUMMARY:{_escaped(entry.title)}",
        *([f"ORGANIZER:mailto:{organizer}"] if organizer else []),
        *([f"ATTENDEE;RSVP=TRUE;PARTSTAT=NEEDS-ACTION:mailto:{attendee}"] if organizer and attendee else []),
        "STATUS:CONFIRMED" if organizer else "STATUS:TENTATIVE",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def times_in(ics: str) -> tuple[datetime, datetime] | None:
    """Begin and end of the one appointment of a file that was written here; None when it is not such a file."""
    found = _TIMES.findall(ics.replace("\r\n ", ""))
    if [name for name, _ in found] != ["DTSTART", "DTEND"]:
        return None
    begins, ends = (datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) for _, value in found)
    return begins, ends


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
