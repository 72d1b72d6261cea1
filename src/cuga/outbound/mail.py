"""One mail by SMTP, under the same guard as every other way out: the server's name is resolved once and checked here.

`smtp://user@host:587` begins in the open and must change to TLS; `smtps://host` is TLS from the start. Plain SMTP goes
only to a machine that is named as inside. A mail is handed in once; what became of it is told by how far it got:
until the last line of it was sent nothing was taken, and after that only the server's own word counts.
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses
from urllib.parse import unquote, urlsplit

from cuga.errors import BadInput, CugaError, EgressRefused, Rejected, Unanswered, Unreachable
from cuga.outbound.addresses import Egress
from cuga.outbound.stream import Lookup, connect

CONNECT_S, ANSWER_S = 5.0, 15.0
_PORTS = {"smtp": 587, "smtps": 465}
_ADDRESS = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")  # nothing that could end the command it stands in
_LINE_END = re.compile(rb"\r\n|\r|\n")
MOST_SAID = 200  # characters of a server's answer that are told


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and as whom."""

    host: str
    port: int
    is_tls: bool
    user: str
    password: str = field(repr=False)

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


async def send_mail(server: MailServer, mail: EmailMessage, egress: Egress) -> None:
    """Hand in one mail, to whom its `To` says; as `hand_in`."""
    sender = getaddresses([str(mail["From"])])[0][1]
    (recipient,) = [address for _, address in getaddresses([str(mail["To"])])]
    await asyncio.to_thread(hand_in, server, sender, recipient, mail.as_bytes(policy=SMTP), egress)


def hand_in(
    server: MailServer,
    sender: str,
    recipient: str,
    whole: bytes,
    egress: Egress,
    *,
    tls: ssl.SSLContext | None = None,
    lookup: Lookup | None = None,
) -> None:
    """Hand in one mail, given as its bytes, for one recipient. It blocks; call it in a thread.

    Surely not taken: `Unreachable`, `EgressRefused`, `Rejected` (with the server's code as `status`; the mode of a 4xx
    lets it be tried again). `Unanswered` when all of it was sent and no answer came.
    """
    for address in (sender, recipient):
        if not _ADDRESS.fullmatch(address):
            raise BadInput(f"{address[:60]!r} is no address that a mail server can be told")
    smtp = _connected(server, egress, tls or ssl.create_default_context(), lookup)
    try:
        _greet(smtp, server)
        _said(smtp.mail(sender), server, "the sender")
        _said(smtp.rcpt(recipient), server, "the recipient")
        smtp.putcmd("data")
        _said(smtp.getreply(), server, "a mail", ok=354)
        smtp.send(_wired(whole))
    except (OSError, smtplib.SMTPException) as error:
        smtp.close()
        raise _not_taken(server, error) from error
    except CugaError:
        _leave(smtp)
        raise
    try:
        smtp.send(b".\r\n")  # from here on it may have been taken
        answer = smtp.getreply()
        if not 200 <= answer[0] < 300 and not 400 <= answer[0] < 600:
            raise smtplib.SMTPResponseException(*answer)  # neither yes nor no: -1 stands for what is no code at all
    except (OSError, smtplib.SMTPException) as error:
        smtp.close()
        mode = "system_timeout" if isinstance(error, TimeoutError) else "system_network"
        raise Unanswered(
            f"{server.host} was given the whole mail and did not say that it took it ({_words(error)})",
            mode=mode,
            mend="Look in the server's log, or ask the recipient, before sending it again.",
        ) from error
    _leave(smtp)
    _said(answer, server, "the mail")


def greet(server: MailServer, egress: Egress, *, tls: ssl.SSLContext | None = None) -> str:
    """Connect, log in and leave, sending nothing; how the server calls itself. Raises as `hand_in` does."""
    smtp = _connected(server, egress, tls or ssl.create_default_context(), None)
    try:
        _greet(smtp, server)
    except (OSError, smtplib.SMTPException) as error:
        smtp.close()
        raise _not_taken(server, error) from error
    except CugaError:
        _leave(smtp)
        raise
    said = (smtp.ehlo_resp or smtp.helo_resp or b"").decode("utf-8", "replace").splitlines()
    _leave(smtp)
    return said[0][:MOST_SAID] if said else server.host


class _Smtp(smtplib.SMTP):
    """The library's client over a socket that was connected by our rules."""

    def __init__(self, server: MailServer, egress: Egress, tls: ssl.SSLContext, lookup: Lookup | None) -> None:
        super().__init__(local_hostname="[127.0.0.1]", timeout=CONNECT_S)  # this machine's name is nobody's business
        self._server, self._egress, self._own_tls, self._lookup = server, egress, tls, lookup
        self._host = server.host  # the name that the certificate must bear

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = connect(
            host,
            port,
            self._egress,
            scheme="smtps",  # encrypted now or right after; `_greet` sees to it
            timeout_s=timeout,
            tls=self._own_tls if self._server.is_tls else None,
            lookup=self._lookup,
        )
        made.settimeout(ANSWER_S)
        return made

    @property
    def own_tls(self) -> ssl.SSLContext:
        """What is trusted."""
        return self._own_tls

    def may_be_plain(self) -> bool:
        """Whether the other end is inside, where nobody else listens."""
        assert self.sock is not None
        try:
            Egress().check_address(self._server.host, self._server.port, str(self.sock.getpeername()[0]))
        except EgressRefused:
            return True
        return False


def _connected(server: MailServer, egress: Egress, tls: ssl.SSLContext, lookup: Lookup | None) -> _Smtp:
    smtp = _Smtp(server, egress, tls, lookup)
    try:
        answer = smtp.connect(server.host, server.port)
    except (OSError, smtplib.SMTPException) as error:
        smtp.close()
        raise _not_taken(server, error) from error
    _said(answer, server, "us", ok=220)
    return smtp


def _greet(smtp: _Smtp, server: MailServer) -> None:
    smtp.ehlo_or_helo_if_needed()
    if not server.is_tls and smtp.has_extn("starttls"):
        smtp.starttls(context=smtp.own_tls)
        smtp.ehlo()
    elif not server.is_tls and (server.user or not smtp.may_be_plain()):
        raise EgressRefused(f"{server.host} offers no TLS", mode="policy_security")
    if server.user:
        try:
            smtp.login(server.user, server.password)
        except smtplib.SMTPAuthenticationError as error:
            mode = "user_permission" if error.smtp_code >= 500 else "resource_api_unavailable"
            said = f"{server.host} does not know us: {error.smtp_code}"
            raise Rejected(said, mode=mode, status=error.smtp_code) from error


def _said(answer: tuple[int, bytes], server: MailServer, what: str, ok: int = 250) -> None:
    """Whether the server agreed: 2xx, or what is `ok` there. `Rejected` tells a refusal for now from one for good."""
    code, words = answer
    if code == ok or (ok == 250 and 200 <= code < 300):  # the first digit alone says yes (RFC 5321, 4.3.2)
        return
    text = " ".join(words.decode("utf-8", "replace").split())[:MOST_SAID]
    passes = 400 <= code < 500
    raise Rejected(
        f"{server.host} refused {what}: {code} {text}",
        mode="resource_api_unavailable" if passes else "user_invalid_input",
        status=code,
        mend="It is tried again." if passes else "Mend what the server names, then ask for the send again.",
    )


def _not_taken(server: MailServer, error: Exception) -> CugaError:
    """It broke off before the last line was sent, so the server has to forget what it had of it (RFC 5321, 4.1.1.4)."""
    mode = "system_timeout" if isinstance(error, TimeoutError) else "system_network"
    return Unreachable(f"{server.host}: {_words(error)}; no mail was given to it", mode=mode)


def _words(error: Exception) -> str:
    return f"{type(error).__name__} {error}"[:MOST_SAID].strip()


def _wired(whole: bytes) -> bytes:
    """The mail as DATA carries it, without the line that ends it: CRLF, and a dot before one that begins a line."""
    lines = _LINE_END.split(whole.removesuffix(b"\n").removesuffix(b"\r"))
    return b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)


def _leave(smtp: smtplib.SMTP) -> None:
    try:
        smtp.quit()
    except (OSError, smtplib.SMTPException):
        smtp.close()
