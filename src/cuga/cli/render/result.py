"""The end of a run on a screen: what became of each step, what it gave, which rows it rests on, what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding

from cuga.cli.render.asking import commands_for
from cuga.cli.render.outputs import plain_table, shown
from cuga.cli.screen import command, one_line, text
from cuga.model.value import units
from cuga.policy.binding import reduced_words

if TYPE_CHECKING:
    from cuga.orchestrator.looking.showing import CardNow
    from cuga.projections.card import Card
    from cuga.projections.result import EvidenceRow, RunResult
    from cuga.projections.steps import StepResult

NOTHING_ASKED: Mapping[str, CardNow] = MappingProxyType({})
STATUS = {
    "success": "bold green", "partial": "bold yellow", "failed": "bold red", "cancelled": "bold", "parked": "bold cyan",
    "running": "bold blue",
}  # fmt: skip
STATE = {
    "pending": "dim", "awaiting_approval": "cyan", "calling": "blue", "waiting_retry": "yellow", "in_doubt": "bold red",
    "listed": "blue", "done": "green", "failed": "red", "denied": "red", "skipped": "dim",
}  # fmt: skip
_SEEN = {"assess_message_quality"}  # their evidence repeats that of the draft


def whole(result: RunResult, asked: Mapping[str, CardNow] = NOTHING_ASKED) -> RenderableType:
    """Everything of a run: outputs first, then evidence, then the end and what to do. `asked` says of an open request
    what whoever looks may do about it."""
    parts: list[RenderableType] = []
    for step in result.steps:
        parts += _step(step)
    if result.evidence:
        parts += [text("Evidence", "bold underline"), Padding(_evidence(result.evidence), (0, 0, 1, 2), expand=False)]
    parts += [_end(result), *what_next(result, asked)]
    return Group(*parts)


def _step(step: StepResult) -> list[RenderableType]:
    head = text(f"{step.step} {step.tool}", "bold underline")
    head.append_text(text(f"  {step.state.replace('_', ' ')}", STATE.get(step.state, "")))
    if step.simulated:
        head.append(" (simulated)", "yellow")
    if step.approved_by:
        head.append_text(text(f"  agreed by {step.approved_by}", "dim"))
    parts: list[RenderableType] = [head]
    if step.purpose and not step.list_of:  # that of its list is the same
        parts.append(Padding(text(step.purpose, "dim"), (0, 0, 0, 2), expand=False))
    if step.reason:
        parts.append(
            Padding(
                text(step.reason, "" if step.state == "done" else STATE.get(step.state, "")), (0, 0, 0, 2), expand=False
            )
        )
    if step.reduced:
        parts.append(Padding(text(reduced_words(step.reduced), "yellow"), (0, 0, 0, 2), expand=False))
    if step.note:
        parts.append(Padding(text(step.note, "yellow"), (0, 0, 0, 2), expand=False))
    if step.state == "done" and not step.calls:  # what a list gave follows, call by call
        gone = step.blob is not None and step.value is None
        parts.append(
            Padding(
                text("the output is no longer kept", "dim") if gone else shown(step.value), (0, 0, 0, 2), expand=False
            )
        )
    parts.append(text(""))
    return parts


def _evidence(rows: tuple[EvidenceRow, ...]) -> RenderableType:
    table = plain_table("record", "field", "value", "row")
    seen = set()
    for row in rows:
        key = (row.record, row.field, row.value)
        if row.tool in _SEEN or key in seen:
            continue
        seen.add(key)
        table.add_row(text(row.record), text(row.field), text(one_line(row.value, 80)), text(row.source, "dim"))
    return table


def _end(result: RunResult) -> RenderableType:
    line = text("Run ", "bold").append_text(text(result.run_id)).append(": ")
    line.append_text(text(result.status.value, STATUS[result.status.value]))
    reason = "it asks you something" if result.questions and result.status.value == "parked" else result.reason
    line.append_text(text(f", {reason}" if reason and reason != result.status.value else ""))
    cost = units(result.cost)
    spent = f"{result.calls} {'call' if result.calls == 1 else 'calls'}"
    spent += f", {cost:g} {'unit' if cost == 1 else 'units'} of cost"
    if result.tokens:
        spent += f", {result.tokens:,} tokens"
    line.append_text(text(f"\n  profile {result.profile}; {spent}; {seconds(result.duration_us)}", "dim"))
    return line


def what_next(result: RunResult, asked: Mapping[str, CardNow] = NOTHING_ASKED) -> list[RenderableType]:
    """What a person can do now, each with the command for it."""
    lines: list[RenderableType] = []
    if result.ended_at is not None and not result.next:
        return [text(f"note: {note}", "yellow") for note in result.notes]
    waiting = [card for card in result.approvals if card.is_open and result.ended_at is None]
    has_ended = result.ended_at is not None
    questions = [] if has_ended else list(result.questions)
    for card in waiting:
        lines += _ask(card, asked.get(card.approval_id))
    lines += [text(f"  {question}", "bold") for question in questions]
    lines += [text(f"    - {option}") for option in result.options if questions]
    if len(questions) == 1:
        lines.append(command(f"cuga answer {result.run_id} YOUR ANSWER", indent="  "))
    covered = {card.approval_id for card in waiting}
    answered = "cuga answer " if len(questions) == 1 else "\0"
    attempts = {step.step: step.attempts for step in result.steps}
    others = [line for one in result.next for line in _doubt(one, attempts)]
    others = [one for one in others if not covered & {*one.replace(":", "").split()}]
    lines += [command(one, indent="  ") for one in others if not one.startswith(answered)]
    if result.status.value == "running":
        lines.append(text(f"  cuga resume {result.run_id}    if nobody goes on with it", "cyan"))
    if lines:
        lines.insert(0, text("What you can do now", "bold underline"))
    for note in result.notes:
        lines.insert(0, text(f"note: {note}", "yellow"))
    return lines


def _doubt(command: str, attempts: Mapping[str, int]) -> list[str]:
    """What may be answered about a step in doubt, a command for each answer, bound to the attempt that is shown; other
    commands as they are."""
    begins, found, _ = command.partition(" happened|did-not|again")
    if not found:
        return [command]
    meanings = ("it was done", "it was not done, and shall not be", "do it once more")
    tried = attempts.get(begins.rpartition(" ")[2], 0)
    which = f" --attempt {tried}" if tried else ""
    width = len(begins) + len(" happened") + len(which)
    return [
        f"{f'{begins} {answer}{which}':<{width}}    {meaning}"
        for answer, meaning in zip(("happened", "did-not", "again"), meanings, strict=True)
    ]


def _ask(card: Card, now: CardNow | None) -> list[RenderableType]:
    count = f", {len(card.calls)} calls" if len(card.calls) > 1 else ""
    what = text(f"  {card.step} {card.tool}{count} waits for {' or '.join(card.roles) or 'a person'}", "bold")
    what.append_text(text(f" ({card.side_effect}, risk {card.risk})", "dim"))
    lines: list[RenderableType] = [what]
    asked = ((f"cuga show {card.approval_id}", "what exactly it is"), *commands_for(card, now))
    return [*lines, *(command(said, why, indent="    ") for said, why in asked)]


def seconds(microseconds: int) -> str:
    """A duration as a person says it."""
    if microseconds < 1_000_000:
        return f"{microseconds / 1000:.0f} ms"
    whole_s = microseconds / 1_000_000
    if whole_s < 120:
        return f"{whole_s:.1f} s"
    if whole_s < 7200:
        return f"{whole_s / 60:.0f} min"
    return f"{whole_s / 3600:.1f} h"
