"""Tools of MCP servers: what a server says they are, how they are called, and when they are not.

What a server says is data. Nothing of it is used before a person has accepted it, and nothing that differs from what
was accepted is called. Only `stdio` starts processes; what goes over HTTP goes through `outbound`.
"""

from cuga.tools.mcp.definition import Definition, Judged, judged
from cuga.tools.mcp.drift import Difference, differences
from cuga.tools.mcp.line import Line, Reported
from cuga.tools.mcp.tool import contract_for, tool_for

__all__ = [
    "Definition",
    "Difference",
    "Judged",
    "Line",
    "Reported",
    "contract_for",
    "differences",
    "judged",
    "tool_for",
]
