"""An approval on a screen: what exactly would be done, why, what follows, and who may decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel

from cuga.cli.render import deals, outreach
from cuga.cli.render.asking import commands_for
from cuga.cli.render.outputs import Fitting, plain_table, rests_on, shown
from cuga.cli.screen import command, one_line, text
from cuga.model.value import units
from cuga.projections.card import readable

if TYPE_CHECKING:
    from cuga.orchestrator.looking.showing import CardNow
    from cuga.projections.card import Card
    from cuga.projections.runs import RunLine

_RISK = {"high": "bold red", "medium": "yellow", "low": "green"}


def listed(cards: Sequence[Card], others: Sequence[RunLine] = ()) -> RenderableType:
    """The inbox: open requests, then the parked runs that wait for something else, e.g. an answer or a budget."""
    if not cards and not others:
        return text("Nothing waits for a decision.")
    parts = [*(_requests(cards) if cards else ()), *([text("")] if cards and others else ())]
    if others:
        parts.append(text("These runs wait for something else", "bold"))
        table = plain_table("=run", "waits for")
        for line in others:
            table.add_row(text(line.run_id), text(one_line(line.reason, 100)))
        parts += [table, text(""), text("cuga show RUN says what you can do", "cyan")]
    return Group(*parts)


def _requests(cards: Sequence[Card]) -> list[RenderableType]:
    table = plain_table("=id", "=risk", "what", "for", "=left")
    below: list[RenderableType] = []
    now = datetime.now(UTC)
    for card in cards:
        what = text(card.tool, "bold").append_text(text(f" {_target(card)}"))
        risk, goal, left = text(card.risk, _RISK.get(card.risk, "")), text(one_line(card.goal, 60)), _left(card, now)
        table.add_row(text(card.approval_id), risk, what, goal, text(left))
        head = text(f"{card.approval_id}  ").append_text(risk).append_text(text(f"  {left} left"))
        below += [head, Padding(Group(what, goal), (0, 0, 0, 2), expand=False)]
    return [
        Fitting(table, Group(*below), 80),
        text(""),
        text("cuga show ID, then approve, deny, amend or request-changes", "cyan"),
    ]


def whole(card: Card, *, commands: bool = True, now: CardNow | None = None, rehearsed: str = "") -> RenderableType:
    """One request, open or closed; the commands are those that whoever looks may give `now`."""
    head = text(f"{card.approval_id}  ", "bold")
    head.append_text(text(_state(card), "bold cyan" if card.is_open else "bold"))
    facts = plain_table("", "")
    for name, value in _facts(card):
        facts.add_row(text(name, "dim"), value)
    parts: list[RenderableType] = [
        head,
        facts,
    ]
    for title, arguments in _exact(card):
        parts.append(Panel(_exactly(arguments), title=title, title_align="left", expand=False, border_style="cyan"))
    parts += [text(f"then: {consequence}") for consequence in card.consequences]
    for vote in card.votes:
        who = f"{vote.by or vote.rule}{' (solo)' if vote.solo else ''}"
        why = f", {vote.reason}" if vote.reason else ""
        behalf = f" for {vote.on_behalf_of}" if vote.on_behalf_of else ""
        parts.append(text(f"{vote.at:%Y-%m-%d %H:%M} UTC  {who}{behalf}: {vote.verdict}{why}"))
    parts.append(text(f"digest {card.digest}", "dim"))
    if rehearsed:
        parts.append(text(rehearsed, "bold yellow" if rehearsed.startswith("not") else "green"))
    if commands and card.is_open:
        parts += [command(said, why) for said, why in commands_for(card, now)]
    return Group(*parts)


def _facts(card: Card) -> list[tuple[str, RenderableType]]:
    adapters = ", ".join(f"{capability} through {adapter}" for capability, adapter in card.adapters.items())
    who = " or ".join(card.roles) or "anybody else"
    quorum = f", {card.quorum} people must agree" if card.quorum > 1 else ""
    count = f", {len(card.calls)} calls" if len(card.calls) > 1 else ""
    rows = [
        ("tool", text(f"{card.tool} ({card.side_effect}, {card.domain}){count}, cost {units(card.cost):g}")),
        ("risk", text(card.risk, _RISK.get(card.risk, ""))),
        ("why", text(card.reason)),
        ("goal", text(card.goal)),
        ("asked by", text(", ".join(card.requesters) or "-")),
        ("may decide", text(f"{who}{quorum}")),
        ("until", text(f"{card.expires_at:%Y-%m-%d %H:%M} UTC")),
    ]
    if adapters:
        rows.insert(1, ("by way of", text(adapters)))
    return rows  # type: ignore[return-value]


def _exact(card: Card) -> Iterator[tuple[str, Any]]:
    """What is asked for, call by call; of a list each under its name, so that it can be amended or taken off."""
    each = card.each
    for place, (step, arguments) in enumerate(each.items(), 1):
        yield (f"{step}, {place} of {len(each)}: exactly this" if card.calls else "exactly this"), arguments


def _exactly(arguments: Any) -> RenderableType:
    """The arguments as they will be used. A message is drawn as one, its other fields follow: nothing is left out."""
    known = arguments.items() if isinstance(arguments, dict) else ()
    messages = {name: value for name, value in known if _is_message(value)}
    plans = {name: value for name, value in known if _is_plan(value)}
    if not messages and not plans:
        return text("\n".join(readable(arguments)))
    parts: list[RenderableType] = [_message(name, value) for name, value in messages.items()]
    parts += [deals.territory_plan(value) for value in plans.values()]
    for name, value in known:
        if name not in messages and name not in plans:
            is_drawn = isinstance(value, dict) and value.keys() >= outreach.CLEARANCE
            parts.append(text(f"{name}:", "dim"))
            parts.append(Padding(outreach.clearances(value) if is_drawn else shown(value), (0, 0, 0, 2), expand=False))
    return Group(*parts)


def _is_plan(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"moves", "plan_hash"}


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and {"body", "body_hash", "kind"} <= value.keys()


def _message(name: str, value: dict[str, Any]) -> RenderableType:
    drawn = ("body", "subject", "notes", "unfilled", "facts")
    rest = {key: item for key, item in value.items() if key not in drawn}
    return Group(
        shown(value),
        *rests_on(value.get("facts", ())),
        text(f"{name}, the rest of it:", "dim"),
        Padding(shown(rest), (0, 0, 0, 2), expand=False),
    )


def _state(card: Card) -> str:
    if card.is_open:
        return f"open, {card.missing} must still agree" if card.quorum > 1 else "open"
    by = f" by {card.closed_by}" if card.closed_by else ""
    why = f": {card.closed_why}" if card.closed_why else ""
    return f"{card.state}{by}{why}"


def _target(card: Card) -> str:
    if card.calls:
        return "1 call" if len(card.calls) == 1 else f"{len(card.calls)} calls"
    kind, _, target = card.effect.partition(":")
    return "" if kind == card.tool else one_line(target, 50)  # without an effect key it is only a digest


def _left(card: Card, now: datetime) -> str:
    left = card.time_left(now).total_seconds()
    if left <= 0:
        return "too late"
    return f"{left / 3600:.0f} h" if left >= 5400 else f"{left / 60:.0f} min"
