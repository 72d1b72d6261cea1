"""What is still to be told: `notices.db` in a house, or memory. A message leaves it when it is delivered or given up.

Messages are made from the journal, and kept in the transaction that moves the mark on: none is lost and none is made
twice, however often the process dies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

import apsw
import msgspec

from cuga.clock import Clock
from cuga.errors import BadInput, NotDone, NotFound
from cuga.notices.messages import Message
from cuga.sql import named

REMEMBERED = timedelta(days=30)  # longer than a request can be open


class Target(NamedTuple):
    """Where to, with what is secret about it."""

    channel: str
    address: str
    secret: str


class Outgoing(NamedTuple):
    """A message on its way to one target."""

    message: Message
    notice_id: str
    attempts: int


class Queue:
    """The messages and targets of one house."""

    def __init__(self, path: Path | str, clock: Clock) -> None:
        self._clock = clock
        self._sql = named("cuga.notices", "notices.sql")
        try:
            self._db = apsw.Connection(str(path))
            self._db.set_busy_timeout(5_000)
            self._db.pragma("journal_mode", "wal")
            self._db.execute(self._sql["tables"])
        except apsw.Error as error:
            raise BadInput(
                f"{path} cannot be opened: {error}", mend="Move it away, and add the notices anew."
            ) from error

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    @property
    def position(self) -> int | None:
        """How far the journal was read; None: never."""
        found = self._one("position")
        return None if found is None else int(found[0])

    @property
    def waiting(self) -> int:
        """Messages that are not delivered yet."""
        return int((self._one("waiting") or (0,))[0])

    def add_target(self, notice_id: str, target: Target) -> None:
        """Remember where to."""
        self._do("add_target", notice_id, *target)

    def target(self, notice_id: str) -> Target:
        """Where to; `NotFound`."""
        found = self._one("target", notice_id)
        if found is None:
            raise NotFound(f"no notice {notice_id}", mend="`cuga notices` lists them.")
        return Target(*found)

    def drop_target(self, notice_id: str) -> None:
        """Forget a target and what was still to be told there."""
        with self._db:
            self._do("drop_target", notice_id)
            self._do("drop_outgoing", notice_id)

    def keep(self, messages: Iterable[tuple[Message, str]], position: int | None = None) -> None:
        """Keep messages for their targets, each once for all time, and how far the journal was read."""
        now = self._now()
        with self._db:
            for message, notice_id in messages:
                if self._one("is_told", message.message_id, notice_id) is None:
                    self._do("add", message.message_id, notice_id, msgspec.json.encode(message), now)
            if position is not None:
                self._do("set_position", position)
                self._do("forget_old", now - int(REMEMBERED.total_seconds()))

    def go_back(self, position: int) -> None:
        """The journal was put back, and goes on from a position that was read already. What follows is to be told, also
        what is called as something was that nobody knows of any more."""
        if (self.position or 0) > position:
            with self._db:
                self._do("set_position", position)
                self._do("forget_told")

    def due(self, limit: int = 20) -> list[Outgoing]:
        """Messages whose time has come."""
        rows = self._db.execute(self._sql["due"], (self._now(), limit))
        return [
            Outgoing(msgspec.json.decode(body, type=Message), notice_id, attempts)
            for _, notice_id, body, attempts in rows
        ]

    def delivered(self, one: Outgoing) -> None:
        """A message arrived, or is given up."""
        with self._db:
            self._do("take_away", one.message.message_id, one.notice_id)
            self._do("tell", one.message.message_id, one.notice_id, self._now())

    def again(self, one: Outgoing, wait_s: float) -> None:
        """Try a message again after a while."""
        self._do("later", one.attempts + 1, self._now() + int(wait_s), one.message.message_id, one.notice_id)

    def drop_about(self, is_about: Callable[[Message], bool], is_theirs: Callable[[str], bool]) -> int:
        """Forget messages that were not delivered yet, and addresses of somebody's with what was to be told there, so
        that nothing of them stays in the file; how many."""
        dropped = 0
        try:
            with self._db:
                for notice_id, channel, address in self._db.execute(self._sql["targets"]).fetchall():
                    if channel == "email" and is_theirs(str(address)):
                        self._do("drop_target", notice_id)
                        self._do("drop_outgoing", notice_id)
                        dropped += 1
                for message_id, notice_id, body in self._db.execute(self._sql["every"]).fetchall():
                    if is_about(msgspec.json.decode(cast(bytes, body), type=Message)):
                        self._do("take_away", message_id, notice_id)
                        dropped += 1
            self._db.execute("vacuum")
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            raise NotDone(f"the notices cannot be cleaned: {error}") from error
        return dropped

    def _do(self, name: str, *values: Any) -> None:
        self._db.execute(self._sql[name], values)

    def _one(self, name: str, *values: Any) -> tuple[Any, ...] | None:
        return next(iter(self._db.execute(self._sql[name], values)), None)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())
