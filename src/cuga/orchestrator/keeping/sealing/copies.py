"""One anchor and what it has of the newest checkpoints: each is sent on its own, so that none waits for another.

A place that was away at the start is asked before anything is put there: what it knows may be the only word on a
journal that somebody set back. A place that fails is tried again, sooner first, later once a minute.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from cuga.errors import JournalBehind
from cuga.journal.checkpoint import read_note, signed_part
from cuga.orchestrator.keeping.sealing.anchors import Anchor, FileAnchor, why_not

AGAIN_S = 60.0  # at most between two tries
MOMENT_S = 5.0  # a place that takes longer is late
Hold = Callable[[bytes, str], Awaitable[None]]  # a note of a place against the journal; `JournalBehind`
Proofs = Callable[[int, int], Awaitable[list[bytes]]]  # of a tree's size that another's goes on


class Copy:
    """What one place has, and what is wrong with it. `asked` is false while nobody knows what it had before."""

    def __init__(self, anchor: Anchor, hold: Hold, proofs: Proofs) -> None:
        self.anchor = anchor
        self.found = b""  # the note that it had at the start
        self.asked = False
        self.trouble = ""
        self._hold = hold
        self._proofs = proofs
        self._kept = b""
        self._wanted = b""
        self._failures = 0
        self._not_before = 0.0
        self._kept_at = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_current(self) -> bool:
        """Whether the place has what it was given, or had all of it until a moment ago."""
        return self._has_newest or time.monotonic() - self._kept_at <= self.anchor.pace_s + MOMENT_S

    @property
    def _has_newest(self) -> bool:
        return self._kept == self._wanted

    async def ask(self, origin: str) -> str:
        """Learn what the place has; why it cannot be asked, empty when it can."""
        try:
            self.found = await self.anchor.newest(origin)
            self.asked = True
        except Exception as error:
            return self._told(error)
        return ""

    def begin(self, note: bytes, trouble: str) -> None:
        """What is sealed when the house is opened, and what was wrong with asking. A file that is gone is not made anew
        before there is something new: until then it can be told."""
        self.trouble = trouble
        self._wanted = note
        has_it = signed_part(self.found) == signed_part(note)
        if self.asked and (has_it or (not self.found and isinstance(self.anchor, FileAnchor))):
            self._kept = note

    def offer(self, note: bytes, origin: str, *, is_last: bool = False) -> None:
        """A note that is the newest now. It goes out at once, or when it is time again."""
        self._wanted = note
        is_due = is_last or time.monotonic() >= self._not_before
        if self._task is None and is_due and not self._has_newest:
            self._task = asyncio.get_running_loop().create_task(self._send(origin))

    async def settle(self, origin: str) -> None:
        """Wait until the place has the newest or has failed to take it, as long as is waited for it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.anchor.patience_s):
                while self._task is not None or not (self._has_newest or self.trouble):
                    self.offer(self._wanted, origin, is_last=True)
                    if self._task is not None:
                        await asyncio.wait({self._task})

    async def close(self) -> None:
        """Let what is on its way go."""
        if (task := self._task) is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self.trouble = self.trouble or f"{self.anchor.name}: it did not answer in time"

    async def _send(self, origin: str) -> None:
        note = self._wanted
        try:
            if not self.asked:
                if found := await self.anchor.newest(origin):
                    await self._hold(found, self.anchor.name)
                self.asked = True
            size = read_note(note)[0].size
            await self.anchor.keep(note, lambda old: self._proofs(old, size))
            self._kept, self.trouble, self._failures = note, "", 0
            self._kept_at = time.monotonic()
            self._not_before = self._kept_at + self.anchor.pace_s
        except Exception as error:
            self.trouble = self._told(error)
            self._failures += 1
            self._not_before = time.monotonic() + min(2.0 ** (self._failures - 1), AGAIN_S)
        finally:
            self._task = None

    def _told(self, error: Exception) -> str:
        """Whatever a place, or a library below it, raises is told and stops nothing."""
        if isinstance(error, JournalBehind):
            return error.detail
        return f"{self.anchor.name}: {why_not(error)}"
