"""Plays: goals whose plan is written down. A play answers only a goal that is its prompt, word for word.

A play is data that a pack or a house may bring. It names tools like any plan and is checked like any plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from cuga.errors import BadInput
from cuga.model.plan import Plan, PlanStep
from cuga.model.value import Value

_BLANK = re.compile(r"\{(\w+)\}")


class Play(Value, frozen=True, kw_only=True):
    """`prompt` holds a blank `{field}` for each required field; texts in the steps' inputs may hold the same blanks."""

    name: str
    prompt: str
    steps: tuple[PlanStep, ...]

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that a goal has to fill."""
        return tuple(dict.fromkeys(_BLANK.findall(self.prompt)))


def checked(plays: Iterable[Play]) -> tuple[Play, ...]:
    """Plays that can be used; `BadInput` for two with one prompt, for blanks that no prompt fills, for no steps."""
    found: dict[str, Play] = {}
    for play in plays:
        key = _BLANK.sub("{}", " ".join(play.prompt.casefold().split()))
        if key in found:
            raise BadInput(f"plays {found[key].name!r} and {play.name!r} have the same prompt")
        blanks = {blank for step in play.steps for blank in _blanks(step.input)}
        if missing := blanks - set(play.required):
            raise BadInput(f"play {play.name!r}: its prompt has no blank {{{min(missing)}}}")
        if not play.steps:
            raise BadInput(f"play {play.name!r} has no steps")
        found[key] = play
    return tuple(found.values())


def played(goal: str, plays: Iterable[Play]) -> Plan | None:
    """The plan of the one play whose prompt the goal is, its blanks filled; None when there is none."""
    for play in plays:
        if (match := _pattern(play.prompt).fullmatch(" ".join(goal.split()))) is not None:
            fields = {name: value.strip() for name, value in match.groupdict().items()}
            steps = tuple(
                PlanStep(
                    tool=step.tool,
                    input=_filled(step.input, fields),
                    step_id=step.step_id,
                    name=step.name,
                    reason=step.reason or f"part of the play {play.name}",
                    depends_on=step.depends_on,
                    when=step.when,
                    required=step.required,
                )
                for step in play.steps
            )
            return Plan(
                goal=goal, steps=steps, planner="play", why=(f"the goal is the prompt of the play {play.name}",)
            )
    return None


@lru_cache(maxsize=512)
def _pattern(prompt: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts = []
    for at, part in enumerate(_BLANK.split(" ".join(prompt.split()))):
        if at % 2 == 0:
            parts.append(re.escape(part))
        else:
            parts.append(f"(?P={part})" if part in seen else rf"(?P<{part}>\S(?:.{{0,198}}?\S)?)")
            seen.add(part)
    return re.compile("".join(parts) + r"\s*[.!]?", re.IGNORECASE)


def _blanks(value: Any) -> set[str]:
    if isinstance(value, str):
        return set(_BLANK.findall(value))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return {blank for part in inner for blank in _blanks(part)}


def _filled(value: Any, fields: dict[str, str]) -> Any:
    if isinstance(value, str):
        return _BLANK.sub(lambda blank: fields[blank[1]], value)
    if isinstance(value, dict):
        return {name: _filled(inner, fields) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(inner, fields) for inner in value]
    return value
