"""What people taught runs, as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from cuga.cli.render.outputs import plain_table
from cuga.cli.screen import one_line, text

if TYPE_CHECKING:
    from cuga.orchestrator.changing.remembering import Forgotten
    from cuga.projections.lessons import Lesson


def listed(lessons: Sequence[Lesson]) -> RenderableType:
    """Lessons, newest first."""
    if not lessons:
        return text("Nothing is remembered. What people amend, ask to be changed or deny with a reason will be.")
    table = plain_table("lesson", "when", "who", "profile", "what")
    for lesson in lessons:
        table.add_row(
            text(lesson.id),
            text(f"{lesson.at:%Y-%m-%d}"),
            text(lesson.by),
            text(lesson.profile),
            text(one_line(f"{lesson.tool}: {_said(lesson)}", 90)),
        )
    return Group(table, text(""), text("cuga memory show LESSON, cuga memory forget LESSON", "cyan"))


def whole(lesson: Lesson) -> RenderableType:
    """One lesson."""
    rows = plain_table("", "")
    for name, value in (
        ("tool", lesson.tool), ("run", f"{lesson.run_id}, step {lesson.step}"), ("profile", lesson.profile),
        ("about", ", ".join(lesson.subjects) or "nobody in particular"), ("said", lesson.text or "-"),
    ):  # fmt: skip
        rows.add_row(text(name, "dim"), text(value))
    head = text(f"{lesson.id}  ", "bold")
    head.append_text(text(f"{lesson.by} {lesson.kind}, {lesson.at:%Y-%m-%d %H:%M} UTC"))
    changes = plain_table("field", "was", "became")
    for change in lesson.changes:
        changes.add_row(text(change.path), text(one_line(change.before, 60)), text(one_line(change.after, 60)))
    return Group(head, rows, *([changes] if lesson.changes else ()))


def gone(forgotten: Forgotten) -> RenderableType:
    """What is remembered no more."""
    runs = f", and the outcome of {len(forgotten.runs)} runs" if forgotten.runs else ""
    return text(f"{len(forgotten.lessons)} lessons are forgotten{runs}; the journal keeps its record of the runs.")


def _said(lesson: Lesson) -> str:
    fields = ", ".join(change.path.removeprefix("/") for change in lesson.changes)
    return " ".join(part for part in (lesson.kind, fields, f"“{lesson.text}”" if lesson.text else "") if part)
