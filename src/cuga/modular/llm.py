"""What stands where a model would, for tests and for work without one. It says that it is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cuga.model.tool import ToolContract


class MockLLM:
    """No model: never available, asked for nothing, always the same."""

    name = "mock"

    def is_available(self) -> bool:
        """Never."""
        return False

    async def decompose_goal(self, goal: str, tools: Sequence[ToolContract]) -> Sequence[Mapping[str, Any]]:
        """No steps, whatever is asked."""
        return ()

    def generate(self, prompt: str) -> str:
        """The same words for the same prompt, and they say what they are."""
        return f"[no model] {' '.join(prompt.split())[:200]}"
