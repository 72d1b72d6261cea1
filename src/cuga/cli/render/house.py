"""What holds in a house now: people and their roles, standing rules, what is switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from cuga.cli.render.outputs import plain_table
from cuga.cli.screen import text

if TYPE_CHECKING:
    from cuga.orchestrator.reading import HouseNow


def drawn(house: HouseNow, part: str) -> RenderableType:
    """One part of it: people, rules or adapters."""
    halted = [text(f"Halted: {house.halted}", "bold red")] if house.halted else []
    match part:
        case "people":
            body = _people(house)
        case "rules":
            body = _rules(house)
        case _:
            body = _adapters(house)
    return Group(*halted, body)


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
            text(rule.by),
        )
    return table


def _adapters(house: HouseNow) -> RenderableType:
    table = plain_table("for", "adapter", "")
    for capability, names in house.adapters.items():
        for name in names:
            if name in house.disabled_adapters:
                state = text(f"switched off: {house.disabled_adapters[name]}", "red")
            elif name in house.installed_adapters.get(capability, ()):
                state = text("ready", "green")
            else:
                state = text("declared, not installed", "dim")
            table.add_row(text(capability), text(name), state)
    return table
