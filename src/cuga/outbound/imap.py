"""A connection to a mailbox server (IMAP), held to the same rules as every other way out of the house.

The standard library speaks the protocol; the socket is made and read here: no more than was asked for, and after
STARTTLS nothing that came before it, which the library of Python 3.14 keeps and believes.
"""

from __future__ import annotations

import imaplib
import io
import socket
import ssl
from typing import Literal

from cuga.errors import EgressRefused
from cuga.outbound.addresses import Egress
from cuga.outbound.stream import connect, is_this_machine

CONNECT_S, ANSWER_S = 10.0, 60.0
MOST_OF_A_LINE = 1_000_000  # bytes; as the library has it
Failed = imaplib.IMAP4.error  # the server said no, or something that is not understood
Aborted = imaplib.IMAP4.abort  # it broke off


class TooMuch(Exception):
    """The server announced more than it was asked for."""


class ImapClient(imaplib.IMAP4):
    """The library's client over a socket that was connected by our rules; `none` encrypts nothing and goes no further
    than this machine. `EgressRefused`, `Unreachable`, or what the library raises."""

    def __init__(
        self, host: str, port: int, security: Literal["tls", "starttls", "none"], egress: Egress, *, most_bytes: int
    ) -> None:
        self._security, self._egress, self._most = security, egress, most_bytes + 1024
        self._heard: tuple[socket.socket, io.BufferedReader] | None = None
        super().__init__(host, port, CONNECT_S)
        if security == "starttls":
            self.starttls(ssl.create_default_context())

    def _create_socket(self, timeout: float | None) -> socket.socket:
        made = connect(
            self.host,
            self.port,
            self._egress,
            scheme="imap" if self._security == "none" else "imaps",
            timeout_s=timeout or CONNECT_S,
            tls=ssl.create_default_context() if self._security == "tls" else None,
        )
        if self._security == "none" and not is_this_machine(made):
            made.close()
            raise EgressRefused(
                f"{self.host} would be told a password unencrypted", mode="policy_security", mend="say `security: tls`"
            )
        made.settimeout(ANSWER_S)
        return made

    def read(self, size: int) -> bytes:
        """Read what the server announced, if it is not more than it was asked for."""
        if size > self._most:
            raise TooMuch(f"it announced {size:,} bytes")
        return self._stream().read(size)

    def readline(self) -> bytes:
        """One line of the server."""
        line = self._stream().readline(MOST_OF_A_LINE + 1)
        if len(line) > MOST_OF_A_LINE:
            raise Failed(f"a line of more than {MOST_OF_A_LINE:,} bytes")
        return line

    def shutdown(self) -> None:
        """Let the connection go."""
        if self._heard is not None:
            self._heard[1].close()
        super().shutdown()

    def _stream(self) -> io.BufferedReader:
        """What is read from: another one as soon as the socket is another, with nothing of what was heard before."""
        if self._heard is None or self._heard[0] is not self.sock:
            self._heard = (self.sock, self.sock.makefile("rb"))
        return self._heard[1]
