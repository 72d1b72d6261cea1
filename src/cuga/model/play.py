"""A play: a goal that people give again and again, with blanks for what changes, and what answers it.

It is data that a pack or a house brings. It names tools like any plan, is checked like any plan, and grants nothing.
"""

from __future__ import annotations

import re

from cuga.model.plan import PlanStep
from cuga.model.value import Value

BLANK = re.compile(r"\{(\w+)\}")


class Play(Value, frozen=True, kw_only=True):
    """`prompt` holds a blank `{field}` for each required field; texts in the steps' inputs may hold the same blanks.

    With `steps` they are the plan. Without them the planner plans the filled prompt, and `tools` are those it needs.
    `asks` says in words what a field takes.
    """

    name: str
    prompt: str
    steps: tuple[PlanStep, ...] = ()
    tools: tuple[str, ...] = ()
    title: str = ""
    category: str = ""
    asks: dict[str, str] = {}

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that a goal has to fill."""
        return tuple(dict.fromkeys(BLANK.findall(self.prompt)))

    @property
    def needs(self) -> tuple[str, ...]:
        """The tools it cannot do without."""
        return tuple(dict.fromkeys((*self.tools, *(step.tool for step in self.steps))))
