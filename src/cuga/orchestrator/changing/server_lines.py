"""How the servers and documents of a registry stand: what they bring, who accepted it, what keeps them from use."""

from __future__ import annotations

from datetime import datetime

from cuga.model.value import Value
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.outside import NEEDS_EXTRA, has_client
from cuga.policy.outside import McpServer, OpenApiDocument


class ServerLine(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A server or document that the registry declares, and how it stands."""

    name: str
    kind: str  # mcp, openapi
    where: str  # command or address
    trusted: bool
    tools: int  # that can be called
    accepted_by: str
    accepted_at: datetime | None
    quarantined: dict[str, str]  # its tools, or "" for all of them -> why
    unfit: dict[str, str]  # tools that cannot be called -> why
    profiles: tuple[str, ...]  # that allow it
    problem: str  # why it cannot be used on this machine; empty: it can


def server_lines(assembly: Assembly) -> list[ServerLine]:
    """Every server and document that the registry declares."""
    registry = assembly.registry
    servers = [_server_line(assembly, one) for one in registry.mcp.values()]
    return servers + [_document_line(assembly, one) for one in registry.openapi.values()]


def quarantined(assembly: Assembly, name: str) -> dict[str, str]:
    """Its tools that are not what was accepted, or "" for all of them, and why."""
    whole = f"{name}/"
    found = assembly.state.quarantined
    return {tool.removeprefix(whole): why for tool, why in found.items() if tool.startswith(whole)}


def _server_line(assembly: Assembly, server: McpServer) -> ServerLine:
    event = assembly.state.accepted.get(server.name)
    unfit = assembly.outside.unfit
    return ServerLine(
        name=server.name,
        kind="mcp",
        where=server.url or " ".join(server.command),
        trusted=server.trust,
        tools=_count(assembly, server.name),
        accepted_by=event.by if event else "",
        accepted_at=event.at if event else None,
        quarantined=quarantined(assembly, server.name),
        unfit={name: why for name, why in unfit.items() if name.startswith(f"{server.name}/")},
        profiles=_allowed_by(assembly, server.capability, server.name),
        problem="" if has_client() else NEEDS_EXTRA,
    )


def _document_line(assembly: Assembly, said: OpenApiDocument) -> ServerLine:
    document = assembly.outside.documents.get(said.name)
    return ServerLine(
        name=said.name,
        kind="openapi",
        where=f"{said.document} at {document.base}" if document else said.document,
        trusted=True,
        tools=_count(assembly, said.name),
        accepted_by="",
        accepted_at=None,
        quarantined={},
        unfit=dict(document.left_out) if document else {},
        profiles=_allowed_by(assembly, said.capability, said.name),
        problem="",
    )


def _count(assembly: Assembly, name: str) -> int:
    return len([tool for tool in assembly.tools.contracts() if tool.startswith(f"{name}/")])


def _allowed_by(assembly: Assembly, capability: str, name: str) -> tuple[str, ...]:
    profiles = assembly.registry.profiles.values()
    return tuple(profile.name for profile in profiles if name in profile.adapters_for(capability))
