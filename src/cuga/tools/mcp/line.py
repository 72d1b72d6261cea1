"""The line to one server: connected when it is first needed, looked at before every call, given up when it breaks.

Before each call the server is asked again what its tools are. A tool that is not what was accepted is not called, and
whoever keeps the record is told. Nothing a server asks of us is answered: no sampling, no elicitation, no roots.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from cuga.errors import CugaError, NotDone, ToolInvalid, Unanswered, Unreachable
from cuga.model.value import Value
from cuga.outbound import Egress, streaming_client
from cuga.policy.outside import McpServer
from cuga.tools.mcp.answer import value_of
from cuga.tools.mcp.definition import Definition, definitions_of
from cuga.tools.mcp.room import in_place, own_room
from cuga.tools.mcp.session import Session, load_sdk, words
from cuga.tools.mcp.stdio import EVERYBODYS, MAX_LINE, spoken_to

CONNECT_S = 15.0  # to start or reach a server and agree on a protocol
LOOK_S = 5.0  # to list its tools
RESTS_S = 1.0  # after a failed attempt to connect, before the next
_CLOSED = -32000  # the SDK's code for a connection that has ended
_REFUSED = frozenset({-32601, -32602})  # JSON-RPC: no such method, no such parameters


class Reported(Value, frozen=True, kw_only=True):
    """Something of a server that a person has to look at. `tools` empty: all of it."""

    server: str
    tools: tuple[str, ...] = ()
    reason: str
    found: dict[str, Definition] | None = None


Report = Callable[[Reported], Awaitable[None]]


class Line:
    """One server. The adapter behind the capability of its tools; serves any number of calls at once."""

    def __init__(
        self,
        server: McpServer,
        variables: Mapping[str, str],
        report: Report,
        *,
        inside: tuple[str, ...] = (),
        proxy: str = "",
        directory: str | None = None,
        learn: Callable[[str], None] = lambda _secret: None,
        connect_s: float = CONNECT_S,
    ) -> None:
        self.server = server
        self._variables = variables
        self._report = report
        self._inside = inside
        self._proxy = proxy
        self._directory = directory  # of the house: where words of a command that name files are looked for
        self._learn = learn  # told of secrets that come in, so that they are shown to nobody
        self._connect_s = connect_s
        self._turn = asyncio.Lock()
        self._session: Session | None = None
        self._not_before = 0.0
        self._leaving: set[asyncio.Task[None]] = set()

    async def look(self) -> dict[str, Definition]:
        """What the server's tools are now. `Unreachable`, or `ToolInvalid` for a list that cannot be trusted."""
        return (await self._look())[1]

    async def _look(self) -> tuple[Session, dict[str, Definition]]:
        """The same, with the connection that said so: what it says holds for no other."""
        session = await self._connected()
        try:
            async with asyncio.timeout(LOOK_S):
                return session, definitions_of(await session.listed())
        except ToolInvalid as error:
            await self._report(Reported(server=self.server.name, reason=error.detail))
            raise
        except Exception as error:
            await self._part(session, error)
            raise self._unreached(session, error) from error

    async def describe(self) -> dict[str, str]:
        """Name, version and protocol of the server, as it says."""
        return (await self._connected()).described()

    async def call(self, tool: str, arguments: dict[str, Any], *, accepted: str, about: Mapping[str, str]) -> Any:
        """Call a tool that is still what was accepted, by its digest. `NotDone`: it was not called."""
        session, found = await self._looked()
        now = found.get(tool)
        if now is None or now.digest(self.server.origin) != accepted:
            reason = f"{tool} is gone" if now is None else f"{tool} is not described as it was"
            await self._report(Reported(server=self.server.name, tools=(tool,), reason=reason, found=found))
            mend = "`cuga tools drift` shows what is different; a person accepts it or does without."
            raise NotDone(f"{self.server.name}: {reason}", mode="agent_contract", mend=mend)
        return value_of(await self._asked(session, tool, arguments, about), self.server.name, now)

    async def close(self) -> None:
        """End it."""
        session, self._session = self._session, None
        if session is not None:
            self._leave(session)
        if self._leaving:
            await asyncio.wait(set(self._leaving), timeout=6.0)

    async def _looked(self) -> tuple[Session, dict[str, Definition]]:
        """As `_look`; a line that broke since the last call is taken up once more."""
        was = self._session
        try:
            try:
                return await self._look()
            except Unreachable:
                if was is None or self._session is was:
                    raise
                self._not_before = 0.0
                return await self._look()
        except ToolInvalid as error:
            said = f"{self.server.name}: its tools cannot be trusted: {error.detail}"
            raise NotDone(said, mode="agent_contract", mend="`cuga tools drift` says more.") from error

    async def _asked(self, session: Session, tool: str, arguments: dict[str, Any], about: Mapping[str, str]) -> Any:
        from mcp import MCPError

        name = f"{self.server.name}/{tool}"
        try:
            return await session.call(tool, arguments, about)
        except MCPError as error:
            said = f"{name}: {str(error.message)[:300]}"
            if error.code in _REFUSED and self.server.trust:
                raise NotDone(said, mode="agent_validation") from error
            if error.code == _CLOSED:
                await self._part(session, error)
                raise Unanswered(f"{name}: it ended before it answered", mode="system_network") from error
            raise Unanswered(said, mode="agent_logic") from error
        except asyncio.CancelledError:
            raise
        except Exception as error:
            await self._part(session, error)
            raise Unanswered(f"{name}: {words(error)}", mode="agent_contract") from error

    async def _connected(self) -> Session:
        async with self._turn:
            if self._session is not None and self._session.is_up:
                return self._session
            if self._session is not None:
                self._leave(self._session)
                self._session = None
            loop = asyncio.get_running_loop()
            if loop.time() < self._not_before:
                raise Unreachable(f"{self.server.name} could not be reached a moment ago", mode="system_network")
            way = self._way()
            await asyncio.to_thread(load_sdk)  # about a second the first time, in which others go on
            session = Session(way, self._on_fault)
            try:
                async with asyncio.timeout(self._connect_s):
                    await session.up
            except BaseException as error:
                self._not_before = loop.time() + RESTS_S
                self._leave(session)
                if isinstance(error, asyncio.CancelledError):
                    raise
                raise self._unreached(session, error) from error
            self._session = session
            return session

    def _unreached(self, session: Session, error: BaseException) -> CugaError:
        if isinstance(error, CugaError):
            return error
        late = isinstance(error, TimeoutError)
        said = "no answer in time" if late else session.fault or words(error)
        mode = "system_timeout" if late else "system_network"
        return Unreachable(f"{self.server.name}: {said}", mode=mode, mend="`cuga mcp test` says what it does.")

    def _way(self) -> AbstractAsyncContextManager[Any]:
        """How it is spoken to. `Unreachable` when a variable that it needs is not set."""
        server = self.server
        oauth = (server.oauth.client, server.oauth.secret) if server.oauth is not None else ()
        named = (*server.env, *((server.token,) if server.token else ()), *oauth)
        if missing := [name for name in named if not self._variables.get(name)]:
            said = f"{server.name} needs {', '.join(missing)}"
            raise Unreachable(said, mode="user_permission", mend=f"Set {missing[0]} in the environment or in .env.")
        if server.command:
            return self._in_a_process()
        return self._over_http(self._variables.get(server.token, ""))

    @contextlib.asynccontextmanager
    async def _in_a_process(self) -> Any:
        server = self.server
        with own_room(self._directory, server.name) as room:
            given = {name: value for name in EVERYBODYS if (value := self._variables.get(name))}
            given |= {"HOME": room, "TMPDIR": room}
            given |= {name: self._variables[name] for name in server.env}
            command = in_place(server.command, self._directory)
            async with spoken_to(command, given, self._on_fault, room, server.memory_mb) as streams:
                yield streams

    @contextlib.asynccontextmanager
    async def _over_http(self, token: str) -> Any:
        from urllib.parse import urlsplit

        from mcp.client.streamable_http import streamable_http_client

        url = urlsplit(self.server.url)
        hosts, auth = [url.hostname or ""], None
        if self.server.oauth is not None:
            from cuga.tools.mcp.authorized import authorization

            hosts.append(urlsplit(self.server.oauth.issuer).hostname or "")
            auth = authorization(self.server, self._variables, self._learn)
        egress = Egress(hosts=tuple(hosts), inside=self._inside, plain=url.scheme == "http")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with (
            streaming_client(egress, headers=headers, proxy=self._proxy, max_bytes=2 * MAX_LINE, auth=auth) as client,
            streamable_http_client(self.server.url, http_client=client) as streams,
        ):
            yield streams

    def _on_fault(self, what: str) -> None:
        """It cannot be understood: for good, until a person has looked."""
        if self._session is not None:
            self._session.fault = self._session.fault or what
        task = asyncio.ensure_future(self._report(Reported(server=self.server.name, reason=what)))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _part(self, session: Session, error: BaseException) -> None:
        """Have done with a line that broke; the next call takes up a new one."""
        if self._session is session and not (isinstance(error, TimeoutError) and session.is_up):
            self._session = None
            self._leave(session)

    def _leave(self, session: Session) -> None:
        task = asyncio.ensure_future(session.end())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
