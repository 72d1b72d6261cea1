"""A dry run on a screen: the plan, each approval as it would be asked for, what is stopped, and what shows that nothing
happened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from cuga.cli.render import approval, plan
from cuga.cli.screen import one_line, text

if TYPE_CHECKING:
    from cuga.orchestrator.dryrun import DryRun, Proof, Trip

_WHAT = {
    "connection": "would connect to",
    "process": "would start",
    "file": "would write",
    "signal": "would send the signal",
    "model": "would ask the model",
    "effect": "would do without being asked:",
}


def whole(found: DryRun) -> RenderableType:
    """All of it."""
    parts: list[RenderableType] = [
        text("DRY RUN: nothing of this has happened", "bold yellow"),
        plan.preview(found.planned, command=""),
        text(""),
        text(f"As far as it goes by itself: {one_line(found.status)}" + (f", {found.reason}" if found.reason else "")),
    ]
    if not found.is_whole:
        parts.append(text("It was still at work when the time was up; what follows is not all.", "red"))
    for number, card in enumerate(found.cards, 1):
        parts += [
            text(""),
            text(f"Approval {number} of {len(found.cards)}, as it would be asked for", "bold"),
            approval.whole(card, commands=False),
        ]
    if found.refusals:
        parts += [text(""), text("Would be refused", "bold")]
        parts += [text(f"  {one.step or 'the plan'} {one.tool}: {one.reason}", "red") for one in found.refusals]
    if found.trips:
        parts += [text(""), text("Stopped here; what would follow is not known", "bold")]
        parts += [text(f"  {_trip(one)}", "yellow") for one in found.trips]
    parts += [text(""), *_proof(found.proof)]
    parts.append(text(f"To begin exactly this: cuga run --as {found.run_id}", "cyan"))
    return Group(*parts)


def _trip(one: Trip) -> str:
    by = ", ".join(f"{use} through {name}" for use, name in one.adapters.items())
    who = f"{one.step} {one.tool}" + (f" ({by})" if by else "") if one.step else "before any call it"
    often = f", {one.times} times" if one.times > 1 else ""
    return f"{who} {_WHAT[one.kind]} {one.what}{often}"


def _proof(proof: Proof) -> Iterator[RenderableType]:
    """What shows that nothing happened."""
    tried = f"{proof.attempts} attempted, all stopped" if proof.attempts else "0 attempted"
    behind = "; behind it the operating system's own wall" if "kernel" in proof.walls else ""
    yield text(f"Reaching out (connections, programs, files elsewhere): {tried}{behind}", "green")
    yield text(f"Effects: {proof.effects}", "green" if not proof.effects else "red")
    if proof.files_changed:
        yield text(f"Files of the house changed meanwhile: {', '.join(proof.files_changed[:5])}", "red")
    else:
        yield text(f"Files of the house changed: 0 of {proof.files}, digest {proof.files_digest[:16]}", "green")
    if proof.events_after == proof.events_before:
        yield text(f"Its journal stands at event {proof.events_after} as before", "green")
    else:
        yield text(
            f"Its journal went from event {proof.events_before} to {proof.events_after}: other work goes on there",
            "yellow",
        )
