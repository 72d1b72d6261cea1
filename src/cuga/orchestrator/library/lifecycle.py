"""Starting and ending what holds a house: starting twice is starting once, and ending takes a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum

SHUTDOWN_S = 30.0


class AgentState(str, Enum):
    """Where an agent stands."""

    UNINITIALIZED = "uninitialized"
    READY = "ready"
    TERMINATED = "terminated"


class Lifecycle:
    """The life of one holder of a house. `begin` opens it, `end` lets it go."""

    def __init__(self, begin: Callable[[], Awaitable[object]], end: Callable[[], Awaitable[object]]) -> None:
        self._begin = begin
        self._end = end
        self._turn = asyncio.Lock()
        self.state = AgentState.UNINITIALIZED

    async def startup(self) -> None:
        """Be ready; again when it is ready already: nothing."""
        async with self._turn:
            if self.state is not AgentState.READY:
                await self._begin()
                self.state = AgentState.READY

    async def shutdown(self, timeout_s: float = SHUTDOWN_S) -> bool:
        """End within `timeout_s` seconds, never raising; False when letting go took longer and was given up on.

        What is durable stays: a run that was going on is taken over by whoever opens its house next.
        """
        async with self._turn:
            if self.state is AgentState.TERMINATED:
                return True
            self.state = AgentState.TERMINATED
            try:
                async with asyncio.timeout(timeout_s):
                    await self._end()
            except Exception:  # whoever shuts down must get through
                return False
            return True
