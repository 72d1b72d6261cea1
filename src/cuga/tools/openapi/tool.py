"""The function behind an operation's contract."""

from __future__ import annotations

from typing import Any

from cuga.tools.declare import ToolContext
from cuga.tools.openapi.api import Api
from cuga.tools.openapi.operation import Operation


class OperationTool:
    """Calls one operation. With an idempotency key only where the other side takes one, by document or registry."""

    def __init__(self, operation: Operation, capability: str, is_keyed: bool) -> None:
        self._operation = operation
        self._capability = capability
        self._is_keyed = is_keyed

    async def __call__(self, inputs: dict[str, Any], context: ToolContext) -> Any:
        """Ask, within the time of the call."""
        api: Api = context.capability(self._capability)
        return await api.call(self._operation, inputs, context.key if self._is_keyed else "")
