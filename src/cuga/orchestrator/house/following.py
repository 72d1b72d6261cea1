"""What a machine does by itself once others have written to the house: one piece of work after another, beside all.

What fails is kept, for whoever asks how the house is, and tried again. Each piece can be done any number of times.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

RETRY_S = 30.0

Work = Callable[[], Awaitable[None]]


class Following:
    """Does some pieces of work whenever it is woken; a second call meanwhile has it go round once more."""

    def __init__(self, works: Mapping[str, Work]) -> None:
        self._works = works
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._later: asyncio.TimerHandle | None = None
        self._is_closing = False
        self.trouble: dict[str, str] = {}  # work -> why it could not be done

    def wake(self) -> None:
        """Do what is to be done, beside everything else."""
        if self._is_closing:
            return
        if self._task is not None and not self._task.done():
            self._again = True
            return
        self._task = asyncio.get_running_loop().create_task(self.go_round())

    async def go_round(self) -> None:
        """Do what is to be done, now."""
        while True:
            self._again = False
            for name, work in self._works.items():
                try:
                    await work()
                    self.trouble.pop(name, None)
                except Exception as error:  # one piece must not take the others with it, whatever a library raises
                    self.trouble[name] = str(error) or type(error).__name__
            if not self._again or self._is_closing:
                break
        if self.trouble and self._later is None and not self._is_closing:
            self._later = asyncio.get_running_loop().call_later(RETRY_S, self._try_again)

    def _try_again(self) -> None:
        self._later = None
        self.wake()

    async def close(self) -> None:
        """Let what is under way come to its end."""
        self._is_closing = True
        if self._later is not None:
            self._later.cancel()
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
