"""Two plans for one goal beside each other: the rules' and the model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from cuga.cli.render.outputs import plain_table
from cuga.cli.screen import one_line, text
from cuga.model.value import units
from cuga.orchestrator.rehearsal.comparing import NOTHING

if TYPE_CHECKING:
    from cuga.orchestrator.looking.reading import Planned
    from cuga.orchestrator.rehearsal.comparing import Compared


def beside(found: Compared) -> RenderableType:
    """Steps in two columns, then cost, differences and notes."""
    table = plain_table("", "by the rules", "by the model")
    rules, model = _steps(found.rules), _steps(found.model)
    for at in range(max(len(rules), len(model))):
        table.add_row(str(at + 1), text(_at(rules, at)), text(_at(model, at)))
    table.add_row("cost", text(_cost(found.rules)), text(_cost(found.model)))
    table.add_row("people", text(_people(found.rules)), text(_people(found.model)))
    parts: list[RenderableType] = [
        text(f"LLM: {found.line}"),
        text(found.spent if found.spent == NOTHING else f"asking took {found.spent}", "dim"),
        table,
        text(""),
    ]
    parts += [text(f"- {line}") for line in found.differences]
    notes = [] if found.model.plan is None else found.model.plan.notes
    parts += [text(f"note: {note}", "yellow") for note in notes]
    for name, one in (("rules'", found.rules), ("model's", found.model)):
        if one.plan is not None and (name == "rules'" or one.plan.planner == "model"):
            parts.append(text(f"To run exactly the {name} plan: cuga run --plan {one.run_id}", "cyan"))
    return Group(*parts)


def _steps(planned: Planned) -> list[str]:
    if planned.plan is None:
        return [one_line(planned.question or planned.reason or planned.status.value, 60)]
    return [f"{step.tool} {one_line(bytes(step.input).decode(), 60)}" for step in planned.plan.steps]


def _at(lines: list[str], place: int) -> str:
    return lines[place] if place < len(lines) else ""


def _cost(planned: Planned) -> str:
    return "" if planned.plan is None else f"{units(sum(step.cost for step in planned.plan.steps)):g}"


def _people(planned: Planned) -> str:
    if planned.forecast is None:
        return ""
    asked = sum(one.consent.value == "human" for one in planned.forecast.steps)
    return "1 call needs a person" if asked == 1 else f"{asked} calls need a person"
