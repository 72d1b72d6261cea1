"""A calendar file (RFC 5545) as times that are taken. What is not understood is named, and never taken for free time.

Only what says when somebody is busy is read: events with their times, zones, repetitions and exceptions. A zone is
found by its name in the machine's own zone files; a file's own descriptions of zones are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cuga.adapters.capability.calendar import Busy

MAX_BYTES = 8 << 20
MAX_EVENTS = 20_000  # of one file
MAX_TIMES = 2_000  # that one repetition may have in the stretch that is asked for
_PERIODS = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")  # of shorter ones nobody has meetings
_LINE = re.compile(r"([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:\"[^\"]*\"|[^;:\"]*))*):(.*)", re.S)
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


Entry = dict[str, list[tuple[str, str]]]  # name -> (parameters, value), each time it stands there


class Unreadable(Exception):
    """An entry that is not understood; the words say why."""


def taken(text: str, starts: datetime, ends: datetime, zone: ZoneInfo) -> tuple[list[Busy], list[str]]:
    """What a file says is taken between two times, and the entries of it that are not understood. `zone` is that of
    times without one."""
    busy: list[Busy] = []
    unread: list[str] = []
    for number, event in enumerate(_events(text), 1):
        if number > MAX_EVENTS:
            return busy, [*unread, f"entries beyond the first {MAX_EVENTS:,}"]
        title = _plain(event.get("SUMMARY", [("", "")])[0][1]) or f"entry {number}"
        try:
            busy += _times(event, title, starts, ends, zone)
        except (Unreadable, ValueError, KeyError, OverflowError, OSError) as error:
            unread.append(f"{title[:80]}: {error}")
    return busy, unread


def _times(
    event: dict[str, list[tuple[str, str]]], title: str, starts: datetime, ends: datetime, zone: ZoneInfo
) -> Iterator[Busy]:
    said = {name: values[0] for name, values in event.items()}
    if (
        said.get("STATUS", ("", ""))[1].upper() == "CANCELLED"
        or said.get("TRANSP", ("", ""))[1].upper() == "TRANSPARENT"
    ):
        return
    if "DTSTART" not in said:
        raise Unreadable("it has no beginning")
    begins, is_day = _moment(*said["DTSTART"], zone)
    if "DTEND" in said:
        length = _moment(*said["DTEND"], zone)[0] - begins
    elif "DURATION" in said:
        length = _length(said["DURATION"][1])
    else:
        length = timedelta(days=1) if is_day else timedelta(0)
    if length < timedelta(0):
        raise Unreadable("it ends before it begins")
    for moment in _repeated(event, begins, length, starts, ends, zone):
        if moment < ends and moment + length > starts and length:
            yield Busy(starts=moment.astimezone(UTC), ends=(moment + length).astimezone(UTC), title=title)


def _repeated(
    event: Entry,
    begins: datetime,
    length: timedelta,
    starts: datetime,
    ends: datetime,
    zone: ZoneInfo,
) -> list[datetime]:
    gone = {_moment(how, one, zone)[0] for how, value in event.get("EXDATE", ()) for one in value.split(",")}
    more = [_moment(how, one, zone)[0] for how, value in event.get("RDATE", ()) for one in value.split(",")]
    found = [begins, *more]
    if not event.get("RRULE"):
        return [moment for moment in dict.fromkeys(found) if moment not in gone]
    from dateutil.rrule import rrulestr  # type: ignore[import-untyped]  # only what repeats needs it

    for _, rule in event.get("RRULE", ()):
        parts = dict(part.partition("=")[::2] for part in rule.upper().split(";"))
        if parts.get("FREQ") not in _PERIODS:
            raise Unreadable(f"it repeats by {parts.get('FREQ', 'nothing')}")
        where = begins.tzinfo  # the hour stays the same on the wall, whatever the clocks are changed by
        local = rrulestr(_until_on_the_wall(rule.upper(), begins), dtstart=begins.replace(tzinfo=None))
        first = (starts - length).astimezone(where).replace(tzinfo=None)
        for at, moment in enumerate(local.xafter(first, inc=True)):
            if moment >= ends.astimezone(where).replace(tzinfo=None):
                break
            if at >= MAX_TIMES:
                raise Unreadable(f"it repeats more than {MAX_TIMES:,} times")
            found.append(moment.replace(tzinfo=where))
    return [moment for moment in dict.fromkeys(found) if moment not in gone]


def _until_on_the_wall(rule: str, begins: datetime) -> str:
    """A rule whose end is in the zone of its beginning, which is how repetitions are reckoned here."""

    def there(found: re.Match[str]) -> str:
        until = datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).astimezone(begins.tzinfo)
        return f"UNTIL={until:%Y%m%dT%H%M%S}"

    return re.sub(r"UNTIL=(\d{8}T\d{6}Z)", there, rule)


def _moment(how: str, value: str, zone: ZoneInfo) -> tuple[datetime, bool]:
    parts = dict(part.partition("=")[::2] for part in how.upper().strip(";").split(";"))
    named = re.search(r"TZID=\"?([^\";]+)", how, re.I)
    value = value.strip()
    if parts.get("VALUE") == "DATE" or re.fullmatch(r"\d{8}", value):
        day = date(int(value[:4]), int(value[4:6]), int(value[6:8]))
        return datetime.combine(day, time(), zone), True
    moment = datetime.strptime(value.removesuffix("Z"), "%Y%m%dT%H%M%S")
    if value.endswith("Z"):
        return moment.replace(tzinfo=UTC), False
    try:
        return moment.replace(tzinfo=ZoneInfo(named[1]) if named else zone), False
    except (KeyError, ValueError) as error:
        raise Unreadable(f"its time zone {named[1] if named else ''!r} is not known here") from error


def _length(text: str) -> timedelta:
    found = _DURATION.fullmatch(text.strip().removeprefix("+"))
    if found is None:
        raise Unreadable(f"its length {text[:40]!r} is not understood")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _events(text: str) -> Iterator[Entry]:
    """The events of a file: name -> (parameters, value), in order. What stands in parts of an event is passed over."""
    event: Entry | None = None
    inside: list[str] = []
    for line in re.sub(r"\r?\n[ \t]", "", text).splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        name, how, value = found[1].upper(), found[2], found[3]
        if name == "BEGIN":
            inside.append(value.strip().upper())
            if inside[-1] == "VEVENT":
                event = {}
        elif name == "END":
            if inside and inside.pop() == "VEVENT" and event is not None:
                yield event
                event = None
        elif event is not None and inside[-1:] == ["VEVENT"]:
            event.setdefault(name, []).append((how, value))


def _plain(value: Any) -> str:
    return re.sub(r"\\([\\;,nN])", lambda found: " " if found[1] in "nN" else found[1], str(value)).strip()
