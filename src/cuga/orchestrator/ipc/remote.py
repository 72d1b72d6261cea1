"""The other side of the desk: a coordinator that lives in another process of this machine.

When the process that holds the house goes, every error says whether the call may have been carried out: with the fact
`untouched` it was not, and may be made again elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import socket
import struct
import typing
from pathlib import Path
from typing import Any

import msgspec

from cuga.errors import HouseBusy
from cuga.model.event import RunEvent
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.place import check_socket_directory
from cuga.orchestrator.ipc.reviving import revived

METHODS = frozenset(
    {
        "accept_tools",
        "add_notice",
        "adapters",
        "answer",
        "answer_question",
        "audit",
        "backtest",
        "backup",
        "budget",
        "cancel",
        "card",
        "card_now",
        "change",
        "compare",
        "disable_adapter",
        "distrust_origin",
        "doctor",
        "drift",
        "dry_run",
        "enable_adapter",
        "erase_person",
        "events",
        "evidence",
        "forget",
        "house",
        "inbox",
        "invite",
        "keys",
        "lessons",
        "lift_suppression",
        "login_link",
        "make_key",
        "model_now",
        "notices",
        "person_data",
        "plan",
        "planned",
        "people",
        "plays",
        "rehearsed",
        "remove_notice",
        "replan",
        "replay",
        "request",
        "reset_password",
        "resolve",
        "result",
        "resume",
        "retain",
        "revoke",
        "revoke_key",
        "runs",
        "sealed",
        "servers",
        "set_adapter_mode",
        "set_roles",
        "set_routing_policy",
        "shadow",
        "show",
        "signals",
        "standing",
        "start",
        "start_call",
        "start_rehearsed",
        "switch_adapter",
        "start_due",
        "suppress",
        "suppressed",
        "sync",
        "take_replies",
        "test_server",
        "test_notice",
        "tools",
        "top_up",
        "user_leaves",
        "trace",
        "trust_origin",
        "try_adapter",
        "verify",
        "wait",
        "witness_key",
        "witnessed",
        "witnessed_note",
        "workers",
    }
)
MAX_LINE = 32 * 1024 * 1024
_CLOSED: dict[str, Any] = {"events": list[RunEvent]}  # a base class cannot be read back; the closed set can
GREETING_S = 5.0


class Answer(msgspec.Struct):
    """One answer: a value, one event of a stream, or an error. Values stay bytes until their type is known.

    The one with the id 0 and nothing in it is the greeting. With `left` the desk has closed, and what was asked since
    the last answer was not touched.
    """

    id: int
    result: msgspec.Raw = msgspec.Raw(b"null")
    event: msgspec.Raw = msgspec.Raw(b"")
    error: dict[str, str] = {}
    left: bool = False


class Remote:
    """The coordinator of a house that another process holds: the same methods, over its desk."""

    def __init__(self, path: Path, holder: str) -> None:
        self._path = path
        self.holder = holder
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._ids = 0
        self._turn = asyncio.Lock()
        self._heard: asyncio.Queue[bytes] = asyncio.Queue()  # lines; an empty one: nothing more will come
        self._is_over = False  # nobody is there any more
        self._listening: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Reach the desk. `HouseBusy` when nobody answers there."""
        try:
            check_socket_directory(self._path)
            self._reader, self._writer = await asyncio.open_unix_connection(self._path, limit=MAX_LINE)
            if not _is_trusted(self._writer.get_extra_info("socket"), self._path):
                self._writer.close()
                raise self._silent("somebody else listens there")
            greeting = await asyncio.wait_for(self._reader.readline(), GREETING_S)
        except TimeoutError as error:
            raise self._silent("it does not react", hangs=True) from error
        except OSError as error:
            raise self._silent(error.strerror or type(error).__name__) from error
        if not greeting.endswith(b"\n"):
            raise self._silent("it is closing")
        self._listening = asyncio.ensure_future(self._listen(self._reader))

    def _silent(self, why: str, *, hangs: bool = False) -> HouseBusy:
        return HouseBusy(
            f"{self.holder}, and it does not answer at its desk ({why})",
            mend="Wait for it to end, or end that process; nothing is lost by it.",
            hangs=hangs,
        )

    async def close(self) -> None:
        """Hang up."""
        if self._listening is not None:
            self._listening.cancel()
        if self._writer is not None:
            self._writer.close()

    async def call(self, method: str, **params: Any) -> Any:
        """Call a method of the coordinator; raises what it raised."""
        returns = _CLOSED.get(method) or typing.get_type_hints(getattr(Coordinator, method)).get("return", Any)
        async with self._turn:
            await self._send(method, params)
            answer = await self._receive()
        return None if returns is type(None) else msgspec.json.decode(answer.result, type=returns)

    async def follow(self, run_id: str, after: int = 0) -> typing.AsyncIterator[Any]:
        """The facts of a run as they become durable."""
        async with self._turn:
            await self._send("follow", {"run_id": run_id, "after": after})
            while bytes((answer := await self._receive()).event):
                yield msgspec.json.decode(answer.event, type=RunEvent)

    def __getattr__(self, name: str) -> Any:
        if name not in METHODS:
            raise AttributeError(name)

        async def method(*args: Any, **params: Any) -> Any:
            names = list(inspect.signature(getattr(Coordinator, name)).parameters)[1:]
            return await self.call(name, **dict(zip(names, args, strict=False)), **params)

        return method

    async def _send(self, method: str, params: dict[str, Any]) -> None:
        assert self._writer is not None
        await asyncio.sleep(0)  # hears a farewell that lies there already
        if self._is_over:
            raise self._gone(untouched=True)
        while not self._heard.empty():
            self._heard.get_nowait()  # what is left of a stream that nobody read to its end
        self._ids += 1
        self._writer.write(_line({"id": self._ids, "method": method, "params": params}))
        with contextlib.suppress(ConnectionError):  # it has gone: listening says so
            await self._writer.drain()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Hear everything as it comes: also a farewell, before anything is asked that would get no answer."""
        line = b""
        with contextlib.suppress(ConnectionError):
            while (line := await reader.readline()).endswith(b"\n"):
                self._heard.put_nowait(line)
                if msgspec.json.decode(line, type=Answer).left:
                    break
        self._is_over = True
        self._heard.put_nowait(b"")
        if self._writer is not None:
            self._writer.close()

    async def _receive(self) -> Answer:
        while line := await self._heard.get():
            answer = msgspec.json.decode(line, type=Answer)
            if answer.left:
                raise self._gone(untouched=True)
            if answer.id not in (self._ids, 0):
                continue  # of a stream that nobody read to its end
            if answer.error:
                raise revived(answer.error)
            return answer
        raise self._gone(untouched=False)

    def _gone(self, *, untouched: bool) -> HouseBusy:
        return HouseBusy(
            f"{self.holder}, and it ended while we talked to it", mend="Give the command again.", untouched=untouched
        )


def _is_trusted(peer: socket.socket, path: Path) -> bool:
    """Whether the one who listens is this user, or the owner of the directory that the socket lies in."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the modes of socket and directory have to do
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return uid in (os.getuid(), path.parent.stat().st_uid)


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"
