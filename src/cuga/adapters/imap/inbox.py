"""A mailbox on a server as an `Inbox`: each message is read once, by its UID, and left as it is unless told otherwise.

How far it was read is noted beside the house's inbox, and only after a message was put away. When the server numbers
its messages anew, all are read again: what was taken in before is known by its digest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cuga.adapters.capability import Incoming
from cuga.adapters.imap.talk import MOST_BYTES, Talk
from cuga.adapters.offline.inbox import read_mail, refused_mail
from cuga.errors import NotDone
from cuga.model.correspondence import Mailbox

MOST = 5_000  # messages of one reading; the next one goes on behind them


class Mark(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How far a folder was read: below and with this UID everything was put away."""

    host: str
    user: str
    folder: str
    validity: int
    uid: int


class ImapInbox:
    """An `Inbox` on one folder of a mailbox. Blocks: call it in a thread, one call at a time."""

    def __init__(self, mailbox: Mailbox, password: str, mark: Path) -> None:
        self._mailbox = mailbox
        self._password = password
        self._place = mark
        self._talk: Talk | None = None

    def waiting(self) -> Iterator[Incoming]:
        """What was not read yet, the oldest first, each message only when it is asked for.

        `NotDone` (or `Unreachable`, `EgressRefused`) when the mailbox cannot be read.
        """
        self._talk = talk = Talk(self._mailbox, self._password)
        for uid in talk.after(self._read_mark(talk.validity))[:MOST]:
            place = f"{self._mailbox.folder}/{talk.validity}-{uid}"
            size = talk.size(uid)
            if size is None:
                continue  # somebody removed it meanwhile
            if size > MOST_BYTES:
                yield refused_mail(place, str(size).encode(), f"it has more than {MOST_BYTES:,} bytes")
            elif (whole := talk.whole(uid)) is not None:
                yield read_mail(whole, place)

    def close(self) -> None:
        """Hang up. What was not put away is read again the next time."""
        if self._talk is not None:
            self._talk.close()
            self._talk = None

    def put_away(self, mail: Incoming) -> None:
        """Note that a message was taken in, and do with it what the registry says. One that could not be read stays."""
        talk = self._talk
        if talk is None:
            raise NotDone("the mailbox is not open any more")
        validity, uid = map(int, mail.place.rpartition("/")[2].split("-"))
        if not mail.refused:
            match self._mailbox.after:
                case "seen":
                    talk.mark(uid, r"\Seen")
                case "move":
                    talk.move(uid, self._mailbox.move_to)
                case "delete":
                    talk.remove(uid)
        self._write_mark(validity, uid)

    def _read_mark(self, validity: int) -> int:
        """The last UID that was put away; 0 for a folder that was never read, or is numbered anew."""
        try:
            found = msgspec.json.decode(self._place.read_bytes(), type=Mark)
        except FileNotFoundError:
            return 0
        except (OSError, msgspec.MsgspecError) as error:
            raise NotDone(
                f"{self._place.name} cannot be read: {error}",
                mend="remove it: all messages are read again, and none is taken in twice",
            ) from error
        box = self._mailbox
        is_same = (found.host, found.user, found.folder, found.validity) == (box.host, box.user, box.folder, validity)
        return found.uid if is_same else 0

    def _write_mark(self, validity: int, uid: int) -> None:
        box = self._mailbox
        mark = Mark(host=box.host, user=box.user, folder=box.folder, validity=validity, uid=uid)
        self._place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._place.with_suffix(f".{os.getpid()}.part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(msgspec.json.encode(mark))
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, self._place)
