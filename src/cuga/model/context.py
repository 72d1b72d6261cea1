"""Who asks, and under which circumstances."""

from __future__ import annotations

from cuga.model.value import Value

LOCAL_TENANT = "local"


class Principal(Value, frozen=True, kw_only=True):
    """An authenticated person or service. In a house with one user every record says `solo`."""

    id: str
    roles: tuple[str, ...] = ()
    tenant: str = LOCAL_TENANT
    solo: bool = False


SYSTEM = Principal(id="system")  # the house itself: deadlines, sweeps, recovered outcomes
