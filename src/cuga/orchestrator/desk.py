"""The desk of an open house for other processes of the same machine and user: a Unix socket, mode 0600.

One JSON object a line. A request names a method of the Coordinator that is listed here and its arguments by name; the
answer is its value, or an error with the code that the method raised. Who asks is the operating system's word for the
peer, never the request's. `follow` answers line by line.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import pwd
import socket
import struct
import typing
from pathlib import Path
from typing import Any

import msgspec

from cuga.errors import BadInput, CugaError, HouseBusy
from cuga.model.event import RunEvent
from cuga.orchestrator.coordinator import Coordinator

METHODS = frozenset(
    {
        "answer",
        "answer_question",
        "audit",
        "backup",
        "budget",
        "cancel",
        "card",
        "change",
        "doctor",
        "events",
        "house",
        "inbox",
        "plan",
        "planned",
        "request",
        "resolve",
        "result",
        "resume",
        "revoke",
        "runs",
        "show",
        "signals",
        "start",
        "tools",
        "top_up",
        "trace",
        "verify",
        "wait",
    }
)
MAX_LINE = 32 * 1024 * 1024
_PERSON = "by"  # never taken from the wire
_CLOSED: dict[str, Any] = {"events": list[RunEvent]}  # a base class cannot be read back; the closed set can


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """One call."""

    id: int
    method: str
    params: dict[str, msgspec.Raw] = {}


class Answer(msgspec.Struct):
    """One answer: a value, one event of a stream, or an error. Values stay bytes until their type is known."""

    id: int
    result: msgspec.Raw = msgspec.Raw(b"null")
    event: msgspec.Raw = msgspec.Raw(b"")
    error: dict[str, str] = {}


class Desk:
    """Serves one coordinator until `close`."""

    def __init__(self, coordinator: Coordinator, path: Path) -> None:
        self._coordinator = coordinator
        self._path = path
        self._server: asyncio.Server | None = None
        self._visitors: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def open(self) -> None:
        """Begin to listen. A socket left behind by a process that is gone is replaced: the house's lock is ours."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_LINE)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Stop listening and send away whoever is there: what they asked for is kept or was not done."""
        await asyncio.sleep(0)  # lets in whoever is at the door already: it hears that we close, and not nothing
        self._is_closed = True
        if self._server is not None:
            self._server.close()
            for visitor in self._visitors:
                visitor.cancel()
            await asyncio.gather(*self._visitors, return_exceptions=True)
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_closed:  # it was let in while we closed; the house must not be opened again for it
            writer.close()
            return
        user = _peer(writer)
        visitor = asyncio.current_task()
        assert visitor is not None
        self._visitors.add(visitor)
        try:
            while line := await reader.readline():
                await self._answer(line, user, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass  # the other side went away, or sent more than a line may hold
        except asyncio.CancelledError:
            pass  # we are closing; asyncio would print a connection's task that ends as cancelled
        finally:
            self._visitors.discard(visitor)
            writer.close()

    async def _answer(self, line: bytes, user: str, writer: asyncio.StreamWriter) -> None:
        number = 0
        try:
            request = msgspec.json.decode(line, type=Request)
            number = request.id
            if request.method == "follow":
                async for event in self._coordinator.follow(**_typed(self._coordinator.follow, request.params)):
                    writer.write(_line({"id": number, "event": event}))
                    await writer.drain()
                writer.write(_line({"id": number, "result": None}))
                return
            writer.write(_line({"id": number, "result": await self._call(request, user)}))
        except msgspec.MsgspecError as error:
            writer.write(_problem(number, BadInput(str(error))))
        except CugaError as error:
            writer.write(_problem(number, error))
        except (TypeError, TimeoutError) as error:
            writer.write(_problem(number, BadInput(str(error) or type(error).__name__)))

    async def _call(self, request: Request, user: str) -> Any:
        if request.method not in METHODS or _PERSON in request.params:
            raise BadInput(f"no method {request.method!r} with these arguments")
        method = getattr(self._coordinator, request.method)
        params = _typed(method, request.params)
        if _PERSON in inspect.signature(method).parameters:
            params[_PERSON] = await self._coordinator.principal(user)
        return await method(**params)


def _typed(method: typing.Callable[..., Any], said: dict[str, msgspec.Raw]) -> dict[str, Any]:
    """The arguments of a call as the method declares them."""
    hints = typing.get_type_hints(method)
    return {name: _as(hints.get(name, Any), value) for name, value in said.items()}


def _as(kind: Any, value: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(value, type=kind)
    except TypeError:  # "an enum or its text": the method reads the text itself; nothing else of that kind may come in
        return msgspec.json.decode(value, type=str)


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _problem(number: int, error: CugaError) -> bytes:
    return _line(
        {
            "id": number,
            "error": {
                "code": error.code,
                "detail": error.detail,
                "kind": type(error).__name__,
                "mend": error.next_step,
            },
        }
    )


def _peer(writer: asyncio.StreamWriter) -> str:
    """The operating system's name for the user at the other end."""
    peer: socket.socket = writer.get_extra_info("socket")
    if hasattr(socket, "SO_PEERCRED"):
        _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    else:
        uid = os.getuid()  # the socket's mode lets nobody else in
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


class Remote:
    """The coordinator of a house that another process holds: the same methods, over its desk."""

    def __init__(self, path: Path, holder: str) -> None:
        self._path = path
        self.holder = holder
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._ids = 0
        self._turn = asyncio.Lock()

    async def connect(self) -> None:
        """Reach the desk. `HouseBusy` when nobody answers there."""
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(self._path, limit=MAX_LINE)
        except OSError as error:
            raise HouseBusy(
                f"{self.holder}, and it does not answer at its desk ({error.strerror or error})",
                mend="Wait for it to end, or end that process; nothing is lost by it.",
            ) from error

    async def close(self) -> None:
        """Hang up."""
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
        self._ids += 1
        self._writer.write(_line({"id": self._ids, "method": method, "params": params}))
        with contextlib.suppress(ConnectionError):  # it has gone: reading says so
            await self._writer.drain()

    async def _receive(self) -> Answer:
        assert self._reader is not None
        try:
            line = await self._reader.readline()
        except ConnectionError:
            line = b""
        if not line.endswith(b"\n"):
            raise HouseBusy(f"{self.holder}, and it ended while we talked to it", mend="Give the command again.")
        answer = msgspec.json.decode(line, type=Answer)
        if answer.error:
            raise _revived_error(answer.error)
        return answer


def _revived_error(said: dict[str, str]) -> CugaError:
    kinds = [CugaError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    kind = next((found for found in kinds if found.__name__ == said["kind"]), CugaError)
    return kind(said["detail"], mend=said["mend"])
