"""Clearances, cadences, hours, replies and rates, as a seller reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding

from cuga.cli.render.outputs import indented, plain_table, rests_on, shown
from cuga.cli.screen import one_line, text

CLEARANCE = {"recipients", "allowed", "review", "blocked"}
_COLOURS = {"allow": "green", "needs review": "yellow", "block": "red", "met": "green", "open": "yellow",
            "broken": "red", "note": "dim", "interest": "green", "unsubscribe": "red", "bounce": "red"}  # fmt: skip


def _compliance(output: Mapping[str, Any], most: int = 20) -> RenderableType:
    need = "needs" if output["review"] == 1 else "need"
    head = text(f"{output['allowed']} allowed, {output['review']} {need} review, {output['blocked']} blocked", "bold")
    parts: list[RenderableType] = [head]
    for one in output["recipients"][:most]:
        who = f"{one['name']} <{one['recipient']}>" if one["name"] else one["recipient"]
        line = text(one["verdict"], _COLOURS.get(one["verdict"], ""))
        line.append_text(text(f"  {who}, {one['country'] or 'country not known'}: {one['law']}"))
        parts.append(indented(line, 2))
        for finding in one["findings"]:
            said = text(finding["state"], _COLOURS.get(finding["state"], ""))
            said.append_text(text(f" {finding['about'].replace('_', ' ')}: {finding['says']}"))
            parts += [indented(said, 4), indented(text(finding["rule"], "dim"), 6)]
    if len(output["recipients"]) > most:
        parts.append(text(f"  and {len(output['recipients']) - most} more; --json has all", "dim"))
    return Group(*parts, *_said(output))


def clearances(output: Mapping[str, Any]) -> RenderableType:
    """Clearances with the rows they rest on and all that is said beside them: nothing is left out."""
    facts = [fact for one in output["recipients"] for fact in one["evidence"]]
    drawn = {"recipients", "allowed", "review", "blocked", "notes"}
    rest = {name: value for name, value in output.items() if name not in drawn}
    return Group(_compliance(output, most=len(output["recipients"])), *rests_on(facts), shown(rest))


def _cadence(output: Mapping[str, Any]) -> RenderableType:
    parts: list[RenderableType] = [
        text(f"{len(output['touches'])} touches for {output['persona'] or 'anybody'}", "bold")
    ]
    people = output["people"]
    for who, touches in [(_person(one), one["touches"]) for one in people] or [("", output["touches"])]:
        if who:
            parts.append(text(f"  {who}"))
        table = plain_table(">", "day", "channel", "purpose", "draft it with")
        for touch in touches:
            said = (touch["day"], touch["channel"], touch["purpose"], touch["goal"])
            table.add_row(str(touch["number"]), *(text(word) for word in said))
        if touches:
            parts.append(Padding(table, (0, 0, 0, 4 if who else 2), expand=False))
    parts.append(text(f"  It stops at {', '.join(output['stop_rules'])}.", "dim"))
    return Group(*parts, *_said(output))


def _person(one: Mapping[str, Any]) -> str:
    who = f"{one['name'] or one['contact']}{', ' + one['country'] if one['country'] else ''}"
    return ": ".join(part for part in (who, one["why"], *one["notes"]) if part)


def _schedule(output: Mapping[str, Any]) -> RenderableType:
    table = plain_table("local", "UTC", "zone", "who", "channel", "moved by")
    for one in output["moments"][:40]:
        moved = one_line("; ".join(one["moved"]), 40)
        who = one["name"] or one["contact"]
        said = (one["local"][:16].replace("T", " "), one["utc"][11:16], one["zone"], who, one["channel"], moved)
        table.add_row(*(text(word) for word in said))
    head = text(f"{len(output['moments'])} touches", "bold")
    gone = [text(f"  no hour for {word}") for word in (*output["unknowns"], *output["left_out"])]
    file = [text("  `ics` holds them as a calendar file: cuga result RUN --json", "dim")] if output["ics"] else []
    return Group(head, Padding(table, (0, 0, 0, 2), expand=False), *gone, *file, *_said(output))


def _reply(output: Mapping[str, Any]) -> RenderableType:
    kind = output["kind"].replace("_", " ")
    head = text(kind, f"bold {_COLOURS.get(output['kind'], '')}".strip())
    days = (("back_on", "back on"), ("ask_again_on", "ask again on"))
    head.append_text(text("".join(f", {word} {output[name]}" for name, word in days if output[name])))
    parts: list[RenderableType] = [head]
    if output["quote"]:
        parts.append(text(f"  “{one_line(output['quote'], 100)}”", "dim"))
    parts.append(text(f"  {output['next']}"))
    if output["named"]:
        parts.append(text(f"  named in it: {', '.join(output['named'])}"))
    return Group(*parts, *_said(output))


def _rates(output: Mapping[str, Any]) -> RenderableType:
    table = plain_table("what went out", ">sent", ">replies", "reply rate", ">interested", ">meetings", ">opt-outs")
    for one in output["groups"]:
        rate = one["reply_rate"]
        shown = f"{rate['percent']:g} % ({rate['low']:g} to {rate['high']:g})" if one["sent"] else "-"
        counts = (one["interested"], one["meetings"], one["opt_outs"])
        table.add_row(
            text(one["name"]), str(one["sent"]), str(one["replies"]), shown, *(str(count) for count in counts)
        )
    return Group(
        text(output["verdict"], "bold"),
        text(f"  {output['why']}"),
        Padding(table, (0, 0, 0, 2), expand=False),
        *_said(output),
    )


def _templates(output: Mapping[str, Any]) -> RenderableType:
    table = plain_table("template", ">version", "channel", "state", "variables", "changed")
    for one in output["templates"]:
        said = (one["channel"], one["state"], ", ".join(one["needs"]), one["on"])
        table.add_row(text(one["name"]), str(one["version"]), *(text(word) for word in said))
    parts: list[RenderableType] = [text(output["did"], "bold"), Padding(table, (0, 0, 0, 2), expand=False)]
    if output["text"]:
        parts.append(Padding(text(output["text"]), (0, 0, 0, 4), expand=False))
    return Group(*parts, *_said(output))


def _said(output: Mapping[str, Any]) -> list[RenderableType]:
    notes = (*output.get("assumptions", ()), *output.get("notes", ()))
    return [Padding(text(note, "dim"), (0, 0, 0, 2), expand=False) for note in notes]


SHAPES = (
    (CLEARANCE, _compliance),
    ({"touches", "stop_rules", "per_week", "people"}, _cadence),
    ({"moments", "ics", "left_out"}, _schedule),
    ({"kind", "quote", "hints", "back_on"}, _reply),
    ({"groups", "verdict", "why", "needed"}, _rates),
    ({"templates", "did", "text"}, _templates),
)
