"""A server's tool as one of the house's: its contract, and the function that calls it through its line."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cuga.errors import NotDone, ToolInvalid
from cuga.model.tool import KEY_WINDOW_S, Repeatable, SideEffect, Slot, ToolContract
from cuga.model.value import encode
from cuga.policy.outside import McpServer, Said
from cuga.tools.declare import ToolContext
from cuga.tools.mcp.definition import Definition, judged
from cuga.tools.mcp.egress import personal_in
from cuga.tools.mcp.line import Line
from cuga.tools.schemas import compiled

MAX_PURPOSE = 400  # characters of a description that are shown and searched; the digest is over all of it
_WORDS = re.compile(r"\s+")
_MARK = "mcp:"  # before the digest of the definition, in the contract's version


def contract_for(definition: Definition, server: McpServer) -> ToolContract:
    """The contract of a tool as it is described. `ToolInvalid` for one that cannot be called under rules."""
    fields = definition.fields
    schema = fields.get("inputSchema")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise ToolInvalid(f"{definition.name}: the schema of its arguments is not one of an object")
    compiled(schema)
    how, said = judged(definition, server), server.tools.get(definition.name, Said())
    guardrails = [f"class {how.side_effect.value}: {how.because}"]
    if how.reaches_out and how.side_effect is SideEffect.READ_ONLY:
        guardrails.append("it may tell others what it is asked: personal data is kept from it")
    return ToolContract(
        name=f"{server.name}/{definition.name}",
        domain=server.domain,
        side_effect=how.side_effect,
        purpose=_purpose(fields),
        cost=server.cost if said.cost is None else said.cost,
        version=_MARK + definition.digest(server.origin),
        module=server.capability,
        input_schema=msgspec.Raw(encode(schema)),
        output_schema=msgspec.Raw(encode(fields["outputSchema"])) if "outputSchema" in fields else msgspec.Raw(b"{}"),
        slots=tuple(_slots(schema)),
        repeatable=how.repeatable,
        key_window_s=KEY_WINDOW_S if how.repeatable is Repeatable.KEY else 0,
        uses=(server.capability,),
        timeout_s=server.timeout_s if said.timeout_s is None else said.timeout_s,
        guardrails=tuple(guardrails),
        destroys=how.destroys,
    )


def tool_for(definition: Definition, server: McpServer) -> ServerTool:
    """The function behind the contract."""
    how = judged(definition, server)
    is_egress = how.side_effect is SideEffect.READ_ONLY and how.reaches_out
    return ServerTool(definition.name, server.capability, definition.digest(server.origin), is_egress)


class ServerTool:
    """Calls one tool of a server, as it was accepted."""

    def __init__(self, name: str, capability: str, accepted: str, is_egress: bool) -> None:
        self._name = name
        self._capability = capability
        self._accepted = accepted
        self._is_egress = is_egress

    async def __call__(self, inputs: dict[str, Any], context: ToolContext) -> Any:
        """Make the call. What a tool that only reads is told is looked through before: nobody is asked about it."""
        line: Line = context.capability(self._capability)
        if self._is_egress and (found := personal_in(inputs)):
            mend = "Leave it out, or give the tool a class that asks a person: `side_effect: execute` in the registry."
            raise NotDone(
                f"{self._name} reaches outside, and its arguments hold {found}", mode="policy_security", mend=mend
            )
        about = {"cuga/key": context.key, "cuga/run": context.run_id, "cuga/step": context.step_id}
        return await line.call(self._name, inputs, accepted=self._accepted, about=about)


def _purpose(fields: dict[str, Any]) -> str:
    """What it says it is for, as one line without what is not printed as itself. It is data, shown as the server's."""
    said = str(fields.get("description") or fields.get("title") or "")
    plain = "".join(letter if letter.isprintable() else " " for letter in said)
    return _WORDS.sub(" ", plain).strip()[:MAX_PURPOSE] or "says nothing of itself"


def _slots(schema: dict[str, Any]) -> list[Slot]:
    properties, required = schema.get("properties") or {}, schema.get("required") or []
    slots = []
    for name, said in properties.items() if isinstance(properties, dict) else ():
        choices = said.get("enum") if isinstance(said, dict) else None
        slots.append(
            Slot(
                name=name,
                required=name in required,
                choices=tuple(one for one in choices or () if isinstance(one, str)),
                purpose=_purpose(said) if isinstance(said, dict) and said.get("description") else "",
            )
        )
    return slots
