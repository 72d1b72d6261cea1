"""Mail that comes in, whatever it came through: a folder today, a mailbox server behind the same port."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from cuga.model.value import Value


class Incoming(Value, frozen=True, kw_only=True):
    """One mail as data. Nothing in it is trusted: an address is what its header says, a text what somebody wrote.

    `digest` is over what a reader sees (Message-ID, sender, subject, text), so that the same mail by another way is the
    same mail. `refused` says why it could not be read; then only `place` and `digest` hold.
    """

    place: str
    digest: str
    message_id: str = ""
    sender: str = ""
    sender_name: str = ""
    subject: str = ""
    text: str = ""
    answers: tuple[str, ...] = ()  # Message-IDs of In-Reply-To and References, the nearest first
    sent_on: str = ""  # YYYY-MM-DD of the Date header; empty when it has none that can be read
    automatic: bool = False  # RFC 3834: an answering machine
    bounced: bool = False  # RFC 3464: a report of the mail system
    failed: tuple[str, ...] = ()  # addresses that the report says could not be reached for good (status 5.x.x)
    refused: str = ""


class Inbox(Protocol):
    """Mail that waits to be taken in."""

    def waiting(self) -> Iterable[Incoming]:
        """What waits, in a steady order; reading it takes nothing away."""
        ...

    def put_away(self, mail: Incoming) -> None:
        """Take a mail off the pile, when everything that follows from it is durable. Again is no mistake."""
        ...

    def close(self) -> None:
        """Let go of what was opened for reading."""
        ...
