"""What the knowledge tools gave, as a seller reads it: quotes with their places, and what nobody wrote down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding

from cuga.cli.render.outputs import coloured, listed, notes, plain_table
from cuga.cli.screen import text


def _passages(output: Mapping[str, Any]) -> RenderableType:
    head = text(output["question"], "bold") if output["found"] else text("This is not in the documents", "bold yellow")
    parts: list[RenderableType] = [head]
    for quote in output["passages"]:
        parts += _quoted(quote["heading"] or quote["title"], quote["text"], quote)
    return Group(*parts, *notes(output))


def _matches(output: Mapping[str, Any]) -> RenderableType:
    parts: list[RenderableType] = []
    for match in output["matches"]:
        head = text(match["product"], "bold")
        head.append_text(text(f"  meets {match['score']} %, {match['coverage']} % of the needs are written about"))
        head.append_text(text(f"  {match['price']}", "dim"))
        parts.append(head)
        if match["excluded"]:
            parts.append(text(f"  ruled out: {match['excluded']}", "red"))
        spoken = [need for need in match["needs"] if need["state"] != "unknown"]
        table = plain_table("need", "state", "what is written", "where")
        for need in spoken:
            wanted = f"{need['need']}{' (hard)' if need['hard'] else ''}"
            table.add_row(text(wanted), coloured(need["state"]), text(need["quote"]), text(need["source"]))
        if spoken:
            parts.append(Padding(table, (0, 0, 0, 2), expand=False))
    return Group(*parts, *listed("nobody writes about", output["unknowns"]), *notes(output))


def _battlecard(output: Mapping[str, Any]) -> RenderableType:
    parts: list[RenderableType] = [text(f"Against {output['competitor']}", "bold")]
    side = ""
    for claim in output["claims"]:
        if claim["side"] != side:
            side = claim["side"]
            parts.append(text(f"  {side}", "bold red" if side == "we lose" else "bold"))
        flag = "" if claim["state"] == "current" else f", {claim['state']}"
        line = text(f"- {claim['text']}").append_text(text(f"  {_place(claim)}{flag}", "dim"))
        parts.append(Padding(line, (0, 0, 0, 4), expand=False))
    return Group(
        *parts, *listed("nothing is written on", output["unknowns"]), *listed("not used", output["not_used"]),
        *notes(output),
    )  # fmt: skip


def _collateral(output: Mapping[str, Any]) -> RenderableType:
    table = plain_table("piece", ">points", "send", "why", "fits by", "where")
    for piece in output["pieces"]:
        fits = "; ".join(piece["reasons"])
        unknown = f"; not known: {', '.join(piece['unknowns'])}" if piece["unknowns"] else ""
        table.add_row(
            text(f"{piece['title']} ({piece['kind'] or 'document'})"), str(piece["score"]), coloured(piece["send"]),
            text(piece["why"]), text(fits + unknown), text(piece["file"]),
        )  # fmt: skip
    asked = ", ".join(f"{name} {value}" for name, value in output["asked"].items())
    shown = Padding(table, (0, 0, 0, 2), expand=False) if output["pieces"] else text("  nothing fits")
    return Group(text(f"For {asked}", "bold"), shown, *notes(output))


def _objection(output: Mapping[str, Any]) -> RenderableType:
    parts: list[RenderableType] = [text(f"“{output['objection']}”", "bold")]
    for answer in output["answers"]:
        parts += _quoted(answer["heading"], answer["answer"], answer)
        parts += listed("proof", answer["proof"])
        parts += listed("ask back", answer["question_back"])
    return Group(*parts, *notes(output))


def _quoted(heading: str, said: str, quote: Mapping[str, Any]) -> Iterator[RenderableType]:
    flag = "" if quote["state"] == "current" else f" [{quote['state']}]"
    yield text(f"  {heading}", "bold").append_text(text(f"  {_place(quote)}{flag}", "dim"))
    yield Padding(text(said), (0, 0, 0, 4), expand=False)


def _place(quote: Mapping[str, Any]) -> str:
    line = f":{quote['line']}" if quote["line"] else ""
    return f"{quote['file']}{line}{', ' + quote['date'] if quote['date'] else ''}"


SHAPES = (
    ({"question", "found", "passages", "missing"}, _passages),
    ({"matches", "unknowns", "rules"}, _matches),
    ({"competitor", "claims", "not_used"}, _battlecard),
    ({"asked", "pieces"}, _collateral),
    ({"objection", "subject", "answers"}, _objection),
)
