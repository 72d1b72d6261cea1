"""What became of each message, by its idempotency key: a small file that is written before the message goes anywhere,
and never removed. All ways to send share it, so that a switch between them sends nothing twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from cuga.adapters.capability import Receipt, SentMail
from cuga.adapters.offline.eml import name_of


class Note(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What became of one key. `via` is the adapter it goes through; empty: the outbox."""

    state: Literal["sending", "sent", "not_sent"]
    receipt: Receipt
    intent: str = ""
    template: str = ""
    at: str = ""
    via: str = ""


class SentNotes:
    """The notes in one directory, which is made when it is needed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def of(self, key: str) -> Note | None:
        """What is noted of a key; `RuntimeError` when it cannot be read."""
        try:
            return self._read(self._place(key))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def keep(self, key: str, note: Note) -> None:
        """Note something durably; `OSError` when it cannot be."""
        place = self._place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_suffix(f".{os.getpid()}.part")
        write_durably(part, msgspec.json.encode(note))
        os.replace(part, place)
        sync(place.parent)
        sync(place.parent.parent)

    def take_back(self, key: str, note: Note) -> None:
        """Nothing was sent. Where not even that can be noted, the error passes through and the outcome stays open."""
        if self.of(key) is not None:
            self.keep(key, msgspec.structs.replace(note, state="not_sent"))

    def history(self) -> tuple[SentMail, ...]:
        """What was sent under any key."""
        places = sorted(self._directory.glob("*.json")) if self._directory.is_dir() else []
        found = [note for place in places if (note := self._read(place)).state == "sent"]
        return tuple(
            SentMail(
                message_id=note.receipt.message_id,
                recipient=note.receipt.recipient,
                intent=note.intent,
                template=note.template,
                at=note.at,
            )
            for note in found
        )

    def erase(self, is_about: Callable[[str], bool]) -> int:
        """Delete the notes of messages to somebody; how many. The names of the files come from what was sent."""
        places = sorted(self._directory.glob("*")) if self._directory.is_dir() else []
        gone = 0
        for place in places:
            if is_about(place.read_text("utf-8", "replace")):
                place.unlink()
                gone += 1
        return gone

    @staticmethod
    def _read(place: Path) -> Note:
        try:
            return msgspec.json.decode(place.read_bytes(), type=Note)
        except msgspec.MsgspecError as error:
            raise RuntimeError(f"the note {place.name} in {place.parent.name} cannot be read: {error}") from error

    def _place(self, key: str) -> Path:
        return self._directory / f"{name_of(key)}.json"


def write_durably(place: Path, body: bytes) -> None:
    """Write a file that only its owner can read, to the disk."""
    with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())


def sync(directory: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
