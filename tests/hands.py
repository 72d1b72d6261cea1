"""Tools whose effects are counted, and agents that have them: what the tests of the older names share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from cuga.errors import NotDone
from cuga.model.failure import FailureMode
from cuga.modular.agents import CoordinatorAgent, PlannerAgent, WorkerAgent
from cuga.orchestrator import ApprovalManager, ApprovalResponse, ExponentialBackoffPolicy
from cuga.tools import ToolContext, tool
from cuga.tools.registry import ToolRegistry

QUICK = ExponentialBackoffPolicy(base_delay=0.001, max_delay=0.004)  # real waits, too short to notice


class World:
    """What tools did, in order, and what they are told to do wrong."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.seen: list[ToolContext] = []
        self.failing: dict[str, list[BaseException]] = {}

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.calls)

    def fail(self, name: str, *errors: BaseException) -> None:
        """Let the next calls of a tool fail in this way, one error each."""
        self.failing.setdefault(name, []).extend(errors)

    def did(self, name: str, context: ToolContext) -> None:
        self.calls.append(name)
        self.seen.append(context)
        if waiting := self.failing.get(name):
            raise waiting.pop(0)

    def tools(self) -> tuple[Callable[..., Any], ...]:
        world = self

        @tool(domain="intelligence", side_effect="read-only", cost=0.5, purpose="looks up a fact", keywords=("look",))
        def look(inputs: dict[str, Any], context: ToolContext) -> Any:
            world.did("look", context)
            return {"fact": inputs.get("about", "nothing")}

        @tool(domain="intelligence", side_effect="read-only", cost=0.5, purpose="counts the words", keywords=("count",))
        async def count(inputs: dict[str, Any], context: ToolContext) -> Any:
            world.did("count", context)
            return {"words": len(str(inputs.get("text", "")).split())}

        @tool(domain="engagement", side_effect="propose", cost=1.0, purpose="drafts a note", repeatable="key")
        def draft(inputs: dict[str, Any], context: ToolContext) -> Any:
            world.did("draft", context)
            return {"draft": f"Dear {inputs.get('to', 'all')}"}

        @tool(
            domain="engagement",
            side_effect="execute",
            cost=1.0,
            purpose="posts a note outside",
            keywords=("post",),
            effect_key=("post", "/to"),
        )
        def post(inputs: dict[str, Any], context: ToolContext) -> Any:
            world.did("post", context)
            return {"posted": inputs.get("to", "")}

        return look, count, draft, post

    def registry(self, *names: str) -> ToolRegistry:
        """A registry with all tools, or those that are named."""
        found = ToolRegistry()
        for function in self.tools():
            if not names or function.__name__ in names:
                found.register(function)
        return found


def worker(world: World, name: str = "worker", *tools: str, **how: Any) -> WorkerAgent:
    how.setdefault("retry_policy", QUICK)
    return WorkerAgent(registry=world.registry(*tools), name=name, **how)


def coordinator(world: World, *workers: WorkerAgent, **how: Any) -> CoordinatorAgent:
    how.setdefault("retry_policy", QUICK)
    return CoordinatorAgent(PlannerAgent(), workers or (worker(world, "one"), worker(world, "two")), **how)


def steps(*tools: str, **inputs: Any) -> list[dict[str, Any]]:
    return [{"tool": name, "input": inputs} for name in tools]


def passing(text: str = "try again") -> NotDone:
    """An error that passes by itself and that surely did nothing."""
    return NotDone(text, mode=FailureMode.SYSTEM_NETWORK)


async def asked(manager: ApprovalManager, count: int = 1) -> list[Any]:
    """What waits for a decision, once that many do."""
    for _ in range(2_000):
        if len(found := await manager.pending()) >= count:
            return found
        await asyncio.sleep(0.002)
    raise AssertionError("nobody was asked")


async def say(manager: ApprovalManager, approved: bool = True, reviewer: str = "ann", reasoning: str = "") -> str:
    """Answer the next request; its id."""
    (request, *_) = await asked(manager)
    await manager.respond(
        ApprovalResponse(request_id=request.request_id, approved=approved, reviewer=reviewer, reasoning=reasoning)
    )
    return str(request.request_id)


async def gathered(stages: Any) -> list[dict[str, Any]]:
    return [event async for event in stages]


async def into(seen: list[dict[str, Any]], stages: Any) -> None:
    """Gather stages into a list that is still there when the last one raises."""
    async for event in stages:
        seen.append(event)
