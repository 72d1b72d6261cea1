"""Mail without a network: every message becomes one `.eml` file in a directory, which a person or a mailer picks up.

A message is written whole or not at all and once per idempotency key: a note in `.sent` outlives the file, which may be
picked up at any time. Addresses on the suppression list (`suppressed.csv` beside the files) get nothing; a list that
cannot be read stops all mail.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Literal

import msgspec

from cuga.adapters.capability import Outgoing, Receipt, SentMail, Suppressed
from cuga.adapters.offline.eml import name_of, read_receipt, written
from cuga.adapters.offline.suppression import SuppressionList
from cuga.clock import Clock, SystemClock
from cuga.errors import NotDone

SUPPRESSED = "suppressed.csv"
NOTES = ".sent"


class _Note(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What became of one key. It is written before the file gets its name, and never removed."""

    state: Literal["sending", "sent", "not_sent"]
    receipt: Receipt
    intent: str = ""
    template: str = ""
    at: str = ""


class Outbox:
    """A `Mail` on a directory. Without a `sender` the files are unsent mails (`X-Unsent`) for a mail program to
    open."""

    def __init__(self, directory: Path | str, *, sender: str = "", clock: Clock | None = None) -> None:
        self._directory = Path(directory)
        self._sender = sender
        self._clock = clock or SystemClock()
        self._suppression = SuppressionList(self._directory / SUPPRESSED)

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
        notes = sorted((self._directory / NOTES).glob("*.json")) if (self._directory / NOTES).is_dir() else []
        found = [(note, note.receipt) for place in notes if (note := self._read_note(place)).state == "sent"]
        return tuple(
            SentMail(
                message_id=receipt.message_id,
                recipient=receipt.recipient,
                intent=note.intent,
                template=note.template,
                at=note.at,
            )
            for note, receipt in found
        )

    def sent(self, key: str) -> Receipt | None:
        """The receipt of what was sent under a key, whoever has picked the file up since; None: surely nothing was.

        `RuntimeError` when nobody can say: sending had begun, and no file is there.
        """
        note = self._noted(key)
        if note is not None and note.state == "sent":
            return note.receipt
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
        note = _Note(
            state="sending", receipt=receipt, intent=message.intent, template=message.template, at=at.isoformat()
        )
        part = place.with_suffix(f".{os.getpid()}.part")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            _write(part, whole)
            self._note(message.key, note)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            self._take_back(message.key, note)
            raise NotDone(f"the outbox cannot be written: {error}") from error
        try:
            os.replace(part, place)  # from here on it is sent
        except OSError as error:
            part.unlink()  # it is still ours: nobody has seen it
            self._take_back(message.key, note)
            raise NotDone(f"the outbox cannot be written: {error}") from error
        _sync(self._directory)
        with contextlib.suppress(OSError):  # the file says so too, while it is there
            self._note(message.key, msgspec.structs.replace(note, state="sent"))
        return receipt

    def _noted(self, key: str) -> _Note | None:
        try:
            return self._read_note(self._note_place(key))
        except (FileNotFoundError, NotADirectoryError):
            return None

    @staticmethod
    def _read_note(place: Path) -> _Note:
        try:
            return msgspec.json.decode(place.read_bytes(), type=_Note)
        except msgspec.MsgspecError as error:
            raise RuntimeError(f"the note {place.name} in {NOTES} cannot be read: {error}") from error

    def _note(self, key: str, note: _Note) -> None:
        place = self._note_place(key)
        place.parent.mkdir(exist_ok=True)
        part = place.with_suffix(f".{os.getpid()}.part")
        _write(part, msgspec.json.encode(note))
        os.replace(part, place)
        _sync(place.parent)
        _sync(self._directory)

    def _take_back(self, key: str, note: _Note) -> None:
        """Nothing was sent. Where not even that can be noted, the error passes through and the outcome stays open."""
        if self._noted(key) is not None:
            self._note(key, msgspec.structs.replace(note, state="not_sent"))

    def _note_place(self, key: str) -> Path:
        return self._directory / NOTES / f"{self._place(key).stem}.json"

    def _place(self, key: str) -> Path:
        return self._directory / f"{name_of(key)}.eml"


def _write(place: Path, body: bytes) -> None:
    with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
