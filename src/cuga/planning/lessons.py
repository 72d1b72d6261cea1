"""What people taught earlier runs, heeded in a plan: a tone or sender that they chose, and words for whoever reads it.

It fills only what the goal has left open, only how something is said, and only in calls that stay inside the house. It
names no tool, no recipient and no amount, and each word of it says which run and which person it is from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from cuga.model.plan import PlanStep
from cuga.model.tool import SideEffect, Slot, ToolContract
from cuga.planning.answer import Proposal
from cuga.planning.revising import SIGNED, STYLES
from cuga.projections.lessons import Change, Lesson

MANNERS = ("style", "sender")  # kinds of arguments that say how, and nothing else
MOST_LINES = 3  # that a plan shows for one tool
MOST_WISHES = 6  # that a model is told
_NAME = re.compile(r"[A-Za-zÀ-ÿ][\w.'’-]*(?: [A-ZÀ-Þ][\w.'’-]*){0,3}")


class Taught(Protocol):
    """What the planner asks for what people taught."""

    async def of(self, profile: str) -> Sequence[Lesson]:
        """The lessons of a profile, newest first."""
        ...


def heed(answer: Proposal, lessons: Sequence[Lesson], contracts: Mapping[str, ToolContract]) -> Proposal:
    """The same plan with manners that were taught, and with what was said of such calls before, in its reasons."""
    if not lessons:
        return answer
    steps, why = [], []
    for step in answer.plan.steps:
        contract = contracts.get(step.tool)
        if contract is not None:
            step, lines = _with_manners(step, contract, lessons)
            why += lines
        steps.append(step)
    for tool in dict.fromkeys(step.tool for step in answer.plan.steps):
        said = [lesson for lesson in lessons if lesson.tool == tool]
        why += [f"{tool}: remembered: {line_of(lesson)}" for lesson in said[:MOST_LINES]]
    plan = msgspec.structs.replace(answer.plan, steps=tuple(steps), why=tuple(dict.fromkeys((*answer.plan.why, *why))))
    return Proposal(plan=plan)


def manners(tool: ToolContract, lessons: Iterable[Lesson]) -> dict[str, tuple[str, Lesson]]:
    """How people want a tool used: slot -> the value that was taught last, and by which lesson."""
    slots = {slot.name: slot for slot in tool.slots if slot.kind in MANNERS and not slot.required}
    found: dict[str, tuple[str, Lesson]] = {}
    for lesson in lessons:  # newest first
        if lesson.tool != tool.name:
            continue
        for name, value in _taught(lesson, slots):
            found.setdefault(name, (value, lesson))
    return found


def wishes(lessons: Iterable[Lesson], tools: Iterable[str], about: str = "") -> tuple[str, ...]:
    """What a model is told of what people want: their words, and how much they shortened or lengthened. The values that
    they wrote are told only of the same person or account."""
    wanted = set(tools)
    return tuple(
        line_of(lesson, with_values=bool(about) and lesson.mentions(about))
        for lesson in lessons
        if lesson.tool in wanted
    )[:MOST_WISHES]


def line_of(lesson: Lesson, *, with_values: bool = True) -> str:
    """A lesson in a line, with where it comes from."""
    what = {"amended": "changed", "asked": "asked for changes", "denied": "denied it"}[lesson.kind]
    parts = [_told(change, with_values) for change in lesson.changes[:5]]
    said = f': "{" ".join(lesson.text.split())[:300]}"' if lesson.text.strip() else ""
    how = f" {', '.join(parts)}" if parts else ""
    return f"{lesson.by} {what}{how}{said} (run {lesson.run_id}, {lesson.at:%Y-%m-%d})"


def _told(change: Change, with_values: bool) -> str:
    name = change.path.removeprefix("/")
    if name == "message/body_hash":
        return "its hash"
    if with_values and len(change.after) <= 80:
        return f"{name} from {change.before} to {change.after}"
    if change.grew:
        return f"{name}, {abs(change.grew)} words {'longer' if change.grew > 0 else 'shorter'}"
    return name


def _with_manners(step: PlanStep, contract: ToolContract, lessons: Sequence[Lesson]) -> tuple[PlanStep, list[str]]:
    if contract.side_effect is SideEffect.EXECUTE:
        return step, []
    filled: dict[str, Any] = {}
    lines = []
    for name, (value, lesson) in manners(contract, lessons).items():
        if name not in step.input:
            filled[name] = value
            lines.append(
                f"{step.tool}: {name} is {value!r}, as {lesson.by} wanted it in run {lesson.run_id} "
                f"({lesson.at:%Y-%m-%d}); `cuga memory forget {lesson.id}` ends that"
            )
    return (msgspec.structs.replace(step, input={**step.input, **filled}) if filled else step), lines


def _taught(lesson: Lesson, slots: Mapping[str, Slot]) -> Iterable[tuple[str, str]]:
    for change in lesson.changes:
        slot = slots.get(change.path.removeprefix("/"))
        value = _text(change.after)
        if slot is not None and value and _fits(slot, value):
            yield slot.name, value
    if lesson.kind == "asked":
        for slot in slots.values():
            if slot.kind == "style":
                said = next((style for style, words in STYLES if words.search(lesson.text)), "")
            else:
                said = found[1] if (found := SIGNED.search(lesson.text)) else ""
            if said and _fits(slot, said):
                yield slot.name, said


def _text(shown: str) -> str:
    try:
        return msgspec.json.decode(shown, type=str)
    except msgspec.DecodeError:
        return ""  # no text, or one that was cut


def _fits(slot: Slot, value: str) -> bool:
    return value in slot.choices if slot.choices else bool(_NAME.fullmatch(value))
