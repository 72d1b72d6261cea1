"""Changing the house while runs go on: people and rules, adapters and their modes, the policy between worker pools."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from cuga.adapters.binding import PAIRED
from cuga.errors import BadInput
from cuga.model.context import Principal
from cuga.model.house_event import (
    AdapterChosen,
    AdapterModeSet,
    AdapterSwitched,
    HaltLifted,
    HouseEvent,
    RestoreAcknowledged,
    RoutingPolicySet,
    ScheduleAdded,
    ToolAllowed,
    ToolsAccepted,
)
from cuga.orchestrator.calendar.due import zone_of
from cuga.orchestrator.looking.reading import Reading
from cuga.policy.binding import HYBRID
from cuga.policy.routing import policy_named

_THEN = datetime.min.replace(tzinfo=UTC)  # `change` sets the time
_LOOKED_AT_AGAIN = (
    HaltLifted,
    AdapterSwitched,
    AdapterChosen,
    AdapterModeSet,
    RoutingPolicySet,
    ToolAllowed,
    ToolsAccepted,
    RestoreAcknowledged,
)  # facts after which a parked run may go on, or stands on what is no longer so


class Switching(Reading):
    """A house at hand, to look at and to change."""

    async def change(self, event: HouseEvent, by: Principal | None = None) -> None:
        """Change the house: users, roles, delegations, standing rules, adapters, tools, the stop button.

        `at` and `by` of the event are set here. Parked runs are looked at again when something is allowed again.
        """
        assembly = await self.open()
        if isinstance(event, ScheduleAdded):
            zone_of(event.zone)
        who = by or await self.principal()
        await assembly.change(msgspec.structs.replace(event, at=assembly.clock.now(), by=who.id), who)
        if isinstance(event, _LOOKED_AT_AGAIN):
            await assembly.engine.look_again(assembly.tenant)

    async def enable_adapter(
        self, adapter: str, capability: str = "", reason: str = "", by: Principal | None = None
    ) -> None:
        """Let an adapter be used again, for one capability or wherever it was switched off."""
        await self._switch(adapter, capability, True, reason, by)

    async def disable_adapter(
        self, adapter: str, capability: str = "", reason: str = "", by: Principal | None = None
    ) -> None:
        """Switch an adapter off. Calls in flight keep it; open requests that are bound to it are asked anew, and what
        is left without an adapter does only what it can, or is refused."""
        await self._switch(adapter, capability, False, reason, by)

    async def _switch(self, adapter: str, capability: str, enabled: bool, reason: str, by: Principal | None) -> None:
        await self._must_be_declared(adapter, capability)
        event = AdapterSwitched(at=_THEN, adapter=adapter, enabled=enabled, reason=reason, capability=capability)
        await self.change(event, by)

    async def switch_adapter(
        self, adapter: str, capability: str = "", reason: str = "", by: Principal | None = None
    ) -> str:
        """Let a capability use this adapter and no other, from the next call on. Without `capability`: the one that it
        is declared for. Profiles that do not allow it are refused, never served by another. Returns the capability."""
        found = await self._must_be_declared(adapter, capability)
        if len(found) > 1:
            raise BadInput(f"{adapter} is declared for {' and '.join(found)}", mend=f"Say --for {found[0]}.")
        await self.change(AdapterChosen(at=_THEN, capability=found[0], adapter=adapter, reason=reason), by)
        return found[0]

    async def set_adapter_mode(self, capability: str, mode: str, reason: str = "", by: Principal | None = None) -> None:
        """Set where a capability reads and writes: `offline`, `live`, `hybrid` (reads live, writes offline), or
        `profile`: as each profile prefers, with no adapter chosen."""
        assembly = await self.open()
        if capability not in assembly.registry.adapters:
            known = ", ".join(assembly.registry.adapters) or "none"
            raise BadInput(f"no capability {capability!r} is declared", mend=f"There are {known}.")
        if mode == HYBRID and capability not in PAIRED:
            raise BadInput(
                f"{capability} cannot read here and write there", mend=f"`hybrid` is for {', '.join(PAIRED)}."
            )
        await self.change(AdapterModeSet(at=_THEN, capability=capability, mode=mode, reason=reason), by)

    async def set_routing_policy(self, policy: str, reason: str = "", by: Principal | None = None) -> None:
        """Route steps to worker pools by another policy, from the next decision on."""
        assembly = await self.open()
        policy_named(policy, assembly.driver.pools.policies)
        await self.change(RoutingPolicySet(at=_THEN, policy=policy, reason=reason), by)

    async def _must_be_declared(self, adapter: str, capability: str) -> list[str]:
        """The capabilities that an adapter is declared for, or the one that is named."""
        declared = (await self.open()).registry.adapters
        found = [use for use, names in declared.items() if adapter in names and capability in ("", use)]
        if not found:
            where = f" for {capability}" if capability else ""
            known = dict.fromkeys(name for use, names in declared.items() for name in names if capability in ("", use))
            raise BadInput(
                f"no adapter {adapter!r} is declared{where}", mend=f"There are {', '.join(known) or 'none'}."
            )
        return found
