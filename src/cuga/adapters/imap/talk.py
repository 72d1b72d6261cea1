"""The few sentences of IMAP that taking in mail needs, over a connection that `outbound` has checked.

It reads without leaving a mark (EXAMINE, BODY.PEEK), takes no more bytes than a mail may have whatever the server
announces, and removes only the very message that it was told to.
"""

from __future__ import annotations

import base64
import contextlib
import re
from typing import Any

from cuga.errors import BadInput, NotDone, Unreachable
from cuga.model.correspondence import Mailbox
from cuga.outbound import Egress
from cuga.outbound.imap import Aborted, Failed, ImapClient, TooMuch

MOST_BYTES = 10 * 1024 * 1024
_NUMBERS = re.compile(rb"\d+")
_SIZE = re.compile(rb"UID (\d+).*?RFC822\.SIZE (\d+)|RFC822\.SIZE (\d+).*?UID (\d+)", re.S)


class Talk:
    """One conversation with a mailbox server; blocks, and is used by one thread at a time."""

    def __init__(self, mailbox: Mailbox, password: str) -> None:
        self._mailbox = mailbox
        self._client = _opened(mailbox)
        try:
            self._log_in(password)
            self.validity = self._select()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Say goodbye; nothing is expunged by it."""
        with contextlib.suppress(OSError, Failed):
            self._client.logout()

    def after(self, uid: int) -> list[int]:
        """The UIDs above one, rising."""
        # n:* always means the last message too, however small its UID is (RFC 3501, 6.4.8)
        found = self._said("SEARCH", "UID", f"{uid + 1}:*")
        numbers = {int(number) for part in found if part for number in _NUMBERS.findall(part)}
        return sorted(number for number in numbers if number > uid)

    def size(self, uid: int) -> int | None:
        """The bytes of a message; None when it is not there any more."""
        for part in self._said("FETCH", str(uid), "(UID RFC822.SIZE)"):
            said = part[0] if isinstance(part, tuple) else part
            if said and (hit := _SIZE.search(said)) and int(hit[1] or hit[4]) == uid:
                return int(hit[2] or hit[3])
        return None

    def whole(self, uid: int) -> bytes | None:
        """A message as it came; None when it is not there any more."""
        for part in self._said("FETCH", str(uid), f"(UID BODY.PEEK[]<0.{MOST_BYTES}>)"):
            if isinstance(part, tuple):
                return bytes(part[1])
        return None

    def mark(self, uid: int, flag: str) -> None:
        """Set a flag of one message."""
        self._said("STORE", str(uid), "+FLAGS.SILENT", f"({flag})")

    def move(self, uid: int, folder: str) -> None:
        """Put one message into another folder, in one step where the server can (RFC 6851)."""
        if self.can("MOVE"):
            self._said("MOVE", str(uid), _quoted(folder))
            return
        self._said("COPY", str(uid), _quoted(folder))
        self.remove(uid)

    def remove(self, uid: int) -> None:
        """Remove one message and no other (RFC 4315). A server that cannot keeps it, marked as deleted."""
        self.mark(uid, r"\Deleted")
        if self.can("UIDPLUS"):
            self._said("EXPUNGE", str(uid))

    def can(self, what: str) -> bool:
        """Whether the server says that it can do something."""
        return what in self._client.capabilities

    def _log_in(self, password: str) -> None:
        user = self._mailbox.user
        try:
            if self.can("AUTH=PLAIN"):
                token = f"\0{user}\0{password}".encode()
                self._client.authenticate("PLAIN", lambda _: token)
            else:
                if any(ord(one) < 32 or ord(one) > 126 for one in user + password):
                    raise BadInput("this server takes only plain letters in a name and a password")
                self._client.login(_quoted(user), password)
        except Failed as error:
            # what the server answers may repeat what it was told
            raise NotDone(
                f"{self._mailbox.host} did not let {user} in",
                mend=f"look at the name in the registry and at what {self._mailbox.password_env} holds",
            ) from error
        except (OSError, ValueError) as error:
            raise _lost(self._mailbox, error) from error
        with contextlib.suppress(OSError, Failed):
            _, found = self._client.capability()  # more is offered to who is known
            self._client.capabilities = tuple(str(found[-1], "ascii", "replace").upper().split())

    def _select(self) -> int:
        is_only_read = self._mailbox.after == "keep"
        verb = "EXAMINE" if is_only_read else "SELECT"
        try:
            state, _ = self._client.select(_quoted(self._mailbox.folder), is_only_read)
            told = self._client.response("UIDVALIDITY")[1]
        except (Failed, OSError) as error:
            raise _lost(self._mailbox, error) from error
        if state != "OK" or not told or told[0] is None:
            raise NotDone(
                f"{self._mailbox.host} has no folder {self._mailbox.folder!r} that can be read ({verb})",
                mend="name one that there is as `folder` of the mailbox in the registry",
            )
        return int(told[0])

    def _said(self, command: str, *words: str) -> list[Any]:
        """What the server answers to a command; `Unreachable` when it breaks off, `NotDone` when it says no."""
        try:
            state, found = self._client.uid(command, *words)
        except (Aborted, OSError, TooMuch) as error:
            raise _lost(self._mailbox, error) from error
        except Failed as error:
            raise NotDone(f"{self._mailbox.host} did not understand {command}: {error}") from error
        if state != "OK":
            raise NotDone(f"{self._mailbox.host} said no to {command}")
        return list(found)


def _opened(mailbox: Mailbox) -> ImapClient:
    # the registry names this one host: it may lie in a private network, and no other may be asked
    egress = Egress(hosts=(mailbox.host,), inside=(f"{mailbox.host}:{mailbox.port}",), plain=mailbox.security == "none")
    try:
        return ImapClient(mailbox.host, mailbox.port, mailbox.security, egress, most_bytes=MOST_BYTES)
    except (Failed, ValueError) as error:  # it said no, or what is no ASCII where that alone may stand
        raise Unreachable(f"{mailbox.host}:{mailbox.port} is no mailbox server that can be used: {error}") from error
    except OSError as error:
        raise _lost(mailbox, error) from error


def _lost(mailbox: Mailbox, error: Exception) -> Unreachable:
    return Unreachable(f"the connection to {mailbox.host} was lost: {error or type(error).__name__}")


def _quoted(text: str) -> str:
    """A name as a quoted string, in the older spelling for letters beyond ASCII (RFC 3501, 5.1.3)."""
    plain = re.sub(r"[^\x20-\x7e]+", _shifted, text.replace("&", "&-"))
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shifted(found: re.Match[str]) -> str:
    coded = base64.b64encode(found[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
    return f"&{coded}-"
