"""A calendar out of files: `.ics` and `.csv` in a directory, read anew at each question, and the times that were
offered.

Somebody else writes the files (a program that saves an export there is enough). Offers lie in `held/`, a file for each,
which a person may delete. A file that cannot be read stops the question: who cannot see a calendar must not call it
free.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from cuga.adapters.capability.calendar import Agenda, Busy
from cuga.adapters.offline.ics import MAX_BYTES, taken
from cuga.adapters.offline.sent_notes import write_durably
from cuga.errors import NotDone

HELD = "held"
COLUMNS = ("start", "end")


class CalendarFolder:
    """A `Calendar` on a directory; None: an empty one that holds nothing. `zone` is that of times without one."""

    def __init__(self, directory: Path | None, zone: str = "UTC") -> None:
        self._directory = directory
        self._zone = ZoneInfo(zone)

    def agenda(self, starts: datetime, ends: datetime) -> Agenda:
        """What the files and the offers take between two times."""
        busy: list[Busy] = []
        unread: list[str] = []
        for path in self._files():
            try:
                if path.stat().st_size > MAX_BYTES:
                    raise ValueError(f"it has more than {MAX_BYTES >> 20} MiB")
                text = path.read_text("utf-8-sig")
                if path.suffix.lower() == ".ics":
                    found, not_understood = taken(text, starts, ends, self._zone)
                else:
                    found, not_understood = self._rows(text, starts, ends)
            except (OSError, ValueError, csv.Error) as error:
                raise NotDone(
                    f"the calendar {path.name} cannot be read: {error}", mend="save it again, or take it away"
                ) from error
            busy += found
            unread += [f"{path.name}: {entry}" for entry in not_understood]
        for held in self._held():
            if held.starts < ends and held.ends > starts:
                busy.append(held)
        return Agenda(busy=tuple(sorted(busy, key=lambda one: (one.starts, one.ends, one.title))), unread=tuple(unread))

    def hold(self, key: str, busy: Busy) -> None:
        """Keep a time, in a file of its own."""
        if self._directory is None:
            return
        place = self._place(key)
        part = place.with_suffix(f".{os.getpid()}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(part, msgspec.json.encode(busy))
            os.replace(part, place)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise NotDone(f"that time cannot be held: {error}") from error

    def let_go(self, key: str) -> None:
        """Take the file away."""
        if self._directory is not None:
            with contextlib.suppress(OSError):
                self._place(key).unlink()

    # --- inside ---------------------------------------------------------------------------------------------------
    def _files(self) -> list[Path]:
        if self._directory is None or not self._directory.is_dir():
            return []
        return sorted(path for path in self._directory.iterdir() if path.suffix.lower() in (".ics", ".csv"))

    def _held(self) -> list[Busy]:
        if self._directory is None:
            return []
        found = []
        for path in sorted((self._directory / HELD).glob("*.json")):
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=Busy))
            except (OSError, msgspec.DecodeError) as error:
                raise NotDone(f"the offer {path.name} cannot be read: {error}", mend="take the file away") from error
        return found

    def _place(self, key: str) -> Path:
        assert self._directory is not None
        return self._directory / HELD / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def _rows(self, text: str, starts: datetime, ends: datetime) -> tuple[list[Busy], list[str]]:
        rows = csv.DictReader(text.splitlines())
        names = {str(name).strip().casefold(): name for name in rows.fieldnames or ()}
        if missing := [name for name in COLUMNS if name not in names]:
            raise ValueError(f"it has no column {' and none '.join(missing)}")
        found, unread = [], []
        for number, row in enumerate(rows, 2):
            try:
                begins, over = (self._moment(row[names[name]] or "") for name in COLUMNS)
            except ValueError as error:
                unread.append(f"line {number}: {error}")
                continue
            if begins < ends and over > starts:
                title = (row.get(names.get("title", "")) or "").strip()
                found.append(Busy(starts=begins, ends=over, title=title))
        return found, unread

    def _moment(self, text: str) -> datetime:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC)
