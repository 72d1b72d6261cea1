"""A TCP proxy before Postgres that cuts connections where a commit is: before it arrives, or before its answer does."""

from __future__ import annotations

import asyncio
import contextlib
import random
from types import TracebackType

from tests.postgres import database

BEFORE, AFTER = "before", "after"  # the commit reaches the server / its answer does not reach us


class Cutter:
    """Forwards to the server of the tests. `plan` says of each request of a writer what becomes of it."""

    def __init__(self, seed: int = 0, share: float = 0.0) -> None:
        self.chance = random.Random(seed)
        self.share = share  # of the requests that are cut by chance
        self.next: list[str] = []  # what becomes of the next requests, before chance
        self.database = "postgres"
        self.cuts = 0
        self.refuses = False  # nobody is let in: the server is away
        self.stalls = False  # what was accepted is held
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Cutter:
        database()  # it may have to be started first, and who connects does not wait for that
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        for writer in list(self._open):
            writer.close()

    @property
    def address(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql://postgres@127.0.0.1:{port}/{self.database}"

    def away(self) -> None:
        """The server goes away: every connection is cut, and nobody is let in until `refuses` is false again."""
        self.refuses = True
        for writer in list(self._open):
            writer.transport.abort()

    def interject(self, data: bytes) -> None:
        """Everybody who is connected hears this as if the server had said it."""
        for writer in self._clients:
            writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.transport.abort()
            return
        socket = database().partition("host=")[2]
        there, back = await asyncio.open_unix_connection(f"{socket}/.s.PGSQL.5432")
        self._open |= {writer, back}
        self._clients.add(writer)
        state = {"mute": False, "writes": False}
        up = asyncio.ensure_future(self._up(reader, back, writer, state))
        down = asyncio.ensure_future(self._down(there, writer, state))
        for task in (up, down):
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _up(
        self,
        reader: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
        state: dict[str, bool],
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 20):
                fate = self._fate(data) if state["writes"] else ""
                state["writes"] |= b"cuga writer" in data  # the last of its settings: what follows are its appends
                if fate == BEFORE:
                    writer.transport.abort()
                    break
                if fate == AFTER:
                    state["mute"] = True
                back.write(data)
                await back.drain()
        back.close()

    def _fate(self, data: bytes) -> str:
        if data[:1] not in (b"P", b"B"):  # Parse or Bind: a statement begins
            return ""
        if self.next:
            fate = self.next.pop(0)
        else:
            fate = self.chance.choice((BEFORE, AFTER)) if self.chance.random() < self.share else ""
        self.cuts += bool(fate)
        return fate

    async def _down(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, state: dict[str, bool]) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await there.read(1 << 20):
                while self.stalls:
                    await asyncio.sleep(0.01)
                if state["mute"]:
                    writer.transport.abort()
                    break
                writer.write(data)
                await writer.drain()
        writer.close()
