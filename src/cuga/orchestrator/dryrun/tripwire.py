"""A wire around a process: whatever would reach out of one directory is stopped before it does, and named.

Connections, programs, signals, and files outside the directory that are opened for writing. Python tells of each such
act before it does it (PEP 578), SQLite files are looked at as they are opened, and where the operating system has a
wall of its own (`cuga.orchestrator.dryrun.wall`) it stands behind. There is no way to take the wire down again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import apsw

from cuga.model.event import ToolCallStart
from cuga.orchestrator.dryrun.answer import Trip

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NOWHERE = ("/dev/null", "/dev/tty")  # what may be written to: it is kept by nobody


class Tripped(PermissionError):
    """Stopped by the wire of a dry run."""


class Tripwire:
    """Armed once, for as long as the process lives. `trips` is what was stopped, in order."""

    def __init__(self, writable: str) -> None:
        self._writable = os.path.realpath(writable)
        self._seen: dict[tuple[str, str, str], int] = {}
        self._calls: dict[str, ToolCallStart] = {}
        self._call: ToolCallStart | None = None
        self.attempts = 0

    def arm(self) -> None:
        """Stop everything from here on."""
        sys.addaudithook(self._hear)
        apsw.connection_hooks.append(self._opened)

    def during(self, call: ToolCallStart | None) -> None:
        """Whose doing what comes next is."""
        self._call = call
        if call is not None:
            self._calls[call.step] = call

    def note(self, kind: str, what: str) -> None:
        """Write down what was stopped."""
        self.attempts += 1
        key = (kind, what, self._call.step if self._call is not None else "")
        self._seen[key] = self._seen.get(key, 0) + 1

    @property
    def trips(self) -> tuple[Trip, ...]:
        return tuple(
            Trip(
                kind=kind,
                what=what,
                step=step,
                tool=self._calls[step].tool if step else "",
                adapters=dict(self._calls[step].adapters) if step else {},
                times=times,
            )
            for (kind, what, step), times in self._seen.items()
        )

    def _hear(self, act: str, arguments: tuple[Any, ...]) -> None:
        look = _LOOKS.get(act)
        if look is not None and (found := look(self, arguments)) is not None:
            self._stop(*found)

    def _stop(self, kind: str, what: str) -> None:
        self.note(kind, what)
        raise Tripped(f"a dry run stops this: {kind} {what}")

    def _opened(self, connection: apsw.Connection) -> None:
        name = connection.db_filename("main")
        if name and connection.open_flags & apsw.SQLITE_OPEN_READWRITE and not self._is_inside(name):
            connection.close()
            self._stop("file", name)

    def _is_inside(self, path: Any) -> bool:
        if isinstance(path, int):
            return True  # a file that is open already
        found = os.path.realpath(os.fsdecode(path))
        return found in _NOWHERE or found == self._writable or found.startswith(self._writable + os.sep)

    # --- looks: what an act is, or None when it may go on -----------------------------------------------------------
    def _open(self, arguments: tuple[Any, ...]) -> tuple[str, str] | None:
        path, mode, flags = arguments[:3]
        writes = bool(set(mode) & set("wax+")) if isinstance(mode, str) else False
        writes = writes or bool(isinstance(flags, int) and flags & _WRITES)
        return ("file", _text(path)) if writes and path is not None and not self._is_inside(path) else None

    def _paths(self, count: int) -> Callable[[tuple[Any, ...]], tuple[str, str] | None]:
        def look(arguments: tuple[Any, ...]) -> tuple[str, str] | None:
            out = [path for path in arguments[:count] if not self._is_inside(path)]
            return ("file", _text(out[0])) if out else None

        return look

    def _database(self, arguments: tuple[Any, ...]) -> tuple[str, str] | None:
        path = arguments[0]
        return None if path == ":memory:" or self._is_inside(path) else ("file", _text(path))


_Look = Callable[[Tripwire, tuple[Any, ...]], tuple[str, str] | None]


def _reaching(place: int) -> _Look:
    def look(_wire: Tripwire, arguments: tuple[Any, ...]) -> tuple[str, str]:
        return "connection", _text(arguments[place])

    return look


def _named(_wire: Tripwire, arguments: tuple[Any, ...]) -> tuple[str, str]:
    host, port = arguments[0], arguments[1] if len(arguments) > 1 else None
    return "connection", _text(host) + (f":{_text(port)}" if port is not None else "")


def _starting(_wire: Tripwire, arguments: tuple[Any, ...]) -> tuple[str, str]:
    said = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], list | tuple) else arguments[:1]
    return "process", " ".join(_text(word) for word in said) or "a copy of this one"


def _signalling(_wire: Tripwire, arguments: tuple[Any, ...]) -> tuple[str, str]:
    return "signal", " to ".join(_text(one) for one in reversed(arguments[:2]))


def _touching(count: int) -> _Look:
    return lambda wire, arguments: wire._paths(count)(arguments)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ":".join(_text(part) for part in value[:2])
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


_LOOKS: dict[str, _Look] = {
    "open": Tripwire._open,
    "socket.connect": _reaching(1),
    "socket.bind": _reaching(1),
    "socket.sendto": _reaching(1),
    "socket.sendmsg": _reaching(1),
    "socket.getaddrinfo": _named,
    "socket.gethostbyname": _named,
    "socket.gethostbyaddr": _named,
    "socket.getnameinfo": _reaching(0),
    "sqlite3.connect": Tripwire._database,
    **dict.fromkeys(("os.kill", "os.killpg", "sys.remote_exec"), _signalling),  # the last one from Python 3.14 on
    **dict.fromkeys(
        ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty",
         "os.startfile", "pty.spawn"), _starting),
    **dict.fromkeys(
        ("os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown", "os.lchown", "os.utime",
         "os.setxattr", "os.removexattr", "os.chflags"), _touching(1)),
    **dict.fromkeys(("os.rename", "os.link"), _touching(2)),
    "os.symlink": lambda wire, arguments: wire._paths(1)(arguments[1:]),
}  # fmt: skip
