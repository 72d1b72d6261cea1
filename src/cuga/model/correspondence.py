"""Who a house is when it writes, and where its answers come in."""

from __future__ import annotations

from typing import Literal

from cuga.model.value import Value

Security = Literal["tls", "starttls", "none"]
After = Literal["keep", "seen", "move", "delete"]


class Letterhead(Value, frozen=True, kw_only=True):
    """Who writes: the names that must be seen, the postal address, and where it is told what is kept of people."""

    name: str = ""
    company: str = ""
    postal_address: str = ""
    privacy_notice: str = ""  # a link

    @property
    def line(self) -> str:
        """Firm and postal address in one line; empty when neither is known."""
        return ", ".join(part for part in (self.company, self.postal_address) if part)


class Mailbox(Value, frozen=True, kw_only=True):
    """A mailbox that replies are taken from. The password is never here: `password_env` names where it stands.

    `after` is what becomes of a mail that was taken in: it stays as it is, is marked as seen, moved, or deleted.
    """

    host: str
    port: int = 993
    security: Security = "tls"
    user: str
    password_env: str
    folder: str = "INBOX"
    after: After = "keep"
    move_to: str = ""
