"""What holds in a house now: people and their roles, standing rules, adapters, worker pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from cuga.cli.render.outputs import plain_table
from cuga.cli.screen import text
from cuga.policy.access import still_governs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuga.orchestrator.looking.reading import HouseNow
    from cuga.orchestrator.looking.standing import AdapterLine, Workers


def drawn(house: HouseNow, part: str) -> RenderableType:
    """One part of it: people or rules."""
    return Group(*_halted(house), _people(house) if part == "people" else _rules(house))


def _halted(house: HouseNow) -> list[RenderableType]:
    return [text(f"Halted: {house.halted}", "bold red")] if house.halted else []


def _people(house: HouseNow) -> RenderableType:
    if not house.roles:
        return text(f"{house.owner} alone, who decides on everything; every record says so (solo).")
    table = plain_table("person", "roles")
    for user, roles in sorted(house.roles.items()):
        table.add_row(text(user), text(", ".join(roles)))
    for one in house.delegations:
        table.add_row(
            text(one.delegate),
            text(f"decides for {one.user} until {one.ends:%Y-%m-%d %H:%M} UTC ({one.delegation_id})"),
        )
    return table


def _rules(house: HouseNow) -> RenderableType:
    if not house.standing_rules:
        return text("No standing rules: every proposal is decided by a person or the profile.")
    table = plain_table("rule", "tool", "when", "profile", ">uses", "until (UTC)", "by")
    for rule in house.standing_rules:
        when = ", ".join(f"{pointer} is {value}" for pointer, value in rule.matches.items()) or "always"
        table.add_row(
            text(rule.rule_id),
            text(rule.tool),
            text(when),
            text(rule.profile or "any"),
            str(rule.uses),
            f"{rule.expires_at:%Y-%m-%d %H:%M}",
            text(rule.by if still_governs(rule.by, house.roles) else f"{rule.by}, no admin now: it does not count"),
        )
    return table


def drawn_adapters(lines: Sequence[AdapterLine], house: HouseNow) -> RenderableType:
    """The adapters by capability, with what keeps one from being used."""
    table = plain_table("for", "adapter", "", "mode", "switched by")
    chosen = {line.capability: line for line in lines if line.chosen}
    for line in lines:
        if not line.enabled:
            state = text(f"switched off: {line.reason}" if line.reason else "switched off", "red")
        elif not line.installed:
            words = ["only this one"] * line.chosen + [line.absent.partition(":")[0]]
            state = text(", ".join(words), "red" if line.chosen else "dim")
        else:
            passed_over = not line.chosen and line.capability in chosen
            words = ["ready"] + ["only this one"] * line.chosen + ["passed over"] * passed_over
            words += ["reads only"] * (not line.can_write)
            state = text(", ".join(words), "dim" if passed_over else "green")
        who = f"{line.switched_by}, {line.switched_at:%Y-%m-%d %H:%M} UTC" if line.switched_at else ""
        table.add_row(text(line.capability), text(line.adapter), state, text(line.mode), text(who))
    dead = [line for line in chosen.values() if not (line.installed and line.enabled)]
    absent = dict.fromkeys(line.adapter for line in lines if line.absent.startswith("not set up"))
    names = " | ".join(name for name in absent if name != "folder")
    more = [text(f"`cuga adapters setup {names}` says what is missing and takes it in.", "dim")] * bool(names)
    return Group(*_halted(house), table, *more, *(_nothing_left(line) for line in dead))


def _nothing_left(line: AdapterLine) -> RenderableType:
    why = f"is {line.absent.partition(':')[0]} here" if line.enabled else "is switched off"
    way_out = f"`cuga adapters mode profile --for {line.capability}` lets the switch go"
    return text(f"Nothing can use {line.capability}: it is switched to {line.adapter}, which {why}; {way_out}.", "red")


def drawn_workers(found: Workers) -> RenderableType:
    """The pools with their places and how they fared."""
    if not found.pools:
        return text(
            "No worker pools are declared: every step runs as its profile allows. See `workers` in the registry."
        )
    table = plain_table("pool", "takes", "adapters", ">busy", ">waiting", ">calls", ">failed", ">latency")
    for one in found.pools:
        takes = ", ".join(one.capabilities) + (f" (only {', '.join(one.tools)})" if one.tools else "")
        table.add_row(
            text(one.pool),
            text(takes),
            text("any" if one.adapters is None else ", ".join(one.adapters) or "none"),
            f"{one.running} of {one.concurrency}",
            str(one.waiting),
            str(one.calls),
            str(one.failures),
            f"{one.latency_us / 1000:.1f} ms",
        )
    return Group(text(f"Steps are routed by {found.policy}."), table)
