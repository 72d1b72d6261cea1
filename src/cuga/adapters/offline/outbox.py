"""Mail without a network: every message becomes one `.eml` file in a directory, which a person or a mailer picks up.

A message is written whole or not at all and once per idempotency key: a note in `.sent` outlives the file, which may be
picked up at any time. Addresses on the suppression list (`suppressed.csv` beside the files) get nothing; a list that
cannot be read stops all mail.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from cuga.adapters.capability import Outgoing, Receipt, SentMail, Suppressed
from cuga.adapters.offline.eml import drop_mails, name_of, read_receipt, written
from cuga.adapters.offline.sent_notes import Note, SentNotes, sync, write_durably
from cuga.adapters.offline.suppression import SuppressionList
from cuga.clock import Clock, SystemClock
from cuga.errors import NotDone

SUPPRESSED = "suppressed.csv"
NOTES = ".sent"


class Outbox:
    """A `Mail` on a directory. Without a `sender` the files are unsent mails (`X-Unsent`) for a mail program to
    open."""

    def __init__(
        self,
        directory: Path | str,
        *,
        sender: str = "",
        clock: Clock | None = None,
        keyed: Callable[[str], str] | None = None,
        book: Callable[[], Mapping[str, Suppressed]] | None = None,
    ) -> None:
        self._directory = Path(directory)
        self._sender = sender
        self._clock = clock or SystemClock()
        self._suppression = SuppressionList(self._directory / SUPPRESSED, keyed, book)
        self._notes = SentNotes(self._directory / NOTES)

    @property
    def notes(self) -> SentNotes:
        """What became of each key, for every way to send."""
        return self._notes

    @property
    def suppression(self) -> SuppressionList:
        """The list of those who get nothing."""
        return self._suppression

    def suppressed(self, address: str) -> str:
        """Why nothing may be sent to an address; empty when it may. `NotDone` when the list cannot be read."""
        found = self._suppression.find(address)
        return (found.reason or "on the suppression list") if found is not None else ""

    def suppress(self, address: str, reason: str, *, on: str = "", source: str = "") -> bool:
        """Put an address (or `@domain`) on the list; known ones stay as they are."""
        return bool(self._suppression.add([Suppressed(address=address, reason=reason, on=on, source=source)]))

    def history(self) -> tuple[SentMail, ...]:
        """What was sent under any key; a note that cannot be read raises `RuntimeError`."""
        return self._notes.history()

    def sent(self, key: str) -> Receipt | None:
        """The receipt of what was sent under a key, whoever has picked the file up since; None: surely nothing was.

        `RuntimeError` when nobody can say: sending had begun, and no file is there.
        """
        note = self._notes.of(key)
        if note is not None and note.state == "sent":
            return note.receipt
        if note is not None and note.via and note.state == "sending":
            raise RuntimeError(f"sending by {note.via} had begun under this key, and nobody noted how it ended")
        place = self._place(key)
        try:
            receipt = read_receipt(place.read_bytes(), place.name)
        except (FileNotFoundError, NotADirectoryError):
            if note is not None and note.state == "sending":
                raise RuntimeError(
                    f"sending {place.name} had begun and the file is not there: it was picked up, or never got there"
                ) from None
            return None
        if note is not None and receipt != note.receipt:
            raise RuntimeError(f"{place.name} is not the message that was being sent")
        return receipt

    def send(self, message: Outgoing) -> Receipt:
        """Write one message once. The same key again gives the first receipt; `NotDone` when nothing was written."""
        if (earlier := self.sent(message.key)) is not None:
            return earlier
        if why := self.suppressed(message.recipient):
            raise NotDone(f"{message.recipient} must not be written to: {why}")
        at = self._clock.now()
        whole = written(message, sender=self._sender, at=at)
        place = self._place(message.key)
        receipt = read_receipt(whole, place.name)
        note = Note(
            state="sending", receipt=receipt, intent=message.intent, template=message.template, at=at.isoformat()
        )
        part = place.with_suffix(f".{os.getpid()}.part")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            write_durably(part, whole)
            self._notes.keep(message.key, note)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            self._notes.take_back(message.key, note)
            raise NotDone(f"the outbox cannot be written: {error}") from error
        try:
            os.replace(part, place)  # from here on it is sent
        except OSError as error:
            part.unlink(missing_ok=True)  # it is still ours: nobody has seen it
            self._notes.take_back(message.key, note)
            raise NotDone(f"the outbox cannot be written: {error}") from error
        sync(self._directory)
        with contextlib.suppress(OSError):  # the file says so too, while it is there
            self._notes.keep(message.key, msgspec.structs.replace(note, state="sent"))
        return receipt

    def erase(self, is_about: Callable[[str], bool]) -> dict[str, int]:
        """Delete the messages to and about somebody, and what is noted of them."""
        found = {"messages": drop_mails(self._directory, is_about), "notes": self._notes.erase(is_about)}
        return {name: count for name, count in found.items() if count}

    def _place(self, key: str) -> Path:
        return self._directory / f"{name_of(key)}.eml"
