"""One attempt at a call: what of it is done in a thread, whether its tool was entered, and when nothing of it goes on.

The door makes attempts and judges what they came to; an attempt judges nothing.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import msgspec

from cuga.model.event import ToolCallStart
from cuga.tools.declare import ToolContext
from cuga.tools.registry import Tool
from cuga.tools.threads import Job, Threads


class Attempt(msgspec.Struct, eq=False):
    """One call of one tool: in this task when it is asynchronous, else in a thread."""

    _threads: Threads
    tool: Tool
    _context: ToolContext
    _arguments: Any
    job: Job | None = None
    has_place: bool = False  # among those that need a thread
    entered_here: bool = False
    has_looked: bool = False  # the probe answered that no earlier attempt happened

    @property
    def run_id(self) -> str:
        """The run that it belongs to."""
        return self._context.run_id

    @property
    def entered(self) -> bool:
        """Whether the function was entered, so that something may have happened."""
        return self.entered_here or (self.job is not None and self.job.started)

    def needs_place(self, call: ToolCallStart) -> bool:
        """Whether something of it is done in a thread."""
        tool = self.tool
        return not tool.is_async or (
            call.probe and tool.probe is not None and not inspect.iscoroutinefunction(tool.probe)
        )

    def leave_place(self) -> None:
        """Give the place among those that need a thread to somebody else; once."""
        if self.has_place:
            self.has_place = False
            self._threads.leave()

    def leave(self, then: Callable[[], None]) -> None:
        """Wait no more; `then` is called when nothing of it goes on, which may be at once."""
        if self.job is None:
            then()
        else:
            self.job.leave(then)

    async def look(self) -> Any:
        """Ask the tool's probe whether an earlier attempt happened: its result, or None."""
        probe, context, arguments = self.tool.probe, self._context, self._arguments
        assert probe is not None
        if inspect.iscoroutinefunction(probe):
            found = await probe(context, arguments)
        else:
            found = await self._threads.make(Job(lambda: probe(context, arguments)))
        if self.tool.is_async:
            self.leave_place()  # what follows needs no thread
        self.has_looked = found is None
        return found

    def named(self) -> dict[str, Any]:
        """The arguments of the function by name."""
        tool, arguments = self.tool, self._arguments
        if tool.fields is None:
            return {"inputs": arguments, "context": self._context}
        named = msgspec.structs.asdict(arguments)
        if tool.context:
            named[tool.context] = self._context
        return named

    async def make_in_thread(self) -> Any:
        """Call a synchronous function in a thread; what it gives may have to be awaited here."""
        function, named = self.tool.function, self.named()
        self.job = Job(lambda: function(**named))
        value = await self._threads.make(self.job)
        self.leave_place()
        return await value if asyncio.iscoroutine(value) else value
