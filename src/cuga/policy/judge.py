"""May this tool be called under these rules, now? A ruling, always with its reasons.

Default deny, forbid wins. A ruling looks at the pinned rulebook and at what holds now; what depends on one call's
arguments (budgets, denials, one-time effects) is judged by the kernel around it.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from cuga.model.failure import FailureMode
from cuga.model.tool import SideEffect, ToolContract
from cuga.policy.binding import bound
from cuga.policy.budget import calm_below, charges, limits_of
from cuga.policy.profile import Consent, Current, Rulebook
from cuga.policy.routing import Pool, pools_that_take
from cuga.policy.tighten import stricter, stricter_consent


class Verdict(str, Enum):
    """What the rules say of a tool."""

    ALLOW = "allow"
    REFUSE = "refuse"
    HOLD = "hold"  # not now: it may go on when something changes


class Ruling(msgspec.Struct, frozen=True):
    """A verdict with the rule that gave it and the words a person reads."""

    verdict: Verdict
    rule: str
    reason: str
    consent: Consent = Consent.HUMAN
    mode: FailureMode = FailureMode.POLICY_ALLOWLIST
    adapters: dict[str, str] = {}
    alternatives: tuple[str, ...] = ()
    simulated: bool = False
    tool_digest: str = ""
    reduced: dict[str, str] = {}  # capability that it goes without -> why
    places: dict[str, str] = {}  # capability -> where its adapter is and as whom it acts, for those that are elsewhere


class Seat(msgspec.Struct, frozen=True):
    """A pool that could take a call, and the ruling under which it would."""

    pool: Pool
    ruling: Ruling


class Rules:
    """A rulebook made ready for judging many calls; one instance per rulebook digest serves all its runs."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.book = rulebook
        self.profile = rulebook.profile
        self.contracts = rulebook.contracts
        self.digest = rulebook.digest()
        self.limits = limits_of(rulebook.profile.limits)
        self._digests = {name: contract.digest() for name, contract in rulebook.contracts.items()}
        self._rulings: dict[str, Ruling] = {}
        self._in_force: dict[str, ToolContract] = {}
        self._calm: dict[str, tuple[tuple[str, int], ...]] = {}
        self._seats: dict[str, tuple[Seat, ...] | Ruling] = {}
        self._current: Current | None = None

    def ruling(self, tool: str, current: Current) -> Ruling:
        """The ruling on a tool as things stand."""
        if current is not self._current:
            self._look_at(current)
        found = self._rulings.get(tool)
        if found is None:
            found = self._rulings[tool] = self._judge(tool, current)
        return found

    def seats(self, tool: str, current: Current) -> tuple[Seat, ...] | Ruling:
        """The pools that could take a tool which the rules allow, as declared; else the refusal that says why none."""
        if current is not self._current:
            self._look_at(current)
        found = self._seats.get(tool)
        if found is None:
            found = self._seats[tool] = self._seated(tool, current)
        return found

    def _seated(self, tool: str, current: Current) -> tuple[Seat, ...] | Ruling:
        domain = self.contract(tool, current).domain
        able = pools_that_take(current.pools.values(), tool, domain)
        if not able:
            there = "; ".join(f"{pool.name} takes {', '.join(pool.capabilities)}" for pool in current.pools.values())
            why = f"no worker pool takes {tool} ({domain}): {there}"
            return _refuse("no-pool", why, FailureMode.RESOURCE_TOOL_UNAVAILABLE)
        seats = [Seat(pool, self._judge(tool, current, pool)) for pool in able]
        if all(seat.ruling.verdict is Verdict.REFUSE for seat in seats):
            return seats[0].ruling
        whole = [seat for seat in seats if seat.ruling.verdict is not Verdict.REFUSE and not seat.ruling.reduced]
        return tuple(whole or [seat for seat in seats if seat.ruling.verdict is not Verdict.REFUSE])

    def contract(self, tool: str, current: Current) -> ToolContract:
        """What a call is judged by: the pinned contract, and whatever the one in force says more strictly."""
        if current is not self._current:
            self._look_at(current)
        found = self._in_force.get(tool)
        if found is None:
            pinned, now = self.contracts[tool], current.contracts.get(tool)
            found = pinned if now is None or now == pinned else stricter(pinned, now)
            self._in_force[tool] = found
        return found

    def calm(self, tool: str, current: Current) -> tuple[tuple[str, int], ...]:
        """Below which use of each budget of the profile a call of the tool is neither too much nor near it."""
        if current is not self._current:
            self._look_at(current)
        found = self._calm.get(tool)
        if found is None:
            contract = self.contract(tool, current)
            wanted = charges(tool, contract.domain, contract.cost)
            found = self._calm[tool] = calm_below(wanted, self.limits, self.profile.limits.warning_percent)
        return found

    def once(self, tool: str, current: Current) -> tuple[tuple[str, ...], ...]:
        """All that may happen only once by a call of the tool: what was pinned and what is in force."""
        pinned, now = self.contracts[tool], current.contracts.get(tool)
        said = (pinned.once, now.once) if now is not None and now.once != pinned.once else (pinned.once,)
        return tuple(once for once in said if once)

    def _look_at(self, current: Current) -> None:
        self._rulings, self._in_force, self._seats, self._calm = {}, {}, {}, {}
        self._current = current

    def _judge(self, tool: str, current: Current, pool: Pool | None = None) -> Ruling:
        pinned = self.contracts.get(tool)
        profile = self.profile
        if pinned is None:
            return _refuse("unknown-tool", f"{tool} is not a tool of this run")
        contract = self.contract(tool, current)
        if tool in current.forbidden_tools:
            why = current.forbidden_tools[tool] or "no reason given"
            return _refuse("forbidden-now", f"{tool} is forbidden: {why}")
        if tool in profile.forbidden_tools:
            return _refuse("forbidden-tool", f"profile {profile.name} forbids {tool}")
        if profile.tools and tool not in profile.tools:
            return _refuse("tool-allowlist", f"{tool} is not among the tools of profile {profile.name}")
        if tool in current.quarantined_tools:
            why = f"{tool} is not what was accepted: {current.quarantined_tools[tool]}"
            return Ruling(verdict=Verdict.HOLD, rule="tool-quarantined", reason=why)
        simulated = profile.simulates_execute and contract.side_effect is SideEffect.EXECUTE
        adapters: dict[str, str] = {}
        alternatives: list[str] = []
        reduced: dict[str, str] = {}
        is_read = contract.side_effect is SideEffect.READ_ONLY
        for capability in contract.uses:
            found = bound(capability, profile, current, reads=not contract.changes(capability), pool=pool)
            if found.names:
                adapters[capability] = found.names[0]
                alternatives += found.names[1:]
            elif is_read and capability in contract.optional:
                reduced[capability] = found.why
            else:
                return _refuse(
                    "adapter-unavailable",
                    f"{tool} needs {capability}; {found.why}",
                    FailureMode.RESOURCE_TOOL_UNAVAILABLE,
                )
        available = current.tool_digests.get(tool)
        if available is None:
            return Ruling(verdict=Verdict.HOLD, rule="tool-missing", reason=f"{tool} is not installed here")
        asked = profile.approvals.consent_for
        consent = stricter_consent(asked(pinned.side_effect), asked(contract.side_effect))
        if contract.side_effect is SideEffect.EXECUTE and not simulated:
            consent = Consent.HUMAN  # whatever a profile says: no setting lets an outside effect pass by itself
        return Ruling(
            verdict=Verdict.ALLOW,
            rule=f"profile:{profile.name}",
            reason=_reason(contract, consent, simulated),
            consent=consent,
            adapters=adapters,
            alternatives=tuple(alternatives),
            simulated=simulated,
            tool_digest=self._digests[tool],
            reduced=reduced,
            places={use: at for use, name in adapters.items() if (at := current.places.get(f"{use}/{name}"))},
        )


def _refuse(rule: str, reason: str, mode: FailureMode = FailureMode.POLICY_ALLOWLIST) -> Ruling:
    return Ruling(verdict=Verdict.REFUSE, rule=rule, reason=reason, mode=mode)


def _reason(contract: ToolContract, consent: Consent, simulated: bool) -> str:
    base = f"{contract.side_effect.value} in {contract.domain}"
    if simulated:
        return f"{base}, only simulated"
    match consent:
        case Consent.NONE:
            return base
        case Consent.RULE:
            return f"{base}, agreed by the profile's rule"
        case _:  # human
            return f"{base}, agreed by a person"
