"""What a tool gave, as a seller reads it: a score as a table of points, a draft as a message, a deal by its elements.

An output of another shape is shown as what it is, name by name; nothing of it is left out unless it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table

from cuga.cli.render.report import SHAPE, report
from cuga.cli.screen import one_line, text

MOST_ROWS = 20  # of a list in a readable result; `--json` has all of them
_COLOURS = {
    "met": "green", "near": "yellow", "missed": "red", "unknown": "dim", "confirmed": "green", "partial": "yellow",
    "denied": "red", "contradicted": "red", "qualified": "green", "gaps": "yellow", "at risk": "red", "error": "red",
    "blocking": "red", "warning": "yellow", "filled": "green", "not known": "dim",
    "unmet": "red", "agreed": "green", "differs": "yellow", "likely": "green", "possible": "yellow",
    "yes": "green", "ask": "yellow", "no": "red",
}  # fmt: skip


def shown(output: Any) -> RenderableType:
    """An output, decoded from JSON, drawn by its shape."""
    if isinstance(output, Mapping):
        for names, draw in _all_shapes():
            if names <= output.keys():
                return draw(output)
    return text("\n".join(_plain(output)))


def plain_table(*columns: str, title: str = "") -> Table:
    """A table without a frame, as all of them are. `>` before a name: to the right; `=`: on one line, to be copied."""
    table = Table(box=None, pad_edge=False, header_style="bold", title=title or None, title_justify="left")
    for column in columns:
        right, whole = column.startswith(">"), column.startswith("=")
        name = column.lstrip(">=")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=whole)
    return table


class Fitting:
    """A table where it fits; on a narrower screen the same, one below the other."""

    def __init__(self, table: RenderableType, below: RenderableType, least: int) -> None:
        self._table, self._below, self._least = table, below, least

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._table if options.max_width >= self._least else self._below


def rests_on(facts: Iterable[Mapping[str, Any]]) -> list[RenderableType]:
    """The rows that something rests on; nothing where there are none."""
    table = plain_table("it rests on", "field", "value", "row")
    for fact in facts:
        table.add_row(*(text(fact.get(part, "")) for part in ("record", "field", "value", "source")))
    return [table] if table.row_count else []


def indented(said: RenderableType, by: int) -> RenderableType:
    """Something whose every line is moved in, those that wrap too."""
    return Padding(said, (0, 0, 0, by), expand=False)


def coloured(word: Any) -> RenderableType:
    """A state in its colour."""
    return text(word, _COLOURS.get(str(word), ""))


def _score(output: Mapping[str, Any]) -> RenderableType:
    head = text(f"{output['account']}: {output['score']} of 100, tier {output['tier']}", "bold")
    head.append(f"   {output['coverage']} % of the weight is known", "dim")
    table = plain_table("factor", "state", ">points", ">of", "why")
    for factor in output["factors"]:
        table.add_row(
            text(factor["factor"]),
            coloured(factor["state"]),
            str(factor["points"]),
            str(factor["of"]),
            text(factor["why"]),
        )
    return Group(
        head,
        Padding(table, (0, 0, 0, 2), expand=False),
        *listed("unknown", output["unknowns"]),
        *listed("rules it out", output["disqualifiers"]),
        *notes(output),
    )


def written_by(output: Mapping[str, Any]) -> list[RenderableType]:
    """That a language model wrote a text, and what it says that stands in no record."""
    if not output.get("written_by"):
        return []
    said = ", ".join(output.get("unproven", ()))
    lines = [text(f"  written by {output['written_by']}", "magenta")]
    return [*lines, text(f"  stands in no record: {said}", "yellow")] if said else [*lines]


def _message(output: Mapping[str, Any]) -> RenderableType:
    who = " ".join(
        part
        for part in (
            output.get("recipient_name", ""),
            f"<{output['recipient']}>" if output.get("recipient") else "",
            f"({output['recipient_title']})" if output.get("recipient_title") else "",
        )
        if part
    )
    head = text(f"To: {who or 'nobody yet: the recipient is not known'}\n")
    if output.get("subject"):
        head.append_text(text(f"Subject: {output['subject']}\n"))
    missing = [
        indented(text(f"missing: {gap['field']}: {gap['why']}", "red" if gap.get("blocking") else "yellow"), 2)
        for gap in output.get("unfilled", ())
    ]
    body = Group(head, text(output["body"]))
    return Group(
        Panel(body, title=text(output.get("channel", "message")), title_align="left", expand=False, width=100),
        *written_by(output),
        *missing,
        *notes(output),
    )


def _quality(output: Mapping[str, Any]) -> RenderableType:
    ready = "ready to send" if output["ready_to_send"] else "not ready to send"
    head = text(f"{output['score']} of 100, grade {output['grade']}, {ready}", "bold")
    head.append(f"   {output['words']} words", "dim")
    table = plain_table("check", ">points", ">of")
    short = [check for check in output["checks"] if check["points"] < check["of"]]
    for check in short:
        table.add_row(text(check["check"]), str(check["points"]), str(check["of"]))
    whole = len(output["checks"]) - len(short)
    parts: list[RenderableType] = [head]
    if short:
        parts.append(Padding(table, (0, 0, 0, 2), expand=False))
    parts.append(text(f"  {whole} of {len(output['checks'])} checks give full points", "dim"))
    for issue in output["issues"]:
        line = text("  ").append_text(text(issue["weight"], _COLOURS.get(issue["weight"], "")))
        line.append_text(text(f" {issue['check']}: {issue['says']}"))
        if issue.get("text"):
            line.append_text(text(f"  “{one_line(issue['text'], 60)}”", "dim"))
        parts.append(line)
    return Group(*parts, *notes(output))


def _qualification(output: Mapping[str, Any]) -> RenderableType:
    parts: list[RenderableType] = []
    for deal in output["deals"]:
        head = text(f"{deal['opportunity']}", "bold")
        head.append_text(text(f" ({deal['account'] or 'no account'}), {output['framework']}: "))
        head.append_text(text(deal["verdict"], _COLOURS.get(deal["verdict"], "")))
        if deal["readiness"] is not None:
            head.append_text(text(f", readiness {deal['readiness']} of 100"))
        if deal["unknown_share"]:
            head.append_text(text(f", {deal['unknown_share']} % unknown", "dim"))
        table = plain_table("element", "state", "why", "said", "where")
        for element in deal["elements"]:
            said = element["statement"]
            quote = f"“{said['quote']}” {said['who']}".strip() if said and said["quote"] else ""
            table.add_row(
                text(element["element"]),
                coloured(element["state"]),
                text(element["why"]),
                text(quote),
                text(said["source"] if said else ""),
            )
        parts += [
            head,
            Padding(table, (0, 0, 0, 2), expand=False),
            *listed("ask next", deal["next_questions"], numbered=True),
            *notes(deal),
        ]
    if output["others"]:
        parts += listed("other open deals of the account, not looked at", output["others"])
    if not output["deals"]:
        parts.append(text("no deal to look at"))
    return Group(*parts, *notes(output))


def _rows(output: Mapping[str, Any]) -> RenderableType:
    rows = output["rows"][:MOST_ROWS]
    head = text(f"{output['total']:,} {output['kind']}", "bold")
    if output["total"] > len(rows):
        head.append(f", the first {len(rows)} of them", "dim")
    hidden = {"source"} | ({"id"} if all(row.get("id") == row.get("name") for row in rows) else set())
    names = list(dict.fromkeys(name for row in rows for name in row if name not in hidden))[:9]
    table = plain_table(*names, "where")
    table.columns[-1].no_wrap = True
    for row in rows:
        table.add_row(*(text(one_line(_grouped(name, row), 40)) for name in names), text(row.get("source", "")))
    return Group(head, Padding(table, (0, 0, 0, 2), expand=False) if rows else text("  none"), *notes(output))


def _grouped(name: str, row: Mapping[str, Any]) -> Any:
    """An amount with its thousands apart; anything else as it is."""
    value = row.get(name, "")
    is_amount = name in ("amount", "price", "revenue", "employees") and isinstance(value, int | float)
    return f"{value:,}" if is_amount else value


def _committee(output: Mapping[str, Any]) -> RenderableType:
    table = plain_table("seat", "state", "who", "why", "where")
    for seat in output["seats"]:
        people = seat["people"] or [{}]
        for at, person in enumerate(people):
            who = f"{person.get('name', '')}, {person.get('title', '')}".strip(", ")
            if person.get("unsubscribed"):
                who += " (wants no mail)"
            table.add_row(
                text(seat["seat"] if not at else ""),
                coloured(seat["state"] if not at else ""),
                text(who),
                text(person.get("why", "")),
                text(person.get("source", "")),
            )
    return Group(text(output["account"], "bold"), Padding(table, (0, 0, 0, 2), expand=False), *notes(output))


def _sent(output: Mapping[str, Any]) -> RenderableType:
    if output["simulated"]:
        return text(
            f"Not sent: this profile only shows what would leave the house. It would go to {output['recipient']}.",
            "yellow",
        )
    head = text(f"Sent to {output['recipient']}", "bold green")
    place = str(output["place"])
    is_handed_in = "://" in place  # a server that took it; else a file, which has not left this machine
    return Group(
        head,
        text(f"  taken by {place}", "dim")
        if is_handed_in
        else text(f"  file {place} in the outbox of the house, where your mail program takes it from", "dim"),
        text(f"  body sha256 {output['body_hash']}", "dim"),
    )


def _simulated(output: Mapping[str, Any]) -> RenderableType:
    """A call that this profile only shows; a message is drawn as one."""
    ways = ", ".join(f"{capability} through {adapter}" for capability, adapter in (output["adapters"] or {}).items())
    said = f"Not done: this profile only shows what {output['tool']} would do" + (f", {ways}." if ways else ".")
    parts: list[RenderableType] = [text(said, "yellow")]
    for name, value in output["arguments"].items():
        is_drawn = isinstance(value, Mapping) and any(names <= value.keys() for names, _ in _all_shapes())
        parts.append(shown(value) if is_drawn else text("\n".join(_plain({name: value}))))
    return Group(*parts)


def listed(title: str, items: Any, *, numbered: bool = False) -> Iterator[RenderableType]:
    """A list under its title; nothing for an empty one."""
    if items:
        yield text(f"  {title}:", "bold")
        for number, item in enumerate(items, start=1):
            yield Padding(text(f"{number}. {item}" if numbered else f"- {item}"), (0, 0, 0, 4), expand=False)


def notes(output: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The assumptions and notes of an output."""
    for note in (*output.get("assumptions", ()), *output.get("notes", ())):
        yield Padding(text(note, "dim"), (0, 0, 0, 2), expand=False)


def _all_shapes() -> Iterator[tuple[Set[str], Callable[[Mapping[str, Any]], RenderableType]]]:
    from cuga.cli.render import data, deals, knowledge, outreach

    yield from _SHAPES
    yield from knowledge.SHAPES
    yield from data.SHAPES
    yield from deals.shapes()
    yield from outreach.SHAPES
    yield SHAPE, report  # what nobody draws in a way of its own


def _plain(value: Any) -> Iterator[str]:
    from cuga.projections.card import readable

    yield from readable(value)


_SHAPES = (
    ({"simulated", "tool", "adapters", "arguments"}, _simulated),
    ({"score", "tier", "factors", "coverage", "unknowns", "disqualifiers", "account"}, _score),
    ({"kind", "body", "body_hash"}, _message),
    ({"ready_to_send", "checks", "issues", "grade", "score", "words"}, _quality),
    ({"framework", "deals", "others"}, _qualification),
    ({"kind", "total", "rows"}, _rows),
    ({"seats", "gaps", "account"}, _committee),
    ({"sent", "simulated", "recipient", "body_hash", "place"}, _sent),
)
