"""The tool that only asks: every house has it, so that a person can be asked about what is done elsewhere."""

from __future__ import annotations

from typing import Any

from cuga.tools import ToolContext, tool

CONSENT = "consent"  # the tool that only asks


@tool(
    domain="governance",
    side_effect="propose",
    name=CONSENT,
    purpose="records that a person agreed to something which is done elsewhere",
    repeatable="key",
    key_window_s=0,
    guardrails=("It does nothing itself.",),
)
def consent(context: ToolContext, tool_name: str, inputs: dict[str, Any], reasoning: str = "") -> dict[str, Any]:
    """The call that follows an approval: it only says that it was given."""
    return {"approved": True, "tool_name": tool_name}
