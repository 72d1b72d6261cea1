"""A server as a process of this machine, spoken to over its standard input and output, one message a line.

The only room of tools that starts processes. The process gets the few variables that every program needs and those
the registry names, a directory of its own as home and to work in, bounds on memory, files and what it writes, a line of
bounded length, and no time after it was told to end. It is no jail: it runs as the user, and reads what that user may.
What is no message ends the connection and is reported: a server that writes anything else there cannot be understood
any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from cuga.errors import Unreachable

MAX_LINE = 4 * 1024 * 1024  # bytes of one message
KEPT_ERRORS = 2_000  # bytes of what it last wrote to its standard error
GRACE_S = 0.5  # for ending by itself, and again for ending when it is told to
_PIECE = 64 * 1024
MOST_FILES, MOST_WRITTEN = 1_024, 1 << 30  # open at once; bytes of one file
EVERYBODYS = ("LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TZ", "USER")

Fault = Callable[[str], None]


class Child:
    """A started process. `errors` is the end of what it wrote to its standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.errors = b""

    async def hear_errors(self) -> None:
        """Read its standard error, so that it never waits for us, and keep the end."""
        assert self.process.stderr is not None
        while piece := await self.process.stderr.read(_PIECE):
            self.errors = (self.errors + piece)[-KEPT_ERRORS:]

    async def end(self) -> None:
        """Let it end by itself, then tell it to, then kill it, with all that it started."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, RuntimeError):
            self.process.stdin.close()
        for told in (None, signal.SIGTERM, signal.SIGKILL):
            if told is not None:
                self._tell(told)
            if await self._has_ended():
                break
        self._tell(signal.SIGKILL)  # what it left behind
        transport = getattr(self.process, "_transport", None)  # it stays open while anybody holds a pipe of it
        if transport is not None:
            with contextlib.suppress(OSError):
                transport.close()

    async def _has_ended(self) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), GRACE_S)
        return self.process.returncode is not None

    def _tell(self, told: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, told)


@asynccontextmanager
async def spoken_to(
    command: Sequence[str],
    variables: Mapping[str, str],
    on_fault: Fault,
    directory: str | None = None,
    memory_mb: int = 0,
) -> AsyncIterator[tuple[Any, Any]]:
    """Start a process and give the two streams of messages that the SDK's client takes. `Unreachable`: not started."""
    import anyio

    child = await _start(command, variables, directory, memory_mb)
    heard_in, heard = anyio.create_memory_object_stream[Any](0)
    told, told_out = anyio.create_memory_object_stream[Any](0)
    tasks = [
        asyncio.ensure_future(work)
        for work in (_hear(child, heard_in, on_fault), _tell(child, told_out, heard_in), child.hear_errors())
    ]
    try:
        yield heard, told
    finally:
        with anyio.CancelScope(shield=True):  # whoever gives up must not leave a process behind
            for stream in (told, heard):
                stream.close()
            await child.end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _start(command: Sequence[str], variables: Mapping[str, str], directory: str | None, memory_mb: int) -> Child:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(variables),
            cwd=directory,
            start_new_session=True,
            umask=0o077,  # what it writes is its user's alone
        )
    except (OSError, ValueError) as error:
        said = f"{command[0]} cannot be started: {getattr(error, 'strerror', None) or error}"
        mend = "Install it, or mend `command` in the registry."
        raise Unreachable(said, mode="resource_tool_unavailable", mend=mend) from error
    _bound(process.pid, memory_mb)
    return Child(process)


def _bound(pid: int, memory_mb: int) -> None:
    """Bound what a process, and what it starts, may take. Only Linux can; elsewhere nothing is bounded."""
    prlimit = getattr(resource, "prlimit", None)
    if prlimit is None:
        return
    bounds = {resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: MOST_FILES, resource.RLIMIT_FSIZE: MOST_WRITTEN}
    if memory_mb:
        bounds[resource.RLIMIT_DATA] = memory_mb << 20
    for what, most in bounds.items():
        with contextlib.suppress(OSError, ValueError):  # it has ended, or may have less already
            _, hard = prlimit(pid, what)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            prlimit(pid, what, (most, most))


async def _hear(child: Child, into: Any, on_fault: Fault) -> None:
    """Messages of the process, until it ends or says what is none."""
    import anyio

    assert child.process.stdout is not None
    buffer = bytearray()
    async with into:
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
            while piece := await child.process.stdout.read(_PIECE):
                searched = len(buffer)
                buffer += piece
                while (end := buffer.find(b"\n", searched)) >= 0:
                    line, searched = bytes(buffer[:end]), 0
                    del buffer[: end + 1]
                    if len(line) <= MAX_LINE and not line.strip():
                        continue
                    if (message := _message(line, on_fault)) is None:
                        return
                    await into.send(message)
                if len(buffer) > MAX_LINE:
                    on_fault(f"it wrote a line of more than {MAX_LINE:,} bytes")
                    return


def _message(line: bytes, on_fault: Fault) -> Any:
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

    if len(line) > MAX_LINE:
        on_fault(f"it wrote a line of more than {MAX_LINE:,} bytes")
        return None
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except (ValueError, RecursionError):
        on_fault(f"it wrote what is no message: {line[:60]!r}")
        return None


async def _tell(child: Child, out_of: Any, heard: Any) -> None:
    """Messages to the process; when it takes no more, the other side is told by the end of what is heard."""
    assert child.process.stdin is not None
    try:
        async with out_of:
            async for message in out_of:
                said = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                child.process.stdin.write(said.encode() + b"\n")
                await child.process.stdin.drain()
    except (OSError, RuntimeError):
        await heard.aclose()
