"""A calendar out of files: whatever is taken is never called free, and what is not understood is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cuga.adapters.capability.calendar import Busy
from cuga.adapters.offline import CalendarFolder
from cuga.errors import NotDone

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def event(*lines: str) -> str:
    return "\r\n".join(("BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""))


def agenda(tmp_path: Path, text: str, days: int = 7, name: str = "own.ics", start: datetime = MONDAY):
    (tmp_path / name).write_text(text, newline="")
    return CalendarFolder(tmp_path, "Europe/Berlin").agenda(start, start + timedelta(days=days))


def hours(found) -> list[str]:
    return [f"{one.starts:%d %H:%M}-{one.ends:%H:%M}" for one in found.busy]


@pytest.mark.parametrize(
    ("lines", "taken"),
    [
        (("DTSTART:20260303T100000Z", "DTEND:20260303T110000Z"), ["03 10:00-11:00"]),
        (("DTSTART:20260303T100000Z", "DURATION:PT1H30M"), ["03 10:00-11:30"]),
        (("DTSTART;TZID=America/New_York:20260303T100000", "DTEND;TZID=America/New_York:20260303T110000"),
         ["03 15:00-16:00"]),
        (("DTSTART:20260303T100000", "DTEND:20260303T110000"), ["03 09:00-10:00"]),  # the folder's own zone
        (("DTSTART;VALUE=DATE:20260303",), ["02 23:00-23:00"]),  # a day there
        (("DTSTART:20260303T100000Z", "DTEND:20260303T110000Z", "STATUS:CANCELLED"), []),
        (("DTSTART:20260303T100000Z", "DTEND:20260303T110000Z", "TRANSP:TRANSPARENT"), []),
        (("DTSTART:20260101T080000Z", "DTEND:20260101T083000Z", "RRULE:FREQ=WEEKLY;BYDAY=MO,WE"),
         ["02 08:00-08:30", "04 08:00-08:30"]),
        (("DTSTART:20260303T100000Z", "DTEND:20260303T110000Z", "RRULE:FREQ=DAILY;COUNT=3",
          "EXDATE:20260304T100000Z"), ["03 10:00-11:00", "05 10:00-11:00"]),
        (("DTSTART:20260302T100000Z", "DTEND:20260302T110000Z", "RRULE:FREQ=DAILY;UNTIL=20260303T235959Z"),
         ["02 10:00-11:00", "03 10:00-11:00"]),
        (("DTSTART:20251202T100000Z", "DTEND:20251202T110000Z", "RRULE:FREQ=MONTHLY;BYMONTHDAY=2"),
         ["02 10:00-11:00"]),
        (("DTSTART:20260301T230000Z", "DTEND:20260302T010000Z"), ["01 23:00-01:00"]),  # it reaches in
    ],
)  # fmt: skip
def test_what_is_taken(tmp_path: Path, lines: tuple[str, ...], taken: list[str]):
    found = agenda(tmp_path, event(*lines))
    assert (hours(found), found.unread) == (taken, ())


def test_an_hour_stays_on_the_wall_when_the_clocks_change(tmp_path: Path):
    weekly = event(
        "DTSTART;TZID=Europe/Berlin:20260323T100000", "DTEND;TZID=Europe/Berlin:20260323T110000", "RRULE:FREQ=WEEKLY"
    )
    found = agenda(tmp_path, weekly, days=14, start=datetime(2026, 3, 23, tzinfo=UTC))
    assert hours(found) == ["23 09:00-10:00", "30 08:00-09:00"]


@pytest.mark.parametrize(
    "lines",
    [
        ("SUMMARY:odd", "DTSTART;TZID=Mars/Olympus:20260303T100000"),
        ("SUMMARY:odd", "DTSTART:20260303T100000Z", "RRULE:FREQ=SECONDLY"),
        ("SUMMARY:odd", "DTSTART:20260303T100000Z", "RRULE:FREQ=WEEKLY;BYDAY=XX"),
        ("SUMMARY:odd", "DTSTART:99999999T100000Z"),
        ("SUMMARY:odd", "DTSTART:20260303T100000Z", "DURATION:soon"),
        ("SUMMARY:odd", "DTSTART:20260303T100000Z", "DTEND:20260302T100000Z"),
        ("SUMMARY:odd",),
    ],
)
def test_what_is_not_understood_is_named_and_never_passed_over(tmp_path: Path, lines: tuple[str, ...]):
    (said,) = agenda(tmp_path, event(*lines)).unread
    assert said.startswith("own.ics: odd: ")


def test_folded_lines_and_parts_of_events_do_not_confuse_it(tmp_path: Path):
    text = event(
        "SUMMARY:a long", "  title", "DTSTART:20260303T100000Z", "DTEND:20260303T11", " 0000Z",
        "BEGIN:VALARM", "DTSTART:20260101T000000Z", "END:VALARM",
    )  # fmt: skip
    (one,) = agenda(tmp_path, text).busy
    assert (one.title, one.ends.hour) == ("a long title", 11)


def test_rows_are_read_and_a_bad_row_is_named(tmp_path: Path):
    text = "start,end,title\n2026-03-03T10:00,2026-03-03T11:00,Board\nsoon,later,?\n"
    text += "2026-05-01T10:00Z,2026-05-01T11:00Z,x\n"
    found = agenda(tmp_path, text, name="own.csv")
    assert hours(found) == ["03 09:00-10:00"] and found.unread[0].startswith("own.csv: line 3")


def test_who_cannot_see_a_calendar_does_not_call_it_free(tmp_path: Path):
    with pytest.raises(NotDone, match=r"own\.csv cannot be read"):
        agenda(tmp_path, "when\nnow\n", name="own.csv")
    (tmp_path / "own.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NotDone):
        CalendarFolder(tmp_path).agenda(MONDAY, MONDAY + timedelta(days=1))


def test_what_was_offered_is_kept_free_once_per_key_until_it_is_let_go(tmp_path: Path):
    folder = CalendarFolder(tmp_path)
    slot = Busy(starts=MONDAY, ends=MONDAY + timedelta(minutes=30), title="offered: tea")
    for _ in range(2):
        folder.hold("k", slot)
    assert CalendarFolder(tmp_path).agenda(MONDAY, MONDAY + timedelta(days=1)).busy == (slot,)
    folder.let_go("k")
    folder.let_go("k")
    assert folder.agenda(MONDAY, MONDAY + timedelta(days=1)).busy == ()


def test_a_house_without_a_directory_has_an_empty_calendar():
    folder = CalendarFolder(None)
    folder.hold("k", Busy(starts=MONDAY, ends=MONDAY))
    folder.let_go("k")
    assert folder.agenda(MONDAY, MONDAY + timedelta(days=1)).busy == ()
