"""Tighter or looser? A nested rule file and an override may only tighten; this says in words where one would not.

Tighter means: less may be spent, fewer may be used, more must be asked, sooner it ends.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import msgspec

from cuga.model.tool import Repeatable, SideEffect, ToolContract
from cuga.model.value import Value, units
from cuga.policy.profile import Consent, ModelUse, Profile

_RANKS = (SideEffect.READ_ONLY, SideEffect.PROPOSE, SideEffect.EXECUTE)
_CONSENTS = (Consent.NONE, Consent.RULE, Consent.HUMAN)


class Override(Value, frozen=True, kw_only=True):
    """What a registry says of a tool beyond its own contract. None: as the contract has it."""

    side_effect: SideEffect | None = None
    cost: int | None = None
    timeout_s: int | None = None
    domain: str | None = None


def stricter(pinned: ToolContract, now: ToolContract) -> ToolContract:
    """The pinned contract with whatever the one in force says more strictly: class, price, time, repeats, needs."""
    return msgspec.structs.replace(
        pinned,
        side_effect=max(pinned.side_effect, now.side_effect, key=_RANKS.index),
        cost=max(pinned.cost, now.cost),
        timeout_s=min(pinned.timeout_s, now.timeout_s),
        repeatable=pinned.repeatable if pinned.repeatable is now.repeatable else Repeatable.NONE,
        key_window_s=min(pinned.key_window_s, now.key_window_s, key=lambda window_s: window_s or sys.maxsize),
        once=pinned.once or now.once,
        seconded=tuple(dict.fromkeys((*pinned.seconded, *now.seconded))),
        stops=(*pinned.stops, *(stop for stop in now.stops if stop not in pinned.stops)),
        uses=tuple(dict.fromkeys((*pinned.uses, *now.uses))),
        writes=None
        if pinned.writes is None or now.writes is None
        else tuple(dict.fromkeys((*pinned.writes, *now.writes))),
        optional=tuple(use for use in pinned.optional if use in now.optional),
    )


def stricter_consent(one: Consent, other: Consent) -> Consent:
    """The one of two that asks more."""
    return max(one, other, key=_CONSENTS.index)


def loosened_tool(
    contract: ToolContract, override: Override, profiles: dict[str, Profile]
) -> Iterator[tuple[str, str]]:
    """What an override would allow that the contract does not: the key and the words."""
    if override.side_effect is not None and _RANKS.index(override.side_effect) < _RANKS.index(contract.side_effect):
        yield "side_effect", f"the class is {contract.side_effect.value} and may only be raised"
    if override.cost is not None and override.cost < contract.cost:
        yield "cost", f"the tool costs {units(contract.cost):g}; an override may only raise it"
    if override.timeout_s is not None and override.timeout_s > contract.timeout_s:
        yield "timeout", f"the tool stops after {contract.timeout_s} s; an override may only shorten it"
    if override.domain is not None and override.domain != contract.domain:
        for name, profile in profiles.items():
            old = profile.limits.calls_per_domain.get(contract.domain)
            new = profile.limits.calls_per_domain.get(override.domain)
            if old is not None and (new is None or new > old):
                yield (
                    "domain",
                    f"it would leave the limit of {old:,} calls that profile {name} sets for {contract.domain}",
                )


def loosened(base: Profile, child: Profile) -> Iterator[tuple[str, str]]:
    """What a nested profile would allow that its base does not: the key and the words."""
    for key, old, new in (
        ("calls", base.limits.calls, child.limits.calls),
        ("cost", base.limits.cost, child.limits.cost),
        ("tokens", base.limits.tokens, child.limits.tokens),
        ("warning_threshold", base.limits.warning_percent, child.limits.warning_percent),
        ("max_parallel", base.max_parallel, child.max_parallel),
        ("retry", base.retry.attempts, child.retry.attempts),
        ("approvals", base.approvals.expires_s, child.approvals.expires_s),
        ("approvals", base.approvals.lapses_s, child.approvals.lapses_s),
        ("approvals", -base.approvals.quorum, -child.approvals.quorum),
    ):
        if new > old:
            yield key, f"{abs(new):,} is looser than {abs(old):,}"
    yield from _loosened_model(base, child)
    for key, olds, news in (
        ("calls_per_domain", base.limits.calls_per_domain, child.limits.calls_per_domain),
        ("calls_per_tool", base.limits.calls_per_tool, child.limits.calls_per_tool),
    ):
        for name, old in olds.items():
            if news[name] > old:
                yield key, f"{name}: {news[name]:,} is looser than {old:,}"
    before, after = base.approvals, child.approvals
    for old_consent, new_consent in (
        (before.read_only, after.read_only),
        (before.propose, after.propose),
        (before.execute, after.execute),
    ):
        if _CONSENTS.index(new_consent) < _CONSENTS.index(old_consent):
            yield "approvals", f"{new_consent.value} is looser than {old_consent.value}"
    if extra := set(after.roles) - set(before.roles):
        yield "approvals", f"more roles may decide ({', '.join(sorted(extra))})"
    if extra := set(after.escalates_to) - set(before.escalates_to) - set(before.roles):
        yield "approvals", f"more roles may decide after a while ({', '.join(sorted(extra))})"
    if before.escalates_s and after.escalates_s < before.escalates_s and after.escalates_to:
        yield "approvals", f"others may decide after {after.escalates_s:,} s, before it was {before.escalates_s:,} s"
    for capability in {*base.adapters, *child.adapters}:
        if extra := set(child.adapters_for(capability)) - set(base.adapters_for(capability)):
            yield "adapters", f"{capability}: {', '.join(sorted(extra))} is not allowed above"
    if base.tools and set(child.tools) - set(base.tools):
        yield "tools", f"{', '.join(sorted(set(child.tools) - set(base.tools)))} is not allowed above"
    if missing := set(base.forbidden_tools) - set(child.forbidden_tools):
        yield "forbidden_tools", f"{', '.join(sorted(missing))} is forbidden above"
    if base.simulates_execute and not child.simulates_execute:
        yield "simulate_execute", "real effects are looser than simulated ones"


def _loosened_model(base: Profile, child: Profile) -> Iterator[tuple[str, str]]:
    before, after = base.model, child.model
    uses = tuple(ModelUse)
    if uses.index(after.use) > uses.index(before.use):
        yield "model", f"{after.use.value} is looser than {before.use.value}"
    if extra := set(after.fields) - set(before.fields):
        yield "model", f"more may be told to a model ({', '.join(sorted(extra))})"
    for key, old, new in (
        ("model", before.tokens_per_day, after.tokens_per_day),
        ("money", base.limits.money, child.limits.money),
    ):
        if old is not None and (new is None or new > old):
            yield key, f"{'no limit' if new is None else f'{new:,}'} is looser than {old:,}"
