"""Servers at the front door: what they are, what has changed about them, and a person's word that it may be used."""

from __future__ import annotations

from datetime import UTC, datetime

from cuga.errors import BadInput, CugaError, DigestMismatch, ToolInvalid
from cuga.model.context import Principal
from cuga.model.house_event import ToolsAccepted
from cuga.model.tool import SideEffect
from cuga.model.value import Value, digest
from cuga.orchestrator.changing.server_lines import ServerLine, quarantined, server_lines
from cuga.orchestrator.changing.switching import Switching
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.outside import NEEDS_EXTRA, Definitions, has_client, written_definitions
from cuga.policy.outside import McpServer
from cuga.tools.mcp import Difference, Line, contract_for, differences, judged

_THEN = datetime.min.replace(tzinfo=UTC)  # `change` sets the time


class FoundTool(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A tool as its server has it now, and how it would be taken."""

    tool: str
    side_effect: SideEffect
    because: str
    destroys: bool
    purpose: str
    problem: str  # why it cannot be called; empty: it can


class Tested(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What a server answered when it was asked. With a `problem` it did not."""

    name: str
    title: str
    version: str
    protocol: str
    tools: tuple[FoundTool, ...]
    problem: str


class Drift(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What is different between a server now and what was accepted of it. `digest` names what was found."""

    name: str
    digest: str
    differences: tuple[Difference, ...]
    quarantined: dict[str, str]
    accepted_by: str
    accepted_at: datetime | None
    problem: str  # why it could not be looked at


class Servers(Switching):
    """MCP servers and OpenAPI documents of a house."""

    async def servers(self) -> list[ServerLine]:
        """Every server and document that the registry declares."""
        assembly = await self.open()
        assembly.look_at_registry()
        return server_lines(assembly)

    async def test_server(self, name: str) -> Tested:
        """Connect to a server and say what it offers and how that would be taken; nothing of it is called."""
        assembly = await self.open()
        server = self._server(assembly, name)
        try:
            line = _line(assembly, name)
            found = await line.look()
            said = await line.describe()
        except CugaError as error:
            return Tested(name=name, title="", version="", protocol="", tools=(), problem=_words(error))
        return Tested(
            name=name,
            title=said["name"],
            version=said["version"],
            protocol=said["protocol"],
            tools=tuple(_found_tool(found, tool, server) for tool in sorted(found)),
            problem="",
        )

    async def drift(self, name: str = "") -> list[Drift]:
        """Look at the servers, or at one, and compare them with what was accepted."""
        assembly = await self.open()
        assembly.look_at_registry()
        named = [name] if name else list(assembly.registry.mcp)
        return [(await self._compared(assembly, self._server(assembly, one)))[0] for one in named]

    async def accept_tools(self, name: str, digest: str = "", reason: str = "", by: Principal | None = None) -> Drift:
        """Accept what a server's tools are now. `DigestMismatch` when that is not what `digest`, of `drift`, showed."""
        assembly = await self.open()
        server = self._server(assembly, name)
        drift, found = await self._compared(assembly, server)
        if drift.problem:
            raise BadInput(f"{name} cannot be looked at: {drift.problem}", mend=f"`cuga mcp test {name}` says more.")
        if digest and digest != drift.digest:
            mend = f"Look again: cuga tools drift {name}"
            raise DigestMismatch(f"the tools of {name} have changed since they were shown", mend=mend)
        kept = {tool: one for tool, one in found.items() if not server.only or tool in server.only}
        snapshot = await assembly.journal.keep_snapshot(written_definitions(kept))
        tools = {tool: one.digest(server.origin) for tool, one in kept.items()}
        await self.change(ToolsAccepted(at=_THEN, source=name, snapshot=snapshot, tools=tools, reason=reason), by)
        return drift

    def _server(self, assembly: Assembly, name: str) -> McpServer:
        assembly.look_at_registry()
        if (found := assembly.registry.mcp.get(name)) is not None:
            return found
        if name in assembly.registry.openapi:
            raise BadInput(f"{name} is an OpenAPI document, which is accepted by declaring it")
        known = ", ".join(assembly.registry.mcp) or "none"
        raise BadInput(
            f"the registry declares no MCP server {name!r}; it declares {known}", mend="`cuga mcp add` adds one."
        )

    async def _compared(self, assembly: Assembly, server: McpServer) -> tuple[Drift, Definitions]:
        event = assembly.state.accepted.get(server.name)
        found: Definitions = {}
        problem = ""
        try:
            found = await _line(assembly, server.name).look()
        except CugaError as error:
            problem = _words(error)
        used = {tool: one for tool, one in found.items() if not server.only or tool in server.only}
        accepted = assembly.outside.accepted.get(server.name, {})
        has_moved = event is not None and any(
            event.tools.get(tool) != one.digest(server.origin) for tool, one in accepted.items()
        )
        drift = Drift(
            name=server.name,
            digest="" if problem else digest({"origin": server.origin, "tools": used}),
            differences=() if problem else differences(accepted, used, has_moved=has_moved),
            quarantined=quarantined(assembly, server.name),
            accepted_by=event.by if event else "",
            accepted_at=event.at if event else None,
            problem=problem,
        )
        return drift, found


def _line(assembly: Assembly, name: str) -> Line:
    if not has_client():
        raise BadInput(NEEDS_EXTRA)
    line = assembly.outside.line(name)
    assert line is not None
    return line


def _found_tool(found: Definitions, tool: str, server: McpServer) -> FoundTool:
    how = judged(found[tool], server)
    purpose, problem = "", ""
    try:
        purpose = contract_for(found[tool], server).purpose
    except ToolInvalid as error:
        problem = error.detail
    return FoundTool(
        tool=tool,
        side_effect=how.side_effect,
        because=how.because,
        destroys=how.destroys,
        purpose=purpose,
        problem=problem,
    )


def _words(error: CugaError) -> str:
    return "; ".join(part for part in (error.detail or error.message, error.next_step) if part)
