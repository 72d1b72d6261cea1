"""Plays: goals whose plan is written down. A play answers only a goal that is its prompt, word for word.

A play is data that a pack or a house may bring. It names tools like any plan and is checked like any plan.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from cuga.errors import BadInput
from cuga.model.plan import Plan, PlanStep
from cuga.model.play import BLANK as _BLANK
from cuga.model.play import Play
from cuga.model.value import Value

MOST = 200  # characters of a field


class Ready(Value, frozen=True, kw_only=True):
    """A play as a person chooses it: its fields with what they take, its tools, and those of them that are missing."""

    name: str
    title: str
    category: str
    prompt: str
    fields: dict[str, str]
    tools: tuple[str, ...]
    missing: tuple[str, ...] = ()


def checked(plays: Iterable[Play]) -> tuple[Play, ...]:
    """Plays that can be used; `BadInput` for two of one name or prompt, blanks that no prompt fills, and no tools."""
    found: dict[str, Play] = {}
    names: set[str] = set()
    for play in plays:
        if play.name in names:
            raise BadInput(f"two plays are called {play.name!r}")
        names.add(play.name)
        key = _BLANK.sub("{}", " ".join(play.prompt.casefold().split()))
        if key in found:
            raise BadInput(f"plays {found[key].name!r} and {play.name!r} have the same prompt")
        blanks = {blank for step in play.steps for blank in _blanks(step.input)}
        if missing := blanks - set(play.required):
            raise BadInput(f"play {play.name!r}: its prompt has no blank {{{min(missing)}}}")
        if not play.needs:
            raise BadInput(f"play {play.name!r} names no tool")
        found[key] = play
    return tuple(found.values())


def played(goal: str, plays: Iterable[Play]) -> Plan | None:
    """The plan of the one play whose prompt the goal is, its blanks filled; None when there is none with steps."""
    for play in plays:
        if play.steps and (match := _pattern(play.prompt).fullmatch(" ".join(goal.split()))) is not None:
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


def ready(plays: Iterable[Play], tools: Collection[str]) -> list[Ready]:
    """Every play with what it takes and what is missing for it among the tools at hand."""
    return [
        Ready(
            name=play.name,
            title=play.title or play.name,
            category=play.category,
            prompt=play.prompt,
            fields={name: play.asks.get(name, name.replace("_", " ")) for name in play.required},
            tools=play.needs,
            missing=tuple(tool for tool in play.needs if tool not in tools),
        )
        for play in plays
    ]


def goal_of(play: Ready, fields: Mapping[str, str]) -> str:
    """The goal that a play's prompt is with these fields.

    `BadInput` names fields that are missing, unknown, or such that the goal would be read otherwise than it was meant.
    """
    known = ", ".join(f"{name} ({what})" for name, what in play.fields.items()) or "none"
    if play.missing:
        raise BadInput(
            f"{play.name} needs {', '.join(play.missing)}, which this house has not",
            mend='install the pack that brings it, or say what you want in your own words: cuga run "..."',
        )
    if unknown := sorted(fields.keys() - play.fields.keys()):
        raise BadInput(f"{play.name} has no field {unknown[0]!r}", mend=f"fields: {known}")
    said = {name: " ".join(fields.get(name, "").split()) for name in play.fields}
    if missing := [name for name, value in said.items() if not value]:
        raise BadInput(f"{play.name} needs {', '.join(missing)}", mend=f"fields: {known}")
    if long := next((name for name, value in said.items() if len(value) > MOST), ""):
        raise BadInput(f"{long} has more than {MOST} characters", mend="say it in short")
    goal = str(_filled(" ".join(play.prompt.split()), said))
    match = _pattern(play.prompt).fullmatch(goal)
    if match is None or {name: value.strip() for name, value in match.groupdict().items()} != said:
        raise BadInput(
            f"with these words the fields of {play.name} cannot be told apart", mend=f"write it otherwise: {goal}"
        )
    return goal


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
