"""What a house has from outside: lines to its MCP servers, its OpenAPI documents, and the tools that both bring.

Opening a house connects to nobody: the tools of a server are those that a person accepted, as the journal keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cuga.errors import CugaError, JournalCorrupt, RegistryInvalid, ToolInvalid
from cuga.journal.port import Journal
from cuga.kernel.house_state import HouseState
from cuga.model.context import SYSTEM
from cuga.model.house_event import ToolsQuarantined
from cuga.model.value import digest, encode
from cuga.policy.outside import McpServer, OpenApiDocument
from cuga.policy.registry import Registry
from cuga.redact import Redactor
from cuga.settings import Settings
from cuga.tools.mcp import Definition, Line, Reported, contract_for, tool_for
from cuga.tools.mcp.line import Report
from cuga.tools.openapi import Api, Document, OperationTool, read_document
from cuga.tools.registry import ToolRegistry

if TYPE_CHECKING:
    from cuga.orchestrator.house.assembly import Assembly

Definitions = dict[str, Definition]
NEEDS_EXTRA = "MCP needs the extra: pip install 'cugar[mcp]'"


class Outside:
    """The servers and documents of one open house, as its registry has them now."""

    def __init__(self, settings: Settings, redactor: Redactor, root: Path | None, report: Report) -> None:
        self._settings = settings
        self._redactor = redactor
        self._root = root
        self._report = report
        self._lines: dict[str, Line] = {}
        self._apis: dict[str, Api] = {}
        self._left: list[Line] = []
        self.documents: dict[str, Document] = {}
        self.accepted: dict[str, Definitions] = {}
        self.places: dict[str, str] = {}  # `capability/name` -> a digest of where each is asked, and as whom
        self._digests: dict[str, dict[str, str]] = {}  # of the accepted definitions, with where they came from
        self.unfit: dict[str, str] = {}  # tools that a person accepted and that cannot be called -> why
        self._known = ""

    async def learn(self, journal: Journal, state: HouseState) -> bool:
        """Take over what people have accepted; True when that is news."""
        mark = repr({name: event.snapshot for name, event in sorted(state.accepted.items())})
        if mark == self._known:
            return False
        found = {}
        for name, event in state.accepted.items():
            found[name] = read_definitions(await journal.blob(event.snapshot))
        self.accepted, self._known = found, mark
        self._digests = {name: event.tools for name, event in state.accepted.items()}
        return True

    def add(self, registry: Registry, kept: ToolRegistry) -> None:
        """Bring the tools of a registry's servers and documents. `RegistryInvalid` for a document that is not there."""
        self._redactor.learn(*self._secrets(registry))
        self._renew_lines(registry.mcp)
        self.places = self._places(registry)
        self.unfit = {}
        for server in registry.mcp.values():
            for definition in self.accepted.get(server.name, {}).values():
                if not server.only or definition.name in server.only:
                    self._add_server_tool(definition, server, kept)
        self.documents, self._apis = {}, {}
        for said in registry.openapi.values():
            document = self.documents[said.name] = self._document(said, registry.source)
            self._apis[said.name] = Api(
                said,
                document,
                self._settings.variables,
                inside=self._settings.inside,
                proxy=self._settings.proxy,
            )
            for name, operation in document.operations.items():
                contract = document.contracts[name]
                is_keyed = contract.repeatable.value == "key"
                kept.register(OperationTool(operation, said.capability, is_keyed), contract)

    def line(self, server: str) -> Line | None:
        """The line to a server."""
        return self._lines.get(server)

    def adapters(self) -> dict[str, Mapping[str, object]]:
        """What stands behind the capabilities of outside tools."""
        lines = {line.server.capability: {name: line} for name, line in self._lines.items()}
        return {**lines, **{f"openapi:{name}": {name: api} for name, api in self._apis.items()}}

    def installed(self) -> dict[str, tuple[str, ...]]:
        """Those of them that this machine can use."""
        names = {capability: tuple(named) for capability, named in self.adapters().items()}
        if not self._lines or has_client():
            return names
        return {capability: named for capability, named in names.items() if not capability.startswith("mcp:")}

    async def close(self) -> None:
        """End all lines."""
        for line in (*self._left, *self._lines.values()):
            await line.close()

    def _add_server_tool(self, definition: Definition, server: McpServer, kept: ToolRegistry) -> None:
        if self._digests[server.name].get(definition.name) != definition.digest(server.origin):
            why = f"it was accepted of another place; `cuga tools accept {server.name}` accepts it of this one"
            self.unfit[f"{server.name}/{definition.name}"] = why
            return
        try:
            kept.register(tool_for(definition, server), contract_for(definition, server))
        except ToolInvalid as error:
            self.unfit[f"{server.name}/{definition.name}"] = error.detail

    def _renew_lines(self, servers: Mapping[str, McpServer]) -> None:
        for name, line in list(self._lines.items()):
            if servers.get(name) != line.server:
                self._left.append(self._lines.pop(name))  # calls that go on keep it; it ends with the house
        for name, server in servers.items():
            if name not in self._lines:
                self._lines[name] = Line(
                    server,
                    self._settings.variables,
                    self._report,
                    inside=self._settings.inside,
                    proxy=self._settings.proxy,
                    directory=str(self._root) if self._root is not None else None,
                    learn=self._redactor.learn,
                )

    def _document(self, said: OpenApiDocument, source: str) -> Document:
        path = (self._root or Path()) / said.document
        try:
            return read_document(path.read_bytes(), said)
        except OSError as error:
            raise RegistryInvalid(f"openapi.{said.name} in {source}: {path}: {error.strerror or error}") from error
        except CugaError as error:
            mend = error.next_step or None
            raise RegistryInvalid(f"openapi.{said.name} in {source}: {error.detail}", mend=mend) from error

    def _places(self, registry: Registry) -> dict[str, str]:
        """Approvals bind it: a name cannot come to mean another account after people agreed. The contract of a
        document's tool binds the address itself."""
        told = self._settings.variables
        found = {f"{one.capability}/{one.name}": digest(_as_whom(one, told)) for one in registry.openapi.values()}
        return found | {f"{one.capability}/{one.name}": digest(_as_whom(one, told)) for one in registry.mcp.values()}

    def _secrets(self, registry: Registry) -> list[str]:
        names = [name for said in registry.openapi.values() for name in said.secrets.values()]
        names += [
            name
            for server in registry.mcp.values()
            for name in (server.token, *server.env, server.oauth.secret if server.oauth else "")
        ]
        return [value for name in names if name and (value := self._settings.variables.get(name))]


def _as_whom(said: McpServer | OpenApiDocument, told: Mapping[str, str]) -> list[object]:
    """Where a source of tools is asked, and what it is shown for that."""
    if isinstance(said, OpenApiDocument):
        return [said.url, {scheme: told.get(name, "") for scheme, name in said.secrets.items()}]
    names = [said.token, *((said.oauth.client, said.oauth.secret) if said.oauth else ())]
    issuer = said.oauth.issuer if said.oauth else ""
    return [
        said.origin,
        issuer,
        [told.get(name, "") for name in names],
        {name: told.get(name, "") for name in said.env},
    ]


@cache
def has_client() -> bool:
    """Whether the MCP client is installed."""
    return find_spec("mcp") is not None


def written_definitions(found: Definitions) -> bytes:
    """Definitions as the journal keeps them."""
    return encode([found[name] for name in sorted(found)])


def read_definitions(body: bytes) -> Definitions:
    """The same, read back."""
    try:
        return {one.name: one for one in msgspec.json.decode(body, type=list[Definition])}
    except msgspec.DecodeError as error:
        raise JournalCorrupt(f"what was accepted of a server cannot be read: {error}") from error


async def keep_report(assembly: Assembly, reported: Reported) -> None:
    """Write down that a server is not what was accepted, once; from then on nothing of it is called."""
    state = assembly.state
    if reported.server not in state.accepted:
        return
    if all(f"{reported.server}/{tool}" in state.quarantined for tool in reported.tools or ("",)):
        return
    snapshot = ""
    if reported.found:
        snapshot = await assembly.journal.keep_snapshot(written_definitions(reported.found))
    event = ToolsQuarantined(
        at=assembly.clock.now(),
        source=reported.server,
        tools=reported.tools,
        reason=reported.reason[:300],
        snapshot=snapshot,
    )
    await assembly.change(event, SYSTEM)
