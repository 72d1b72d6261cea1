"""What was tried, as tables: rules on cases and on the record, and a run decided again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from cuga.cli.render.outputs import plain_table
from cuga.cli.screen import text

if TYPE_CHECKING:
    from cuga.orchestrator.rehearsal import Backtest, Outcome
    from cuga.orchestrator.rehearsal.replaying import Replay

MOST = 40  # changes that are shown; `--json` has them all


def outcomes(found: Sequence[Outcome]) -> RenderableType:
    """Each case that does not hold, and how many do."""
    wrong = [one for one in found if one.wrong]
    parts: list[RenderableType] = []
    for one in wrong:
        case = one.case
        parts.append(
            text(f"line {case.line}  {case.name or case.tool}  ({case.tool}, {case.profile or 'default'})", "red")
        )
        parts += [text(f"    {fault}") for fault in one.wrong]
        parts += [text(f"    {reason}", "dim") for reason in one.reasons]
    held = len(found) - len(wrong)
    said = f"{held} of {len(found)} cases hold."
    return Group(*parts, text(said, "bold red" if wrong else "green"))


def backtest(found: Backtest) -> RenderableType:
    """What would change, and whom it would stop."""
    runs = "1 run" if found.runs == 1 else f"{found.runs} runs"
    head = text(f"{runs} looked at, {found.steps} steps; {len(found.changes)} would go another way.", "bold")
    parts: list[RenderableType] = [head]
    if found.unread:
        parts.append(text(f"{found.unread} runs cannot be read by this version and were left out.", "yellow"))
    if found.changes:
        table = plain_table("run", "step", "tool", "by", "was", "would be", "why")
        for one in found.changes[:MOST]:
            style = {"refused": "red", "asks": "yellow"}.get(one.after, "green")
            table.add_row(
                text(one.run_id[-8:]), text(one.step), text(one.tool), text(one.requester), text(one.before),
                text(one.after, style), text(one.reason),
            )  # fmt: skip
        parts.append(table)
        if (more := len(found.changes) - MOST) > 0:
            parts.append(text(f"and {more} more; --json has them all", "dim"))
    if found.stopped:
        people = ", ".join(f"{name} ({count})" for name, count in sorted(found.stopped.items()))
        parts.append(text(f"It would stop: {people}."))
    return Group(*parts)


_SAID = {"same": "green", "different": "bold red"}


def replayed(found: Replay) -> RenderableType:
    """Every decision of a run, and whether it comes out the same."""
    head = text(f"Run {found.run_id}, decided again: ", "bold")
    head.append_text(text(found.verdict, _SAID.get(found.verdict, "yellow")))
    table = plain_table(">event", "step", "decided", "again", "")
    for one in found.decisions:
        why = "; ".join([*(f"{name} was {was}, is {now}" for name, was, now in one.differs), *filter(None, [one.why])])
        table.add_row(
            str(one.event), text(one.step), text(one.kind), text(one.verdict, _SAID.get(one.verdict, "yellow")),
            text(why),
        )  # fmt: skip
    faults = [f"The record is damaged: {found.broken}"] if found.broken else []
    faults += [f"{step}: its recorded output is gone or was changed" for step in found.lost]
    return Group(
        head,
        table,
        *(text(fault, "bold red") for fault in faults),
        text(f"{found.version} events; the last link is {found.head}", "dim"),
        text(f"state {found.state} ({found.format})"),
    )


def hashes(found: Replay) -> RenderableType:
    """The hash of the state after each event, a line for each."""
    return Group(*(text(f"{number} {one}") for number, one in enumerate(found.hashes, 1)))
