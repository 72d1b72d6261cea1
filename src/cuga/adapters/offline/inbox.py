"""A drop folder for mail: `.eml` files that a person or a mail program puts into the house's `inbox`.

A file is moved here under its name when it is whole; one that was taken in goes to `taken`, one that cannot be read to
`refused`. Links are not followed and nothing in a mail is opened, fetched or run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path

from cuga.adapters.capability import Incoming
from cuga.adapters.offline.eml import drop_mails
from cuga.adapters.offline.html_text import as_text

MOST_BYTES = 10 * 1024 * 1024
MOST_PARTS = 200
MOST_TEXT = 100_000  # characters of a mail's text that are handed on
TAKEN, REFUSED = "taken", "refused"
_ID = re.compile(r"<[^<>\s]{1,250}>")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")


class DropFolder:
    """An `Inbox` on a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def waiting(self) -> Iterator[Incoming]:
        """The mails of the folder, by name; read one after another, each only when it is asked for."""
        try:
            names = sorted(entry.name for entry in os.scandir(self._directory) if entry.name.lower().endswith(".eml"))
        except FileNotFoundError:
            return
        for name in names:
            if (found := self._read(name)) is not None:
                yield found

    def close(self) -> None:
        """Nothing: a folder is not held open."""

    def erase(self, is_about: Callable[[str], bool]) -> int:
        """Delete the mails from, to or about somebody, those that were put away included; how many."""
        return sum(
            drop_mails(place, is_about)
            for place in (self._directory, self._directory / TAKEN, self._directory / REFUSED)
        )

    def put_away(self, mail: Incoming) -> None:
        """Move the file of a mail away; one of the same name keeps its place."""
        target = self._directory / (REFUSED if mail.refused else TAKEN)
        target.mkdir(mode=0o700, exist_ok=True)
        stem, ending = os.path.splitext(mail.place)
        place = target / mail.place
        if os.path.lexists(place):
            place = target / f"{stem}-{mail.digest[:12]}{ending}"
        with contextlib.suppress(FileNotFoundError):
            os.replace(self._directory / mail.place, place)

    def _read(self, name: str) -> Incoming | None:
        try:
            handle = os.open(self._directory / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None  # somebody took it meanwhile
        except OSError as error:
            return refused_mail(name, b"", f"it cannot be opened: {error.strerror}")
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                return refused_mail(name, b"", "it is no plain file")
            if found.st_size > MOST_BYTES:
                return refused_mail(name, str(found.st_size).encode(), f"it has more than {MOST_BYTES:,} bytes")
            with open(handle, "rb", closefd=False) as file:
                return read_mail(file.read(MOST_BYTES), name)
        finally:
            os.close(handle)


def read_mail(whole: bytes, place: str) -> Incoming:
    """The bytes of a mail as data; with `refused` when it has no one sender or cannot be taken apart."""
    try:
        mail = BytesParser(EmailMessage, policy=policy.default).parsebytes(whole)
        parts = _parts(mail)
        senders = [address for _, address in getaddresses(_all(mail, "From")) if address]
        if (
            len(_all(mail, "From")) != 1
            or len(senders) != 1
            or not re.fullmatch(r"[^\s@<>,;]+@[^\s@<>,;]+", senders[0])
        ):
            return refused_mail(place, whole, "it does not say from which one address it is")
        name = getaddresses(_all(mail, "From"))[0][0]
        bounced = mail.get_content_type() == "multipart/report" or _first(mail, "Return-Path").strip() == "<>"
        said = [place, *(_clean(_first(mail, field), 998) for field in ("Message-ID", "Subject"))]
        # a folder and a server end lines in ways of their own; it is the same mail
        text = _clean(_text(parts).replace("\r\n", "\n"), MOST_TEXT)
        sender = _clean(senders[0], 320).casefold()
        shown = "\0".join((said[1].strip(), sender, said[2], text))
        return Incoming(
            place=place,
            digest=hashlib.sha256(shown.encode()).hexdigest(),
            message_id=(_ID.findall(said[1]) or [""])[0],
            sender=sender,
            sender_name=" ".join(_clean(name, 200).split()),
            subject=" ".join(said[2].split()),
            text=text,
            answers=_answers(mail, parts if bounced else []),
            sent_on=_day(_first(mail, "Date")),
            automatic=_is_automatic(mail),
            bounced=bounced,
            failed=_failed(mail, parts) if bounced else (),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError) as error:
        # the parser of the standard library has raised each of these on mails made to break it
        return refused_mail(place, whole, f"it cannot be taken apart ({type(error).__name__})")


def refused_mail(place: str, whole: bytes, why: str) -> Incoming:
    """A mail that could not be read, with the reason; known again by its place and bytes."""
    digest = hashlib.sha256(place.encode("utf-8", "replace") + b"\0" + whole).hexdigest()
    return Incoming(place=place, digest=digest, refused=why)


def _parts(mail: Message) -> list[Message]:
    found: list[Message] = []
    for part in mail.walk():
        found.append(part)
        if len(found) >= MOST_PARTS:
            break
    return found


def _text(parts: list[Message]) -> str:
    """The first plain text; else the words of the first HTML. Attachments are left alone."""
    for wanted in ("text/plain", "text/html"):
        for part in parts:
            if part.get_content_type() != wanted or part.get_content_disposition() == "attachment":
                continue
            body = part.get_payload(decode=True)
            text = _decoded(body if isinstance(body, bytes) else b"", part.get_content_charset() or "utf-8")
            return as_text(text) if wanted == "text/html" else text
    return ""


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")


def _clean(text: str, most: int) -> str:
    """Text that can be stored and shown: no controls but line ends, no half characters, not longer than it may be."""
    return _CONTROL.sub(" ", text[:most].encode("utf-8", "replace").decode())


def _all(mail: Message, field: str) -> list[str]:
    return [str(value) for value in mail.get_all(field, [])]


def _first(mail: Message, field: str) -> str:
    return next(iter(_all(mail, field)), "")


def _answers(mail: Message, parts: list[Message]) -> tuple[str, ...]:
    """Message-IDs that it answers; a report names the message that it returns."""
    found = _ID.findall(_first(mail, "In-Reply-To")) + list(reversed(_ID.findall(_first(mail, "References"))))
    for part in parts:
        if part.get_content_type() in ("message/rfc822", "text/rfc822-headers"):
            inner = part.get_payload()
            head = inner[0] if isinstance(inner, list) and inner else part
            text = _first(head, "Message-ID") if isinstance(head, Message) and head is not part else str(part)
            found += (
                _ID.findall(text)[:1] if head is not part else re.findall(r"(?im)^message-id:\s*(<[^<>\s]+>)", text)
            )
    return tuple(dict.fromkeys(found))[:20]


def _failed(mail: Message, parts: list[Message]) -> tuple[str, ...]:
    found = [address for _, address in getaddresses(_all(mail, "X-Failed-Recipients")) if address]
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            for block in re.split(r"\n\s*\n", str(part).replace("\r", "")):
                to = re.search(r"(?im)^final-recipient:\s*rfc822;\s*<?([^\s<>]+@[^\s<>]+?)>?\s*$", block)
                if to and re.search(r"(?im)^status:\s*5\.\d+\.\d+", block):
                    found.append(to[1])
    return tuple(dict.fromkeys(_clean(address, 320).casefold() for address in found))[:50]


def _is_automatic(mail: Message) -> bool:
    said = _first(mail, "Auto-Submitted").strip().casefold()
    return bool(said and said != "no") or bool(_first(mail, "X-Autoreply") or _first(mail, "X-Autorespond"))


def _day(said: str) -> str:
    try:
        return parsedate_to_datetime(said).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
