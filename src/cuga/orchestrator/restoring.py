"""What is done to a house that nobody has open: put a backup back, check a registry before it is used."""

from __future__ import annotations

from pathlib import Path

from cuga.errors import RegistryInvalid
from cuga.model.house_event import RestoredFrom
from cuga.orchestrator.assemble import Restored, put_journal_back, tool_registry
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.place import Place, shipped_registry
from cuga.policy.registry import Registry, load_registry
from cuga.settings import Settings


async def put_back(place: Place, backup: Path, *, settings: Settings | None = None, user: str = "") -> Restored:
    """Put a backup in the place of the journal and write that into the house's stream; nothing starts after it.

    `HouseBusy` while a process has the house open, `JournalCorrupt` for a damaged copy, which changes nothing.
    """
    restored = put_journal_back(place, backup)
    coordinator = Coordinator(house=place.root, settings=settings, user=user)
    try:
        assembly = await coordinator.open()
        event = RestoredFrom(at=assembly.clock.now(), backup=backup.name, position=restored.position)
        await coordinator.change(event)
    finally:
        await coordinator.close()
    return restored


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
