"""What earlier goals teach a planner: which tools served goals like this one, and how that ended.

A hint for the order among tools that the words have already found, and nothing else: it names no tool, fills no
argument and changes no rule. Everything comes from ended runs of the same profile, so there is nothing here that the
journal does not say.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, Protocol, Self

from cuga.errors import CugaError
from cuga.journal.port import ReadJournal
from cuga.kernel.state import Phase, RunState
from cuga.model.context import LOCAL_TENANT
from cuga.model.event import Status
from cuga.model.tool import SideEffect, ToolContract
from cuga.model.value import Value
from cuga.planning.ranking import Match
from cuga.projections.lessons import has_lost_words
from cuga.projections.runs import state_of

MOST = 0.15  # the share of its score by which a hint can move a tool
LIKE = 0.25  # likeness from which an earlier goal counts
LOOKED_AT = 200  # of the newest runs
_TOLD = 5  # earlier goals that are heeded
_SEARCHED = 25  # notes that are looked through for them
_KIND = "ended run"
_ENDED = frozenset({Status.SUCCESS, Status.PARTIAL, Status.FAILED})


class PastGoal(Value, frozen=True, kw_only=True):
    """An earlier goal, how its run ended, and where each tool of it came to: done, failed, denied or skipped."""

    run_id: str
    goal: str
    status: Status
    tools: dict[str, str]
    likeness: float


class Recall(Protocol):
    """What the planner asks for earlier goals."""

    async def like(self, goal: str, profile: str) -> Sequence[PastGoal]:
        """Earlier goals of a profile that are like this one, the most alike first."""
        ...


class Note(Protocol):
    """A note that was found; `likeness` is a cosine."""

    @property
    def text(self) -> str:
        """The words."""
        ...

    @property
    def metadata(self) -> dict[str, Any]:
        """What was kept with them."""
        ...

    @property
    def likeness(self) -> float:
        """How near it is."""
        ...


class Notes(Protocol):
    """A memory that can be searched; `under` gives that of another profile."""

    def under(self, profile: str) -> Self:
        """The memory of a profile."""
        ...

    def add(self, text: str, metadata: Mapping[str, Any] | None = None, *, key: str = "") -> str:
        """Keep a note in the place of the one that had its key."""
        ...

    def search(self, text: str, top: int = 5) -> Sequence[Note]:
        """The notes that fit best."""
        ...


class PastRuns:
    """A `Recall` over the journal: `notes` is only an index of it, brought up to date at each question."""

    def __init__(
        self,
        journal: ReadJournal,
        notes: Notes,
        tenant: str = LOCAL_TENANT,
        forgotten: Callable[[], Container[str]] = tuple,
    ) -> None:
        """`forgotten` are runs that are no hint any more, because a person said so."""
        self._forgotten = forgotten
        self._journal = journal
        self._notes = notes
        self._tenant = tenant
        self._known: set[str] = set()

    async def like(self, goal: str, profile: str) -> tuple[PastGoal, ...]:
        """Ended runs of this profile whose goals are like this one."""
        await self._catch_up()
        found, forgotten = [], self._forgotten()
        for note in self._notes.under(profile).search(goal, _SEARCHED):
            said = note.metadata
            if said.get("kind") != _KIND or said["run"] in forgotten:
                continue  # others may keep notes of their own in there
            if note.likeness >= LIKE:
                found.append(
                    PastGoal(
                        run_id=said["run"],
                        goal=note.text,
                        status=Status(said["status"]),
                        tools=said["tools"],
                        likeness=note.likeness,
                    )
                )
        return tuple(sorted(found, key=lambda past: (-past.likeness, past.run_id))[:_TOLD])

    async def _catch_up(self) -> None:
        for listed in reversed(await self._journal.runs(tenant=self._tenant, limit=LOOKED_AT)):
            row = listed.row
            if listed.run_id in self._known or row.status not in _ENDED:
                continue
            try:
                state = await state_of(self._journal, listed.run_id)
            except CugaError:
                continue  # a hint is worth no failed goal; it is read again with the next one
            has_words = not has_lost_words(row.goal)  # of a tombstone nobody knows what it was for
            if has_words and (tools := tools_of(state)) and not state.started.plan_only:
                said = {"kind": _KIND, "run": listed.run_id, "status": row.status.value, "tools": tools}
                self._notes.under(row.profile).add(row.goal, said, key=f"run/{listed.run_id}")
            self._known.add(listed.run_id)  # only now: what was not kept is tried again


def tools_of(state: RunState) -> dict[str, str]:
    """Where each tool of a run came to; of several steps with one tool the least good counts."""
    worse = (Phase.DONE, Phase.SKIPPED, Phase.DENIED, Phase.FAILED)
    found: dict[str, Phase] = {}
    for step_id, phase in state.phase.items():
        tool = state.step(step_id).tool
        if phase in worse and (tool not in found or worse.index(phase) > worse.index(found[tool])):
            found[tool] = phase
    return {tool: phase.value for tool, phase in sorted(found.items())}


def favours(past: Iterable[PastGoal], contracts: Mapping[str, ToolContract]) -> dict[str, float]:
    """By which share of its score each tool moves, between -`MOST` and `MOST`.

    What was done speaks for a tool, what failed or was denied against it. Nothing speaks for a tool with an effect
    outside: that one is chosen by the words of the goal alone.
    """
    shares: dict[str, float] = {}
    for one in past:
        for tool, phase in one.tools.items():
            weight = {Phase.DONE.value: 1.0, Phase.SKIPPED.value: 0.0}.get(phase, -1.0) * one.likeness
            shares[tool] = shares.get(tool, 0.0) + weight
    found = {tool: max(-MOST, min(MOST, MOST * share)) for tool, share in shares.items() if share}
    return {
        tool: share
        for tool, share in found.items()
        if tool in contracts and (share < 0 or contracts[tool].side_effect is not SideEffect.EXECUTE)
    }


def favoured(matches: list[Match], favour: Mapping[str, float], enough: float) -> list[Match]:
    """The same matches in the order that a hint gives them. Scores stay; what was not enough is not moved up."""
    if not favour:
        return matches

    def place(match: Match) -> tuple[bool, float, str]:
        share = favour.get(match.tool, 0.0) if match.score >= enough else 0.0
        return match.score < enough, -match.score * (1 + share), match.tool

    return sorted(matches, key=place)


def remembered(past: Iterable[PastGoal], tools: Iterable[str]) -> tuple[str, ...]:
    """What a reader is told of the hints, tool by tool."""
    lines = []
    for tool in dict.fromkeys(tools):
        runs = [(one.run_id, one.tools[tool]) for one in past if tool in one.tools]
        if runs:
            shown = ", ".join(f"{phase} in {run_id}" for run_id, phase in runs)
            lines.append(f"{tool}: remembered from goals like this: {shown}; a hint for the order, nothing more")
    return tuple(lines)
