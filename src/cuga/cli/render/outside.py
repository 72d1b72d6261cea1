"""Servers and documents, what a server offers, and what has changed about it since a person looked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from cuga.cli.render.outputs import plain_table
from cuga.cli.screen import one_line, text

if TYPE_CHECKING:
    from cuga.orchestrator.changing.server_lines import ServerLine
    from cuga.orchestrator.changing.servers import Drift, Tested

_CLASS = {"read-only": "green", "propose": "yellow", "execute": "red"}
_SIGN = {"+": "green", "-": "red"}


def servers(lines: Sequence[ServerLine]) -> RenderableType:
    """What the registry declares, one line each, with what is to be done about it."""
    if not lines:
        return text("The registry declares no server and no document. `cuga mcp add NAME -- COMMAND` adds a server.")
    table = plain_table("name", "kind", ">tools", "profiles", "where", "")
    for line in lines:
        state, style = _state(line)
        table.add_row(
            text(line.name),
            text(line.kind),
            str(line.tools),
            text(", ".join(line.profiles) or "none"),
            text(one_line(line.where, 60)),
            text(state, style),
        )
    left = [text(f"  {name}: {why}", "dim") for line in lines for name, why in line.unfit.items()]
    return Group(table, *([text("Not usable:"), *left] if left else []))


def _state(line: ServerLine) -> tuple[str, str]:
    if line.problem:
        return line.problem, "red"
    if line.quarantined:
        return f"quarantined: {next(iter(line.quarantined.values()))}; cuga tools drift {line.name}", "red"
    if line.kind == "mcp" and line.accepted_at is None:
        return f"nobody has accepted its tools: cuga tools accept {line.name}", "yellow"
    if not line.profiles:
        return f"no profile allows it: name {line.name} in its adapters", "yellow"
    return ("trusted" if line.trusted and line.kind == "mcp" else "ready"), "green"


def tested(found: Tested) -> RenderableType:
    """What a server offers and how that would be taken."""
    if found.problem:
        return text(f"{found.name} does not answer: {found.problem}", "red")
    head = text(f"{found.name}: {one_line(f'{found.title} {found.version}', 80)}, protocol {found.protocol}", "bold")
    table = plain_table("tool", "class", "because", "what it says it does")
    for tool in found.tools:
        said = tool.side_effect.value + (", destroys" if tool.destroys else "")
        about = tool.problem or tool.purpose
        table.add_row(
            text(one_line(tool.tool, 60)),
            text(said, _CLASS[tool.side_effect.value]),
            text(tool.because),
            text(one_line(about, 80), "red" if tool.problem else ""),
        )
    return Group(head, table)


def drifts(found: Sequence[Drift]) -> RenderableType:
    """Every server with its differences, line by line."""
    if not found:
        return text("The registry declares no MCP server.")
    return Group(*(part for one in found for part in _drift(one)))


def _drift(one: Drift) -> Iterator[RenderableType]:
    since = (
        f"accepted by {one.accepted_by}, {one.accepted_at:%Y-%m-%d %H:%M} UTC" if one.accepted_at else "not accepted"
    )
    yield text(f"{one.name} ({since})", "bold")
    for tool, why in one.quarantined.items():
        yield text(f"  quarantined: {tool or 'all of it'}: {one_line(why, 200)}", "red")
    if one.problem:
        yield text(f"  cannot be looked at: {one_line(one.problem, 300)}", "red")
        return
    if not one.differences:
        yield text("  as it was accepted")
    for difference in one.differences:
        yield text(f"  {one_line(difference.tool, 80)}: {difference.kind}", "yellow")
        yield from (text(f"    {line}", _SIGN.get(line[:1], "dim")) for line in difference.lines)
    if one.differences or one.quarantined:
        yield text(f"cuga tools accept {one.name} --digest {one.digest}", "cyan")
