"""Would this call be allowed? Judged by the rules that a run would be pinned to now; nothing is called or recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cuga.errors import NotFound
from cuga.kernel.consent import covers
from cuga.model.tool import SideEffect
from cuga.model.value import Value, encode
from cuga.orchestrator.house.assembly import Assembly
from cuga.planning.schema import arguments_of
from cuga.policy.judge import Rules, Verdict
from cuga.policy.profile import Consent, Current


class WhatIf(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What would become of a call now. `verdict`: allowed, asks, refused. Cost is in micro-units."""

    verdict: str
    reasons: tuple[str, ...]
    tool: str
    profile: str
    side_effect: str
    domain: str
    cost: int
    adapters: dict[str, str]
    simulated: bool
    consent: str  # none, rule, human
    roles: tuple[str, ...]  # of those who would decide
    quorum: int
    faults: tuple[str, ...]  # of the arguments


def what_if(assembly: Assembly, rules: Rules, tool: str, arguments: Mapping[str, Any] | None) -> WhatIf:
    """The ruling on one call as things stand in a house; without `arguments` on the tool alone. `NotFound`."""
    return judged(rules, assembly.current, assembly.clock.now(), tool, arguments)


def judged(
    rules: Rules, current: Current, now: datetime, tool: str, arguments: Mapping[str, Any] | None = None
) -> WhatIf:
    """The ruling on one call under these rules; without `arguments` on the tool alone. `NotFound` for another tool."""
    contract = rules.contracts.get(tool)
    if contract is None:
        raise NotFound(f"no tool {tool!r}", mend="`cuga tools` lists them.")
    profile = rules.profile
    ruling = rules.ruling(tool, current)
    faults = tuple(arguments_of(contract).faults(dict(arguments))) if arguments is not None else ()
    reasons = [ruling.reason, *(f"goes without {use}: {why}" for use, why in ruling.reduced.items())]
    consent, verdict = ruling.consent, "allowed"
    if current.halted:
        verdict, reasons = "refused", [f"the house is halted: {current.halted}", *reasons]
    elif ruling.verdict is not Verdict.ALLOW:
        verdict = "refused"
    elif faults:
        verdict, reasons = "refused", ["the arguments do not fit the tool", *reasons]
    elif contract.cost > profile.limits.cost or profile.limits.calls_per_tool.get(tool, 1) < 1:
        verdict, reasons = "refused", [f"no budget of profile {profile.name} takes it", *reasons]
    elif consent is Consent.HUMAN:
        said = encode(dict(arguments or {}))
        standing = (one for one in current.standing_rules if covers(one, tool, profile.name, said, now))
        is_for_people = contract.side_effect is SideEffect.EXECUTE or profile.approvals.quorum > 1
        agreed = None if is_for_people else next(standing, None)
        if agreed is not None:
            consent, reasons = (
                Consent.RULE,
                [*reasons, f"standing rule {agreed.rule_id} of {agreed.by} may agree to it"],
            )
        else:
            verdict = "asks"
    return WhatIf(
        verdict=verdict,
        reasons=tuple(reasons),
        tool=tool,
        profile=profile.name,
        side_effect=contract.side_effect.value,
        domain=contract.domain,
        cost=contract.cost,
        adapters=ruling.adapters,
        simulated=ruling.simulated,
        consent=consent.value if ruling.verdict is Verdict.ALLOW else "",
        roles=profile.approvals.roles,
        quorum=profile.approvals.quorum,
        faults=faults,
    )
