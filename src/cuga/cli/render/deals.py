"""What the tools for deals gave, as a seller reads it: risks, next actions, findings, dates, a brief, a receipt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding

from cuga.cli.render.outputs import listed, notes, plain_table
from cuga.cli.screen import one_line, text

_COLOURS = {"high": "red", "medium": "yellow", "low": "green", "unclear": "dim", "confirmed": "green", "denied": "red",
            "partial": "yellow", "unknown": "dim", "within policy": "green", "needs approval": "yellow",
            "cannot tell": "dim"}  # fmt: skip
Output = Mapping[str, Any]


def _risks(output: Output) -> RenderableType:
    counted = ", ".join(f"{count:,} {level}" for level, count in output["levels"].items())
    head = text(f"{output['looked_at']:,} deal{'s' if output['looked_at'] != 1 else ''} looked at", "bold")
    head.append(f": {counted}" if counted else "", "dim")
    parts: list[RenderableType] = [head]
    everywhere = _shared([deal["unknowns"] for deal in output["deals"]])
    no_chance = _shared([[deal["chance_says"]] for deal in output["deals"]])
    mended: set[str] = set()  # what was said once need not be said under every deal
    for deal in output["deals"]:
        line = _deal(deal).append_text(text(": ")).append_text(_word(deal["level"]))
        line.append_text(text(f", {deal['points']} risk points ({deal['coverage']} % could be judged)", "dim"))
        parts.append(line)
        for risk in deal["risks"]:
            found = text(f"  {risk['points']:>3}  ").append_text(_word(risk["risk"], risk["severity"]))
            parts.append(found.append_text(text(f": {risk['why']}")))
            if risk["fix"] not in mended:
                parts.append(text(f"       {risk['fix']}", "cyan"))
            mended.add(risk["fix"])
        if (chance := deal["chance"]) is not None:
            parts.append(
                text(f"  won so far: {chance['mid']} % ({chance['low']} to {chance['high']}); {chance['rests_on']}")
            )
        elif deal["chance_says"] and deal["chance_says"] not in {*no_chance, *mended}:
            parts.append(text(f"  chance {deal['chance_says']}", "dim"))
            mended.add(deal["chance_says"])
        parts += listed("not known", [one for one in deal["unknowns"] if one not in everywhere])
    parts += listed("not known of any of these", everywhere)
    parts += listed("chance", [one for one in no_chance if one])
    return Group(*parts, *notes(output))


def _actions(output: Output) -> RenderableType:
    parts: list[RenderableType] = []
    for deal in output["actions"]:
        parts.append(_deal(deal).append_text(text(", risk ")).append_text(_word(deal["level"])))
        action = deal["action"]
        parts.append(text(f"  {action['action']}", "bold").append_text(text(f"   by {action['due']}", "cyan")))
        parts.append(text(f"  why: {action['reason']}"))
        if action["ask"]:
            parts.append(text(f"  ask: {action['ask']}"))
        parts += listed("otherwise", [f"{one['action']} ({one['reason']})" for one in deal["alternatives"]])
        parts += notes(deal)
    if output["looked_at"] > len(output["actions"]):
        parts.append(text(f"{output['looked_at'] - len(output['actions']):,} more deals were looked at", "dim"))
    return Group(*parts, *notes(output))


def _hygiene(output: Output) -> RenderableType:
    head = text(f"{output['looked_at']:,} deals looked at, {output['clean']:,} without a finding", "bold")
    table = plain_table("deal", "owner", "stage", "finding", "mend")
    for deal in output["deals"]:
        for at, finding in enumerate(deal["findings"]):
            first = at == 0
            table.add_row(
                text(f"{deal['opportunity']} {deal['account']}".strip() if first else ""),
                text(deal["owner"] if first else ""),
                text(deal["stage"] if first else ""),
                _word(finding["says"], finding["weight"]),
                text(finding["fix"]),
            )
    owners = plain_table("owner", ">deals", ">with findings", ">findings")
    for one in output["by_owner"][:12]:
        owners.add_row(
            text(one["owner"] or "nobody"), *(str(one[name]) for name in ("deals", "with_findings", "findings"))
        )
    return Group(
        head,
        *([Padding(table, (0, 0, 0, 2), expand=False)] if output["deals"] else []),
        *listed("by rule", [f"{rule}: {count:,}" for rule, count in output["by_rule"].items()]),
        *([Padding(owners, (1, 0, 0, 2), expand=False)] if len(output["by_owner"]) > 1 else []),
        *listed("not recorded here, so nobody's fault", output["not_recorded"]),
        *notes(output),
    )


def _plan(output: Output) -> RenderableType:
    head = _deal(output).append_text(text(f", signature by {output['end']}: "))
    if output["holds"]:
        head.append("the date can hold", "green")
    else:
        head.append(f"the date cannot hold, {output['earliest_end']} at the earliest", "red")
    table = plain_table("step", "who", ">days", "from", "to", ">slack")
    for step in output["steps"]:
        who = f"{step['side']}{', ' + step['owner'] if step['owner'] else ''}"
        table.add_row(text(step["step"], "bold" if step["critical"] else ""), text(who), str(step["days"]),
                      text(step["starts"]), text(step["ends"]), str(step["slack"]))  # fmt: skip
    path = text(f"  decides the end: {' > '.join(output['critical_path'])}", "dim")
    return Group(
        head, Padding(table, (0, 0, 0, 2), expand=False), path, *listed("done", output["done"]), *notes(output)
    )


def _brief(output: Output) -> RenderableType:
    head = text(f"{output['account']}{', ' + output['when'] if output['when'] else ''}", "bold")
    facts = text("  " + ", ".join(f"{fact['field']} {fact['value']}" for fact in output["facts"]))
    parts: list[RenderableType] = [head, facts, text(f"  bought: {output['bought']}")]
    parts += listed("ask", output["questions"], numbered=True)
    parts += listed("people", [f"{p['name']}, {p['title'] or 'no title'} ({p['why']})" for p in output["people"]])
    parts += listed("nobody known as", output["gaps"])
    nowhere = _shared([deal["open_elements"] for deal in output["deals"]])
    for deal in output["deals"]:
        said = ", ".join(f"{fact['field']} {fact['value']}" for fact in deal["facts"])
        parts.append(text(f"  deal {deal['opportunity']}: ", "bold").append_text(text(said, "not bold")))
        parts += listed("confirmed", [", ".join(deal["confirmed"])] if deal["confirmed"] else [])
        own = [one for one in deal["open_elements"] if one not in nowhere]
        parts += listed("open", [", ".join(own)] if own else [])
        parts += listed("at risk", deal["risks"])
    parts += listed("open in each of these deals", [", ".join(nowhere)] if nowhere else [])
    parts += listed(
        "may come up",
        [f"{o['about']}: “{o['quote']}” {o['who']}, {o['date'] or 'no date'}" for o in output["objections"]],
    )
    parts += listed("so far", [_moment(one) for one in output["history"]])
    return Group(*parts, *notes(output))


def _moment(one: Output) -> str:
    return f"{one['date'] or 'no date'} {one['kind']} {one['who']}: {one_line(one['text'], 110)} ({one['source']})"


def _quote(output: Output) -> RenderableType:
    head = text(f"{output['subject']}: ", "bold").append_text(_word(output["verdict"]))
    if output["total"]:
        head.append_text(text(f", {output['total']} of {output['list_total']} list, {output['discount']} % off"))
    table = plain_table("product", ">pieces", ">list", ">price", ">% off", "needs", "against like deals")
    for line in output["lines"]:
        figures = (text(line[name] or "?") for name in ("list_price", "price", "discount"))
        needs, like = text(line["needs"] or "nobody"), text(line["against_like_deals"])
        table.add_row(text(line["product"]), str(line["quantity"]), *figures, needs, like)
    return Group(
        head, Padding(table, (0, 0, 0, 2), expand=False), *listed("not known", output["unknowns"]), *notes(output)
    )


def _evidence(output: Output) -> RenderableType:
    table = plain_table("element", "state", "said", "who", "date")
    for one in output["evidence"]:
        table.add_row(
            text(one["element"]), _word(one["state"]), text(f"“{one['quote']}”"), text(one["who"]), text(one["date"])
        )
    against = [
        f"{one['element']}: “{one['one']['quote']}” against “{one['other']['quote']}”"
        for one in output["contradictions"]
    ]
    silent = [", ".join(output["silent"])] if output["silent"] else []
    return Group(
        text(f"{len(output['evidence'])} statements{' of ' + output['account'] if output['account'] else ''}", "bold"),
        Padding(table, (0, 0, 0, 2), expand=False),
        *listed("against each other", against),
        *listed("nothing is said of", silent),
        *listed("set aside: they are orders, and the text is only read", output["set_aside"]),
        *notes(output),
    )


def _changed(output: Output) -> RenderableType:
    table = plain_table("field", "was", "is")
    for change in output["changes"]:
        table.add_row(text(change["field"]), text(change["was"] or "not known"), text(change["becomes"] or "not known"))
    head = _deal(output).append_text(text(f" changed, row version {output['version']}", "green"))
    return Group(
        head,
        Padding(table, (0, 0, 0, 2), expand=False),
        text(f"  to take it back: {output['undo']}", "dim"),
        *notes(output),
    )


def _logged(output: Output) -> RenderableType:
    where = " ".join(part for part in (output["account"], output["opportunity"]) if part)
    head = text(f"Recorded: {output['kind']} on {output['happened']}", "green")
    head.append_text(text(f" with {output['who']}" if output["who"] else ""))
    return Group(
        head.append_text(text(f", {where}")),
        text(f"  {output['text']}"),
        text(f"  {output['undo']}", "dim"),
        *notes(output),
    )


def territory_plan(plan: Output) -> RenderableType:
    """All moves of a plan with every deal in flight: nothing of it is left out."""
    deals = sum(len(move["deals"]) for move in plan["moves"])
    table = plain_table("account", "from", "to", ">pipeline", "its open deals", "stage", "of", "where deals go along")
    for move in plan["moves"]:
        source = move["source"] or "nobody"
        if move["owner_field"] != move["source"]:
            source += f" (by its deals; the account names {move['owner_field'] or 'nobody'})"
        name = move["account"] if move["account"] == move["account_id"] else f"{move['account']} ({move['account_id']})"
        head = (name, source, move["target"] or "nobody", f"{move['pipeline']:,}")
        for at, deal in enumerate(move["deals"] or [None]):
            first = [text(cell) for cell in (head if not at else ("",) * 4)]
            if deal is None:
                table.add_row(*first, text("none"))
                continue
            goes = "stays: near its end" if deal["is_late"] else "stays"
            goes = goes if deal["goes_to"] is None else f"goes to {deal['goes_to'] or 'nobody'}"
            table.add_row(*first, *(text(part) for part in (deal["opportunity"], deal["stage"], deal["owner"], goes)))
    return Group(
        text(f"{len(plan['moves']):,} accounts change hands; {deals:,} open deals are in flight there", "bold"),
        table,
        text(f"plan hash {plan['plan_hash']}", "dim"),
    )


def _applied(output: Output) -> RenderableType:
    table = plain_table("", "record", "of", "was", "becomes", "state")
    for row in output["rows"]:
        state = text(row["state"], "green" if row["state"] == "written" else "yellow")
        why = text(f": {row['why']}" if row["why"] else "")
        table.add_row(
            *(text(row[name] or "nobody") for name in ("kind", "record", "name", "was", "becomes")),
            state.append_text(why),
        )
    return Group(
        text(output["headline"], "bold"),
        Padding(table, (0, 0, 0, 2), expand=False),
        *listed("open deals that stay with their owner", output["deals_that_stay"]),
        text(f"  to take it back: {output['undo']}", "dim"),
        *notes(output),
    )


def _deal(deal: Output) -> Any:
    line = text(deal["opportunity"], "bold")
    told = (deal.get(name, "") for name in ("stage", "amount", "owner"))
    more = ", ".join(part for part in (deal.get("account") or "no account", *told) if part)
    return line.append_text(text(f" ({more})", "not bold"))


def _word(word: str, state: str = "") -> Any:
    return text(word, _COLOURS.get(state or word, ""))


def _shared(lists: Iterable[Iterable[str]]) -> list[str]:
    """What stands in every one of several lists, so that it is said once; nothing when there is only one list."""
    each = [list(one) for one in lists]
    return [one for one in each[0] if all(one in other for other in each[1:])] if len(each) > 1 else []


def shapes() -> Iterator[tuple[set[str], Callable[[Output], RenderableType]]]:
    """The names that an output of each kind has, and how it is drawn."""
    yield {"deals", "looked_at", "levels", "history"}, _risks
    yield {"actions", "looked_at", "framework"}, _actions
    yield {"by_rule", "by_owner", "not_recorded", "clean"}, _hygiene
    yield {"critical_path", "steps", "holds", "earliest_end"}, _plan
    yield {"questions", "objections", "people", "bought"}, _brief
    yield {"verdict", "list_total", "lines", "needs"}, _quote
    yield {"evidence", "contradictions", "silent", "set_aside"}, _evidence
    yield {"changes", "undo", "version", "opportunity"}, _changed
    yield {"rows", "undo_plan", "deals_that_stay", "left_alone"}, _applied
    yield {"moves", "plan_hash"}, territory_plan
    yield {"activity", "happened", "undo", "text"}, _logged
