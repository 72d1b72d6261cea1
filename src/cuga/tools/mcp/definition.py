"""What a server says one of its tools is, and the class that follows from it.

Hints are claims of the server: they may raise a class, and lower it only where an operator trusts the server. What says
nothing counts as the specification has it: it changes things, destroys, differs when repeated, reaches anywhere.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cuga.errors import ToolInvalid
from cuga.model.tool import Repeatable, SideEffect
from cuga.model.value import Value, digest, encode
from cuga.policy.outside import McpServer, Said

MOST_TOOLS = 500  # of one server
MAX_DEFINITION = 64 * 1024  # bytes of one tool's definition
_FIELDS = ("name", "title", "description", "inputSchema", "outputSchema", "annotations", "execution")
_HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")


class Definition(Value, frozen=True, kw_only=True):
    """A tool as its server describes it. `text` is the JSON of all that counts, in one order."""

    name: str
    text: msgspec.Raw

    @property
    def fields(self) -> dict[str, Any]:
        """What it says, by the protocol's names."""
        return msgspec.json.decode(self.text)  # type: ignore[no-any-return]

    def digest(self, origin: str) -> str:
        """What is pinned: everything the tool says, and where it comes from."""
        return digest({"origin": origin, "definition": self.text})


def definition_of(said: dict[str, Any]) -> Definition:
    """The definition in an entry of a tool list. `ToolInvalid` for one that cannot be used as it is."""
    name = said.get("name")
    if not isinstance(name, str) or not name:
        raise ToolInvalid("a tool has no name")
    try:
        text = encode({key: said[key] for key in _FIELDS if said.get(key) is not None})
        text.decode("utf-8")
    except (TypeError, ValueError, UnicodeError, RecursionError) as error:
        raise ToolInvalid(f"the definition of {name[:60]!r} cannot be written down: {error}") from error
    if len(text) > MAX_DEFINITION:
        raise ToolInvalid(
            f"the definition of {name[:60]!r} has {len(text):,} bytes; at most {MAX_DEFINITION:,} are read"
        )
    return Definition(name=name, text=msgspec.Raw(text))


def definitions_of(listed: list[dict[str, Any]]) -> dict[str, Definition]:
    """All definitions of a tool list by name. `ToolInvalid` for a list that cannot be trusted as a whole."""
    if len(listed) > MOST_TOOLS:
        raise ToolInvalid(f"it offers {len(listed):,} tools; at most {MOST_TOOLS} are taken")
    found: dict[str, Definition] = {}
    for said in listed:
        one = definition_of(said)
        if one.name in found:
            raise ToolInvalid(f"it offers two tools named {one.name[:60]!r}")
        found[one.name] = one
    return found


class Judged(Value, frozen=True, kw_only=True):
    """How a tool is taken. `destroys` and `reaches_out` are what the approver and the door look at."""

    side_effect: SideEffect
    repeatable: Repeatable
    destroys: bool
    reaches_out: bool
    because: str


def judged(definition: Definition, server: McpServer) -> Judged:
    """The class of a tool, from what its server hints and what the operator says of it."""
    annotations = definition.fields.get("annotations") or {}
    hints = {hint: annotations[hint] for hint in _HINTS if isinstance(annotations.get(hint), bool)}
    said = server.tools.get(definition.name, Said())
    side_effect, because = _class_of(hints, server, said)
    is_idempotent = hints.get("idempotentHint") if said.idempotent is None and server.trust else said.idempotent
    if hints.get("idempotentHint") is False:
        is_idempotent = False
    is_read = side_effect is SideEffect.READ_ONLY
    return Judged(
        side_effect=side_effect,
        repeatable=Repeatable.KEY if is_idempotent and not is_read else Repeatable.NONE,
        destroys=side_effect is SideEffect.EXECUTE and hints.get("destructiveHint", True),
        reaches_out=hints.get("openWorldHint", True),
        because=because,
    )


def _class_of(hints: dict[str, bool], server: McpServer, said: Said) -> tuple[SideEffect, str]:
    reads = hints.get("readOnlyHint")
    destroys = hints.get("destructiveHint") is True and reads is not True
    match said.side_effect:
        case None if reads is True and server.trust:
            return SideEffect.READ_ONLY, "the server says it only reads, and is trusted"
        case None if reads is True:
            return SideEffect.EXECUTE, "the server says it only reads, and is not trusted"
        case None:
            return SideEffect.EXECUTE, "nobody says that it only reads"
        case SideEffect.READ_ONLY if reads is False or destroys:
            return SideEffect.EXECUTE, "the registry says read-only, and the server itself that it changes something"
        case SideEffect.PROPOSE if destroys:
            return SideEffect.EXECUTE, "the registry says propose, and the server itself that it destroys"
        case _:
            return said.side_effect, "as the registry says"
