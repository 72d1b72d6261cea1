"""Who plans: an exact play first, then the rules. The one door through which a run asks for a plan.

The answer is a proposal, a question or a refusal, never a right: `planning.check` stamps it and the run judges it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from cuga.model.play import Play
from cuga.planning.answer import Answer, Proposal
from cuga.planning.lessons import Taught, heed
from cuga.planning.memory import PastGoal, Recall
from cuga.planning.plays import checked, played
from cuga.planning.records import CrmLookup
from cuga.planning.rules import RulePlanner
from cuga.policy.profile import Rulebook

Plays = Callable[[], tuple[Play, ...]]  # the port through which planning asks for plays


class Planner(Protocol):
    """What the engine is given to ask for plans."""

    async def __call__(
        self,
        goal: str,
        rulebook: Rulebook,
        *,
        feedback: str = "",
        denied: Mapping[str, str] | None = None,
        as_of: datetime | date | None = None,
    ) -> Answer:
        """Plan a goal."""
        ...


class PlanningAuthority:
    """A `Planner` without a model: plays, then rules. The same goal on the same records gives the same answer.

    With a `memory` what became of earlier goals like this one is a hint for the order among tools, and the plan's
    reasons name the runs behind it. With `lessons` it heeds how people wanted such calls made before.
    """

    def __init__(
        self,
        crm: CrmLookup | None = None,
        plays: Iterable[Play] | Plays = (),
        memory: Recall | None = None,
        lessons: Taught | None = None,
    ) -> None:
        fixed = None if callable(plays) else tuple(plays)
        self._told: Plays = plays if callable(plays) else lambda: fixed or ()
        self._checked: tuple[tuple[Play, ...], tuple[Play, ...]] = ((), ())
        self._plays()
        self._rules = RulePlanner(crm)
        self._memory = memory
        self._lessons = lessons
        self._crm = crm
        self._others: list[PlanningAuthority] = []

    def over(self, crm: CrmLookup | None) -> PlanningAuthority:
        """The same, looking names up in these records; None: in none. A house has few, and each is made once."""
        for known in (self, *self._others):
            if known._crm is crm:
                return known
        other = PlanningAuthority(crm, self._told, self._memory, self._lessons)
        self._others.append(other)
        return other

    async def __call__(
        self,
        goal: str,
        rulebook: Rulebook,
        *,
        feedback: str = "",
        denied: Mapping[str, str] | None = None,
        as_of: datetime | date | None = None,
    ) -> Answer:
        """Plan a goal. With feedback or a denial the rules plan: a play is fixed and could not heed them."""
        past = await self._memory.like(goal, rulebook.profile.name) if self._memory is not None else ()
        answer = self.plan(goal, rulebook, feedback=feedback, denied=denied, as_of=as_of, past=past)
        if self._lessons is None or not isinstance(answer, Proposal):
            return answer
        return heed(answer, await self._lessons.of(rulebook.profile.name), rulebook.contracts)

    def plan(
        self,
        goal: str,
        rulebook: Rulebook,
        *,
        feedback: str = "",
        denied: Mapping[str, str] | None = None,
        as_of: datetime | date | None = None,
        past: Sequence[PastGoal] = (),
    ) -> Answer:
        """The same, for callers that are not asynchronous and bring what is remembered."""
        if not feedback.strip() and not denied and (play := self.exact(goal, rulebook)) is not None:
            return play
        return self._rules.plan(goal, rulebook, feedback=feedback, denied=denied, as_of=as_of, past=past)

    def exact(self, goal: str, rulebook: Rulebook) -> Proposal | None:
        """The plan of the play that a goal is, word for word; None when it is none, or needs a tool there is not."""
        plan = played(goal, self._plays())
        fits = plan is not None and all(step.tool in rulebook.contracts for step in plan.steps)
        return Proposal(plan=plan) if plan is not None and fits else None

    def _plays(self) -> tuple[Play, ...]:
        """The plays as they are now; looked over again only when they have changed."""
        told = self._told()
        if told is not self._checked[0]:
            self._checked = told, checked(told)
        return self._checked[1]


async def plan_goal(
    goal: str,
    rulebook: Rulebook,
    *,
    crm: CrmLookup | None = None,
    feedback: str = "",
    denied: Mapping[str, str] | None = None,
    as_of: datetime | date | None = None,
) -> Answer:
    """Plan one goal without keeping anything; a house keeps a `PlanningAuthority` instead."""
    return await PlanningAuthority(crm)(goal, rulebook, feedback=feedback, denied=denied, as_of=as_of)
