"""What a caller over MCP can reach of a house: begin a run, look, and stop one. There is nothing else in it.

A decision is a person's, at a door where the person is known. So this room holds no way to approve, deny, amend,
answer, resolve or raise anything; what waits is told with a link to where people decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from cuga.errors import BadInput, CugaError, NotAllowed, RunNotFound
from cuga.model.context import Principal
from cuga.model.event import Status
from cuga.model.value import units
from cuga.projections.result import RunResult
from cuga.projections.runs import RunLine
from cuga.projections.trace import Trace

MOST_RUNS = 50
MAX_OUTPUTS = 256 * 1024  # bytes of outputs that are told in one answer; all of them are in the resource
STARTERS = ("operator", "admin")

Link = Callable[[str], str]  # approval id -> where a person decides on it


class Front(Protocol):
    """The methods of a coordinator that are used here, wherever it runs."""

    async def start(self, goal: str, **how: Any) -> str: ...
    async def show(self, run_id: str) -> RunResult: ...
    async def runs(self, status: Status | None = None, before: str = "", limit: int = 50) -> list[RunLine]: ...
    async def trace(self, run_id: str, everything: bool = False) -> Trace: ...
    async def tools(self, words: str = "") -> list[Any]: ...
    async def cancel(self, run_id: str, reason: str = "", **how: Any) -> Any: ...


def told_to(approval_id: str) -> str:
    """Where to decide in a house without a page: a command for a person's terminal."""
    return f"cuga show {approval_id}"


class Window:
    """A house as one caller sees it. Without a `principal` the house's own user asks. `may_stop`: also to end runs."""

    def __init__(
        self, front: Front, principal: Principal | None = None, link: Link = told_to, *, may_stop: bool = True
    ) -> None:
        self._front = front
        self._principal = principal
        self._link = link
        self._may_stop = may_stop

    async def submit(self, goal: str, profile: str = "", run_id: str = "") -> str:
        """Begin a run; the same `run_id` begins it once. Returns its id when it is durable."""
        self._must_be_allowed("start a run")
        try:
            return await self._front.start(goal, profile=profile, run_id=run_id, **self._by())
        except CugaError as error:
            if run_id and error.code == "invalid_transition" and await self._is_same(run_id, goal, profile):
                return run_id
            raise

    async def run(self, run_id: str) -> dict[str, Any]:
        """Where a run stands: its steps with their outputs, and what waits for people, with the link."""
        result = await self._front.show(run_id)
        steps = [
            {"step": step.step, "tool": step.tool, "state": step.state, "output": step.value} for step in result.steps
        ]
        if len(msgspec.json.encode(steps)) > MAX_OUTPUTS:
            for step in steps:
                step["output"] = f"left out: it is large; read cuga://runs/{run_id}/result"
        return {
            "run_id": result.run_id,
            "status": result.status.value,
            "reason": result.reason,
            "goal": result.goal,
            "profile": result.profile,
            "started_at": _time(result.started_at),
            "ended_at": _time(result.ended_at) if result.ended_at else None,
            "steps": steps,
            "waits_for": waiting(result, self._link),
            "next": [one for one in result.next if not _is_decision(one)],
        }

    async def runs(self, status: str = "", limit: int = 20) -> list[dict[str, Any]]:
        """Runs of the house, newest first."""
        try:
            wanted = Status(status) if status else None
        except ValueError:
            raise BadInput(f"no status {status!r}; there are {', '.join(one.value for one in Status)}") from None
        found = await self._front.runs(wanted, "", max(1, min(limit, MOST_RUNS)))
        return [
            {"run_id": line.run_id, "status": line.status.value, "goal": line.goal, "waits_for": line.waits_for}
            for line in found
        ]

    async def tools(self, words: str = "") -> list[dict[str, Any]]:
        """What runs of this house may be planned with."""
        return [
            {
                "tool": one.name,
                "class": one.side_effect.value,
                "domain": one.domain,
                "cost": units(one.cost),
                "purpose": one.purpose,
            }
            for one in await self._front.tools(words)
        ]

    async def stop(self, run_id: str) -> None:
        """Stop a run; what has happened stays."""
        if not self._may_stop:
            raise NotAllowed("this key is not for steering runs", mend="Make one with --scope steer_run as well.")
        self._must_be_allowed("stop a run")
        await self._front.cancel(run_id, "asked for over MCP", **self._by())

    async def result(self, run_id: str) -> RunResult:
        """What came of a run."""
        return await self._front.show(run_id)

    async def trace(self, run_id: str) -> Trace:
        """The canonical events of a run."""
        return await self._front.trace(run_id)

    def link(self, approval_id: str) -> str:
        """Where a person decides on a request."""
        return self._link(approval_id)

    def _must_be_allowed(self, what: str) -> None:
        who = self._principal
        if who is not None and not who.solo and not set(who.roles) & set(STARTERS):
            raise NotAllowed(f"{who.id} may not {what}: that needs one of the roles {', '.join(STARTERS)}")

    def _by(self) -> dict[str, Principal]:
        return {} if self._principal is None else {"by": self._principal}

    async def _is_same(self, run_id: str, goal: str, profile: str) -> bool:
        try:
            found = await self._front.show(run_id)
        except RunNotFound:
            return False
        is_theirs = self._principal is None or found.requester == self._principal.id
        return is_theirs and found.goal == goal.strip() and profile in ("", found.profile)


def waiting(result: RunResult, link: Link) -> list[dict[str, Any]]:
    """What waits for people in a run: open requests, steps in doubt, and questions."""
    found = [
        {
            "approval_id": card.approval_id,
            "tool": card.tool,
            "effect": card.effect,
            "risk": card.risk,
            "expires_at": _time(card.expires_at),
            "decide_at": link(card.approval_id),
        }
        for card in result.approvals
        if card.is_open
    ]
    doubts = [
        {"in_doubt": step.step, "tool": step.tool, "attempt": step.attempts}
        for step in result.steps
        if step.state == "in_doubt"
    ]
    return [*found, *doubts, *({"question": said} for said in result.questions)]


def answer(found: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a tool call that went well."""
    text = msgspec.json.encode(found).decode()
    structured = msgspec.json.decode(text)
    return {"content": [{"type": "text", "text": text}], "structuredContent": structured, "isError": False}


def _is_decision(command: str) -> bool:
    """A command that only people give is no advice for a program."""
    return command.startswith(("cuga approve", "cuga resolve", "cuga answer", "cuga top-up", "cuga deny", "cuga users"))


def _time(at: Any) -> str:
    return msgspec.json.encode(at).decode().strip('"')
