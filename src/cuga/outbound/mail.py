"""One mail by SMTP, under the same guard as every other way out: the server's name is resolved once and checked here.

`smtp://user@host:587` begins in the open and must change to TLS; `smtps://host` is TLS from the start. Plain SMTP goes
only to a machine that is named as inside.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from cuga.errors import BadInput, EgressRefused, Rejected, Unanswered, Unreachable
from cuga.outbound.addresses import Egress, Resolver, resolve

TIMEOUT_S = 20.0
_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and as whom."""

    host: str
    port: int
    is_tls: bool
    user: str
    password: str

    @classmethod
    def read(cls, url: str, password: str) -> MailServer:
        """A server from its address; `BadInput` for what is none."""
        try:
            parts = urlsplit(url)
            if parts.scheme not in _PORTS or not parts.hostname or parts.password:
                raise ValueError(url)
            port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            raise BadInput(
                f"{url!r} is no mail server", mend="Write smtp://user@host:587; the password apart."
            ) from None
        return cls(parts.hostname, port, parts.scheme == "smtps", unquote(parts.username or ""), password)


async def send_mail(server: MailServer, mail: EmailMessage, egress: Egress, resolver: Resolver = resolve) -> None:
    """Hand in one mail. `Unreachable`, `Rejected`, or `Unanswered` where nobody knows whether it was taken."""
    try:
        addresses = await resolver(server.host, server.port)
    except OSError as error:
        raise Unreachable(f"{server.host} cannot be found: {error}") from error
    for address in addresses:
        egress.check_address(server.host, server.port, address)
    if not addresses:
        raise Unreachable(f"{server.host} has no address")
    await asyncio.to_thread(_send, server, addresses[0], mail, _is_inside(egress, server, addresses[0]))


def _is_inside(egress: Egress, server: MailServer, address: str) -> bool:
    try:
        Egress().check_address(server.host, server.port, address)
    except EgressRefused:
        return True
    return False


def _send(server: MailServer, address: str, mail: EmailMessage, may_be_plain: bool) -> None:
    context = ssl.create_default_context()
    is_sent = False
    try:
        smtp: smtplib.SMTP
        if server.is_tls:
            smtp = smtplib.SMTP_SSL(timeout=TIMEOUT_S, context=context)
        else:
            smtp = smtplib.SMTP(timeout=TIMEOUT_S)
        smtp._host = server.host  # type: ignore[attr-defined]  # the name that the certificate must bear
        smtp.connect(address, server.port)
        with smtp:
            smtp.ehlo()
            if not server.is_tls and smtp.has_extn("starttls"):
                smtp.starttls(context=context)
                smtp.ehlo()
            elif not server.is_tls and (server.user or not may_be_plain):
                raise EgressRefused(f"{server.host} offers no TLS")
            if server.user:
                smtp.login(server.user, server.password)
            is_sent = True
            smtp.send_message(mail)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise Rejected(f"{server.host} refused the mail: {type(error).__name__}") from error
    except smtplib.SMTPAuthenticationError as error:
        raise Rejected(f"{server.host} does not know us: {error.smtp_code}") from error
    except (OSError, smtplib.SMTPException) as error:
        if is_sent:
            raise Unanswered(f"{server.host}: {type(error).__name__}") from error
        raise Unreachable(f"{server.host}: {type(error).__name__}") from error
