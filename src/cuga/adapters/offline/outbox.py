"""Mail without a network: every message becomes one `.eml` file in a directory, which a person or a mailer picks up.

A message is written whole or not at all and once per idempotency key. Addresses on the suppression list
(`suppressed.csv` beside the files: address or @domain, reason) get nothing; a list that cannot be read stops all mail.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
import re
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from cuga.adapters.capability import Outgoing, Receipt, body_hash, canonical_body
from cuga.clock import Clock, SystemClock
from cuga.errors import NotDone

SUPPRESSED = "suppressed.csv"
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_IN_BODY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Outbox:
    """A `Mail` on a directory. Without a `sender` the files are unsent mails (`X-Unsent`) for a mail program to
    open."""

    def __init__(self, directory: Path | str, *, sender: str = "", clock: Clock | None = None) -> None:
        self._directory = Path(directory)
        self._sender = sender
        self._clock = clock or SystemClock()

    def suppressed(self, address: str) -> str:
        """Why nothing may be sent to an address; empty when it may. `NotDone` when the list cannot be read."""
        wanted = address.strip().casefold()
        domain = "@" + wanted.rpartition("@")[2]
        for listed, reason in self._suppression():
            if listed in (wanted, domain):
                return reason or "on the suppression list"
        return ""

    def suppress(self, address: str, reason: str) -> None:
        """Put an address (or `@domain`) on the list; known ones stay as they are."""
        if any(listed == address.strip().casefold() for listed, _ in self._suppression()):
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / SUPPRESSED).open("a", encoding="utf-8", newline="") as out:
            csv.writer(out).writerow([address.strip().casefold(), reason])

    def sent(self, key: str) -> Receipt | None:
        """What lies in the outbox under a key, read from the file itself."""
        place = self._place(key)
        if not place.exists():
            return None
        message = BytesParser(policy=SMTP).parsebytes(place.read_bytes())
        body = message.get_body(("plain",)) if isinstance(message, EmailMessage) else None
        text = body.get_content() if body is not None else ""
        return Receipt(
            place=place.name,
            message_id=str(message["Message-ID"]),
            recipient=str(message["To"]),
            body_hash=body_hash(text),
        )

    def send(self, message: Outgoing) -> Receipt:
        """Write one message once. The same key again gives the first receipt; `NotDone` when nothing was written."""
        if (earlier := self.sent(message.key)) is not None:
            return earlier
        if why := self.suppressed(message.recipient):
            raise NotDone(f"{message.recipient} must not be written to: {why}")
        whole = self._build(message)
        place = self._place(message.key)
        part = place.with_suffix(f".{os.getpid()}.part")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as out:
                out.write(whole)
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise NotDone(f"the outbox cannot be written: {error}") from error
        os.replace(part, place)  # from here on it is sent
        _sync(self._directory)
        receipt = self.sent(message.key)
        assert receipt is not None
        return receipt

    def _build(self, message: Outgoing) -> bytes:
        if not message.key:
            raise NotDone("a message needs an idempotency key")
        if not _ADDRESS.fullmatch(message.recipient):
            raise NotDone(f"{message.recipient!r} is not one plain mail address")
        for name, value in (("subject", message.subject), ("recipient", message.recipient), ("intent", message.intent)):
            if _CONTROL.search(value):
                raise NotDone(f"the {name} holds control characters")
        if _CONTROL_IN_BODY.search(message.body):
            raise NotDone("the body holds control characters")
        mail = EmailMessage(policy=SMTP)
        mail["Message-ID"] = self._message_id(message.key)
        mail["Date"] = format_datetime(self._clock.now())
        if self._sender:
            mail["From"] = self._sender
        else:
            mail["X-Unsent"] = "1"
        mail["To"] = message.recipient
        mail["Subject"] = message.subject
        mail["X-Cuga-Message"] = message.message_id
        mail["X-Cuga-Intent"] = message.intent
        mail["X-Body-Hash"] = body_hash(message.body)
        mail.set_content(canonical_body(message.body), cte="quoted-printable")
        return mail.as_bytes()

    def _place(self, key: str) -> Path:
        return self._directory / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.eml"

    def _message_id(self, key: str) -> str:
        return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@outbox.invalid>"

    def _suppression(self) -> list[tuple[str, str]]:
        place = self._directory / SUPPRESSED
        try:
            if not place.exists():
                return []
            with place.open(encoding="utf-8-sig", newline="") as rows:
                return [(row[0].strip().casefold(), (row[1:] or [""])[0]) for row in csv.reader(rows) if row]
        except (OSError, UnicodeError, csv.Error) as error:
            raise NotDone(f"the suppression list {place.name} cannot be read: {error}") from error


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
