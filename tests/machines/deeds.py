"""What the workers of the tests do outside: every doing is a line of a ledger that all of them share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cuga.tools import ToolContext, tool


def tools(ledger: Path) -> tuple[Callable[..., Any], ...]:
    """Two deeds whose every doing is a line of the ledger: one that the other side knows by its key, one that reads."""

    def note(kind: str, context: ToolContext) -> None:
        line = f"{kind} {context.run_id} {context.step_id} {context.key} {os.getpid()}\n".encode()
        descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line)
        os.close(descriptor)

    @tool(
        domain="engagement", side_effect="propose", purpose="does something that is known by its key", repeatable="key"
    )
    async def deed(inputs: dict[str, Any], context: ToolContext) -> Any:
        note("began", context)
        await asyncio.sleep(float(inputs.get("seconds", 0.05)))
        note("did", context)
        return {"done": context.step_id}

    @tool(domain="engagement", side_effect="execute", purpose="does something that nobody can ask about afterwards")
    async def leap(inputs: dict[str, Any], context: ToolContext) -> Any:
        note("leapt", context)
        await asyncio.sleep(float(inputs.get("seconds", 0.05)))
        return {"leapt": context.step_id}

    return deed, leap
