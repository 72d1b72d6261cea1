"""What is done to a house that nobody has open: put a backup back, check a registry before it is used."""

from __future__ import annotations

from pathlib import Path

from cuga.errors import RegistryInvalid
from cuga.orchestrator.house.assemble import Restored, put_journal_back, tool_registry
from cuga.orchestrator.house.database import must_be_a_file
from cuga.orchestrator.house.opened import system_user
from cuga.orchestrator.house.place import Place, shipped_registry
from cuga.policy.registry import Registry, load_registry
from cuga.settings import Settings


async def put_back(place: Place, backup: Path | None, *, user: str = "", settings: Settings | None = None) -> Restored:
    """Put a backup in the place of the journal, which says so in the house's stream; nothing starts after it.

    Without a backup the journal is taken as it lies there: for one that is behind its anchor and will not come back.
    `HouseBusy` while a process has the house open, `JournalCorrupt` for a damaged copy, which changes nothing;
    `BadInput` where the journal is in a database, and for a file that is no backup.
    """
    must_be_a_file(place, settings or Settings())
    return put_journal_back(place, backup, by=user or system_user())


def checked_registry(text: str, source: str) -> Registry:
    """A registry with its tools looked at too; `RegistryInvalid` names every mistake, those about tools included."""
    try:
        own = load_registry(text, source=source)
    except RegistryInvalid:
        # its packs cannot be trusted yet: the tools that every house has make the list of mistakes whole
        shipped = tool_registry(load_registry(shipped_registry()))
        return load_registry(text, source=source, contracts=shipped.contracts())
    tool_registry(own)
    return own
