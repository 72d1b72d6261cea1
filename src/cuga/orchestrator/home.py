"""A coordinator for callers that are not asynchronous, and for those that are: one house, one loop.

A house lives in the loop that opened it. One that an agent makes for itself lives in a loop of this process that runs
in a thread of its own, so that plain functions can wait for it; one that is handed in lives in its owner's loop.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from cuga.errors import BadInput
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.library.rooms import rules_in_memory
from cuga.policy.registry import Registry
from cuga.tools.registry import Tool

T = TypeVar("T")

_starting = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def _begin_anew() -> None:
    """A forked process has the loop but not its thread, and perhaps a lock that nobody is left to release."""
    global _starting, _loop
    _starting, _loop = threading.Lock(), None


if hasattr(os, "register_at_fork"):  # not on Windows, where there is no fork
    os.register_at_fork(after_in_child=_begin_anew)


def background() -> asyncio.AbstractEventLoop:
    """The one loop of this process that runs in a thread; started when first asked for."""
    global _loop
    with _starting:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="cuga-house", daemon=True).start()
        return _loop


class Home:
    """A coordinator and the loop it lives in."""

    def __init__(self, coordinator: Coordinator, *, in_background: bool) -> None:
        self.coordinator = coordinator
        self.in_background = in_background

    @classmethod
    def own(
        cls, tools: Sequence[Callable[..., Any] | Tool] = (), *, registry: Registry | None = None, **options: Any
    ) -> Home:
        """A house in memory, in the background; without a registry it has the shipped one and its rooms."""
        rules = registry or rules_in_memory()
        return cls(Coordinator(tools=tools, registry=rules, **options), in_background=True)

    @classmethod
    def of(cls, coordinator: Coordinator) -> Home:
        """A house that somebody handed in; it is used in their loop, and they close it."""
        return cls(coordinator, in_background=False)

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the house's loop and wait for it here."""
        if not self.in_background or asyncio.get_running_loop() is background():
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, background()))

    def do_now(self, work: Coroutine[Any, Any, T]) -> T:
        """The same for a plain function. `BadInput` where waiting would stop the loop that has to answer."""
        if self.in_background and threading.current_thread().name != "cuga-house":
            return asyncio.run_coroutine_threadsafe(work, background()).result()
        work.close()
        raise BadInput(
            "a plain call cannot wait for a house that lives in this loop",
            mend="Await the asynchronous method instead.",
        )

    async def each(self, items: AsyncIterator[T]) -> AsyncIterator[T]:
        """What an iterator of the house's loop gives, one by one, here."""
        try:
            while True:
                try:
                    yield await self.do(_next(items))
                except StopAsyncIteration:
                    return
        finally:
            if (close := getattr(items, "aclose", None)) is not None:
                await self.do(close())

    async def close(self) -> None:
        """Let an own house go; one that was handed in stays its owner's."""
        if self.in_background:
            await self.do(self.coordinator.close())


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)
