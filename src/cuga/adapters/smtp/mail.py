"""Mail by SMTP as a `Mail`: the same bytes, checks, suppression list and notes as the outbox, handed to a server.

That sending begins is noted before the server is called. Once all of a mail was sent only the server's answer says
whether it was taken; without one nobody knows, it is never sent again by itself, and a person decides. The Message-ID
is made of the call's key, so whoever looks for it in the server's log finds this very call.
"""

from __future__ import annotations

import contextlib
import ssl
from email.utils import parseaddr

import msgspec

from cuga.adapters.capability import Outgoing, Receipt, SentMail
from cuga.adapters.offline.eml import read_receipt, written
from cuga.adapters.offline.outbox import Outbox
from cuga.adapters.offline.sent_notes import Note
from cuga.clock import Clock, SystemClock
from cuga.errors import BadInput, NotDone
from cuga.outbound import Egress
from cuga.outbound.mail import MailServer, greet, hand_in

VIA = "smtp"


class SmtpMail:
    """A `Mail` on a mail server. `sender` is the From line: an address, or `Name <address>`. It blocks."""

    def __init__(
        self,
        server: MailServer,
        sender: str,
        outbox: Outbox,
        egress: Egress,
        *,
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server, self._sender, self._outbox, self._egress = server, sender, outbox, egress
        self._address = parseaddr(sender)[1]
        if "@" not in self._address:
            raise BadInput(f"{sender!r} is no sender", mend="Set CUGA_MAIL_FROM to the address that mail comes from.")
        self._clock = clock or SystemClock()
        self._tls = tls

    def look(self) -> str:
        """Connect and log in, sending nothing: what the server calls itself."""
        return f"{greet(self._server, self._egress, tls=self._tls)}; mail goes out as {self._sender}"

    def suppressed(self, address: str) -> str:
        """Why nothing may be sent to an address; empty when it may. `NotDone` when the list cannot be read."""
        return self._outbox.suppressed(address)

    def suppress(self, address: str, reason: str, *, on: str = "", source: str = "") -> bool:
        """Put an address (or `@domain`) on the list of the house."""
        return self._outbox.suppress(address, reason, on=on, source=source)

    def history(self) -> tuple[SentMail, ...]:
        """What was sent under any key, by whichever way."""
        return self._outbox.history()

    def sent(self, key: str) -> Receipt | None:
        """The receipt of what was sent under a key; None: surely nothing was. `RuntimeError` when nobody can say."""
        note = self._outbox.notes.of(key)
        if note is None or note.state == "not_sent":
            return None
        if not note.via:
            return self._outbox.sent(key)
        if note.state == "sent":
            return note.receipt
        raise RuntimeError(
            f"sending to {note.receipt.recipient} had begun, and nobody noted whether the server took it: "
            f"look for Message-ID {note.receipt.message_id} in its log"
        )

    def send(self, message: Outgoing) -> Receipt:
        """Hand one message in, once per key. `NotDone` when it surely was not taken; `Unanswered` or another error when
        nobody knows."""
        if (earlier := self.sent(message.key)) is not None:
            return earlier
        if why := self.suppressed(message.recipient):
            raise NotDone(f"{message.recipient} must not be written to: {why}")
        at = self._clock.now()
        whole = written(message, sender=self._sender, at=at, domain=self._address.rpartition("@")[2])
        receipt = read_receipt(whole, f"{VIA}://{self._server.host}")
        if message.body_hash and receipt.body_hash != message.body_hash:
            raise NotDone("the body is not the one whose hash was approved")
        note = Note(
            state="sending",
            receipt=receipt,
            intent=message.intent,
            template=message.template,
            at=at.isoformat(),
            via=VIA,
        )
        notes = self._outbox.notes
        try:
            notes.keep(message.key, note)
        except OSError as error:
            raise NotDone(f"that sending begins cannot be noted: {error}") from error
        try:
            hand_in(self._server, self._address, message.recipient, whole, self._egress, tls=self._tls)
        except (NotDone, BadInput):
            notes.take_back(message.key, note)
            raise
        with contextlib.suppress(OSError):  # it is sent; without the note the next look says that nobody knows
            notes.keep(message.key, msgspec.structs.replace(note, state="sent"))
        return receipt
