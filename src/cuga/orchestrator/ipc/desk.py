"""The desk of an open house for other processes of the same machine: a Unix socket, mode 0600 for its owner's own.

A second one may stand beside the house for the people of one group (mode 0660 in a directory 0750). Whoever comes there
is let in as themselves, and only with a role in the house; what names a file of the owner's is not done for them.

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

from cuga.errors import BadInput, CugaError, NotAllowed
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.opened import system_user
from cuga.orchestrator.house.place import Place, check_socket_directory, make_guest_directory
from cuga.orchestrator.ipc.remote import MAX_LINE, METHODS
from cuga.orchestrator.ipc.reviving import told

GRACE_S = 2.0  # how long a closing desk lets calls end that are being answered
PARTING_S = 0.5  # how long a visitor may take to hang up
_PERSON = "by"  # never taken from the wire


_FILE = "path"  # a method that takes one writes or reads there with the owner's rights: not for a guest
_WORKS, _TENDS = ("operator", "admin"), ("operator", "approver", "admin")
_NEEDS = {  # what the house itself asks no role for; deciding and changing the house it judges by itself
    **dict.fromkeys(("start", "start_rehearsed", "dry_run", "plan", "compare", "start_due", "take_replies"), _WORKS),
    **dict.fromkeys(("cancel", "replan", "resume", "resolve", "answer_question"), _TENDS),
}


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """One call."""

    id: int
    method: str
    params: dict[str, msgspec.Raw] = {}


class Desk:
    """Serves one coordinator until `close`; with a `group` for its members, as guests."""

    def __init__(self, coordinator: Coordinator, path: Path, group: int | None = None) -> None:
        self._coordinator = coordinator
        self._path = path
        self._group = group
        self._server: asyncio.Server | None = None
        self._visitors: set[asyncio.Task[None]] = set()
        self._served: set[asyncio.Task[None]] = set()  # visitors who have not got their answer yet
        self._is_closed = False

    @classmethod
    def for_guests(cls, coordinator: Coordinator, place: Place, group: int) -> Desk:
        """The desk beside a house, for the people of a group. `NotAllowed` where its directory cannot be kept safe."""
        if not hasattr(socket, "SO_PEERCRED"):
            raise BadInput(
                "this system does not say who is at the other end of a socket: nobody can be let in by group"
            )
        make_guest_directory(place, group)
        return cls(coordinator, place.guest_socket, group)

    async def open(self) -> None:
        """Begin to listen. A socket left behind by a process that is gone is replaced: the house's lock is ours."""
        if self._group is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            check_socket_directory(self._path)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_LINE)
        finally:
            os.umask(before)
        if self._group is not None:  # nobody but the owner could knock before this
            os.chown(self._path, -1, self._group)
            self._path.chmod(0o660)

    async def close(self) -> None:
        """Stop listening; calls get a little time to end, then everybody is told to look elsewhere."""
        await asyncio.sleep(0)  # lets in whoever is at the door already: it hears that we close, and not nothing
        self._is_closed = True
        if self._server is not None:
            self._server.close()
            for visitor in self._visitors - self._served:
                visitor.cancel()
            if self._served:
                await asyncio.wait(set(self._served), timeout=GRACE_S)
            for visitor in self._served:  # and nobody else: who is being told hangs up in its own time
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
            writer.write(_line({"id": 0}))
            while not self._is_closed and (line := await reader.readline()):
                await self._answer(line, user, writer)
                await writer.drain()
                self._served.discard(visitor)
            await self._part(visitor, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass  # the other side went away, or sent more than a line may hold
        except asyncio.CancelledError:
            await self._part(
                visitor, reader, writer
            )  # and no more: asyncio would print a connection's task that ends as cancelled
        finally:
            self._served.discard(visitor)
            self._visitors.discard(visitor)
            writer.close()

    async def _part(
        self, visitor: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Tell a visitor that nothing it may still be asking for has been touched, when that is so."""
        if visitor in self._served or not self._is_closed:
            return
        writer.write(_line({"id": 0, "left": True}))
        with contextlib.suppress(OSError):  # closing on a question that was not read would tear up the farewell
            async with asyncio.timeout(PARTING_S):
                while await reader.read(MAX_LINE):
                    pass

    async def _answer(self, line: bytes, user: str, writer: asyncio.StreamWriter) -> None:
        number = 0
        try:
            request = msgspec.json.decode(line, type=Request)
            number = request.id
            if self._group is not None and user != system_user():
                await self._admit(request.method, user)
            if request.method == "follow":
                # being cut off here loses nothing: it is asked for again from where it was
                async for event in self._coordinator.follow(**_typed(self._coordinator.follow, request.params)):
                    writer.write(_line({"id": number, "event": event}))
                    await writer.drain()
                writer.write(_line({"id": number, "result": None}))
                return
            visitor = asyncio.current_task()
            assert visitor is not None
            self._served.add(visitor)
            writer.write(_line({"id": number, "result": await self._call(request, user)}))
        except msgspec.MsgspecError as error:
            writer.write(_problem(number, BadInput(str(error))))
        except CugaError as error:
            writer.write(_problem(number, error))
        except (TypeError, ValueError, TimeoutError) as error:
            writer.write(_problem(number, BadInput(str(error) or type(error).__name__)))
        except ConnectionError:
            raise  # the other side went away
        except Exception as error:
            writer.write(_problem(number, CugaError(f"{type(error).__name__}: {error}")))

    async def _admit(self, method: str, guest: str) -> None:
        """`NotAllowed` for a guest who may not do this; asked each time, because roles come and go."""
        roles = (await self._coordinator.principal(guest)).roles
        needed = _NEEDS.get(method, ())
        if not roles:
            raise NotAllowed(
                f"{guest} has no role in this house", mend=f"An admin names them: cuga users add {guest} --role viewer"
            )
        names_a_file = _FILE in inspect.signature(getattr(Coordinator, method, _nothing)).parameters
        if names_a_file or (needed and not set(needed) & set(roles)):
            who = f"one with the role {' or '.join(needed)}" if needed else "the owner of the house"
            raise NotAllowed(f"{guest} ({', '.join(roles)}) may not do this; {who} may")

    async def _call(self, request: Request, user: str) -> Any:
        if request.method not in METHODS or _PERSON in request.params:
            raise BadInput(f"no method {request.method!r} with these arguments")
        method = getattr(self._coordinator, request.method)
        params = _typed(method, request.params)
        if _PERSON in inspect.signature(method).parameters:
            params[_PERSON] = await self._coordinator.principal(user)
        return await method(**params)


def _nothing() -> None:
    """What a method that does not exist takes."""


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
            "error": told(error),
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
        return f"uid-{uid}"
