"""A message as the bytes of one `.eml` file, and back.

Header lines are written here, letter by letter, and read back before anybody gets to see them: what does not come back
as it was approved, with no header more and none less, is refused with `NotDone`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from email.utils import format_datetime, formataddr, parseaddr
from pathlib import Path

from cuga.adapters.capability import Outgoing, Receipt, body_hash, canonical_body
from cuga.errors import NotDone

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@.{{1,253}}\Z){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_IN_BODY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_PLAIN = re.compile(r"[!-~](?: ?[!-~])*")
_PLAIN_LENGTH = 70  # characters of a header value that are written as they are
_PART = re.compile(r"[0-9a-f]{32}\.[0-9]+\.part")  # of a mail that is being written, or was when its process ended
_WORD_BYTES = 42  # in base64 an encoded word of these stays below the 75 characters that it may have


def written(message: Outgoing, *, sender: str, at: datetime, domain: str = "outbox.invalid") -> bytes:
    """The file of a message. Without a sender it is an unsent one (`X-Unsent`) for a mail program to open.

    Its Message-ID is made of the key, which stands for run, step and consent: the same call writes the same one.
    """
    if not message.key:
        raise NotDone("a message needs an idempotency key")
    if not _ADDRESS.fullmatch(message.recipient):
        raise NotDone(f"{message.recipient!r} is not one plain mail address")
    fields = {
        "subject": message.subject,
        "recipient": message.recipient,
        "intent": message.intent,
        "message id": message.message_id,
        "sender": sender,
    }
    for name, value in fields.items():
        if _CONTROL.search(value):
            raise NotDone(f"the {name} holds control characters")
        if "=?" in value:  # readers would decode it, and read another text than the one that was approved
            raise NotDone(
                f"the {name} holds '=?', which mail programs read as an encoded word", mend="write it without"
            )
    if _CONTROL_IN_BODY.search(message.body):
        raise NotDone("the body holds control characters")
    lines = [
        ("Message-ID", f"<{name_of(message.key)}@{domain}>"),
        ("Date", format_datetime(at)),
        ("From", formataddr(parseaddr(sender))) if sender else ("X-Unsent", "1"),
        ("To", message.recipient),
        ("Subject", _safe(message.subject)),
        ("X-Cuga-Message", _safe(message.message_id)),
        ("X-Cuga-Intent", _safe(message.intent)),
        ("X-Body-Hash", body_hash(message.body)),
    ]
    content = EmailMessage(policy=SMTP)
    content.set_content(canonical_body(message.body), cte="quoted-printable")
    if message.invitation:
        method = "REQUEST" if "\r\nMETHOD:REQUEST\r\n" in message.invitation else "PUBLISH"
        content.add_alternative(message.invitation, subtype="calendar", cte="base64", params={"method": method})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    whole = head.encode("ascii") + content.as_bytes()
    _check_whole(whole, message, [*(name for name, _ in lines), *content.keys()])
    return whole


def read_receipt(whole: bytes, place: str) -> Receipt:
    """What a file says it is."""
    message = _parsed(whole)
    body = message.get_body(("plain",)) if isinstance(message, EmailMessage) else None
    return Receipt(
        place=place,
        message_id=str(message["Message-ID"]),
        recipient=str(message["To"]),
        body_hash=body_hash(body.get_content() if body is not None else ""),
    )


def name_of(key: str) -> str:
    """The name that everything of an idempotency key goes by."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def drop_mails(directory: Path, is_about: Callable[[str], bool]) -> int:
    """Delete the mails of a directory that are to, from or about somebody; how many."""
    gone = 0
    places = sorted(directory.glob("*")) if directory.is_dir() else []
    for place in places:
        is_mail = place.suffix.lower() == ".eml" or _PART.fullmatch(place.name)  # and not a part of another file
        if not is_mail or not place.is_file() or place.is_symlink():
            continue
        with contextlib.suppress(FileNotFoundError):  # somebody else took it away
            if any(is_about(text) for text in _texts(place.read_bytes())):
                place.unlink()
                gone += 1
    return gone


def _texts(whole: bytes) -> Iterator[str]:
    """All that can be read in a mail: its bytes as they are, its headers and its text parts."""
    yield whole.decode("utf-8", "replace")
    with contextlib.suppress(MessageError, ValueError, LookupError, KeyError, AttributeError):
        message = _parsed(whole)
        yield from map(str, message.values())
        for part in message.walk():
            if part.get_content_maintype() == "text":
                yield str(part.get_content())


def _check_whole(whole: bytes, message: Outgoing, names: list[str]) -> None:
    try:
        back = _parsed(whole)
        receipt = read_receipt(whole, "")
        is_same = (
            sorted(back.keys()) == sorted(names)
            and str(back["Subject"]) == message.subject
            and receipt.recipient == message.recipient
            and receipt.body_hash == body_hash(message.body)
            and _invitation_in(back) == canonical_body(message.invitation if message.invitation else "")
        )
    except (MessageError, ValueError, LookupError) as error:
        raise NotDone(f"the message could not be read back: {error}") from error
    if not is_same:
        raise NotDone(
            "the message does not come back as it was approved", mend="write its subject and body more plainly"
        )


def _invitation_in(message: EmailMessage) -> str:
    """The calendar file of a message, in the form in which two of them are compared."""
    found = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    return canonical_body(str(found[0].get_content()) if len(found) == 1 else "")


def _parsed(whole: bytes) -> EmailMessage:
    return BytesParser(EmailMessage, policy=SMTP).parsebytes(whole)


def _safe(value: str) -> str:
    """A header value in printable ASCII: as it is when plain and short, else in encoded words (RFC 2047)."""
    if len(value) <= _PLAIN_LENGTH and (not value or _PLAIN.fullmatch(value)):
        return value
    words, word = [], b""
    for letter in value:
        if len(word) + len(letter.encode()) > _WORD_BYTES:
            words.append(word)
            word = b""
        word += letter.encode()
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(part).decode()}?=" for part in [*words, word])
