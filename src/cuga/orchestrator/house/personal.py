"""What a house's journal is told about personal data: where the keys lie, whom the records know, which tools count.

Contracts say what is personal (`personal`, see docs/tools). Runs of tools that declare any, or that touch records or
mail, are watched; everything else is written as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from cuga.adapters.capability import Contact
from cuga.adapters.folder import CrmFolder
from cuga.adapters.offline import CrmStore
from cuga.errors import CugaError
from cuga.orchestrator.house.place import Place
from cuga.orchestrator.keeping.sealing import seals_of
from cuga.privacy import Finder, KeyRing, Person, Sealing
from cuga.settings import Settings
from cuga.tools.registry import Tool, ToolRegistry

KEYS = "subjects.db"
WATCHED_USES = frozenset({"crm", "mail"})


def keys_of(place: Place | None, settings: Settings) -> Path | None:
    """Where the keys of personal data lie: beside those of the seal, outside the house and its journal."""
    return None if place is None else seals_of(place.root, settings.seals) / KEYS


class Declared:
    """What the contracts of the tools there are say of personal data."""

    def __init__(self, tools: Callable[[], ToolRegistry]) -> None:
        self._tools = tools
        self._seen: tuple[Tool, ...] = ()
        self._names: frozenset[str] = frozenset()
        self._watched: frozenset[str] = frozenset()

    def names(self) -> frozenset[str]:
        """The names of arguments and results that are personal: the last of each declared pointer."""
        self._look()
        return self._names

    def watched(self) -> frozenset[str]:
        """The tools whose runs are watched."""
        self._look()
        return self._watched

    def _look(self) -> None:
        found = self._tools().all()
        if found == self._seen:
            return
        self._seen = found
        contracts = [one.contract for one in found]
        self._names = frozenset(path.rsplit("/", 1)[1] for one in contracts for path in one.personal if "/" in path)
        self._watched = frozenset(one.name for one in contracts if one.personal or WATCHED_USES.intersection(one.uses))


def person_of(contact: Contact) -> Person:
    """A contact as somebody whose data are sealed."""
    company = {contact.account.casefold(), contact.account_id.casefold()}  # is no datum of whoever works there
    raw = tuple(value for value in contact.raw.values() if isinstance(value, str) and value.casefold() not in company)
    return Person(
        ref=f"contact/{contact.id}",
        record_id=contact.id,
        name=contact.name,
        emails=tuple(filter(None, (contact.email,))),
        phones=tuple(filter(None, (contact.phone,))),
        values=tuple(filter(None, (contact.linkedin, contact.notes, *raw))),
    )


def sealing_of(
    ring: KeyRing,
    crm: Callable[[], CrmStore],
    folder: Callable[[], CrmFolder | None],
    tools: Callable[[], ToolRegistry],
) -> Sealing:
    """What seals the personal data of a house. Records and tools are asked for when they are needed: the journal is
    there before them."""

    def folders() -> Iterator[CrmStore | CrmFolder]:
        yield crm()
        if (other := folder()) is not None and other.is_there:
            yield other

    met: list[tuple[Person, ...]] = [(), ()]  # in the store and in the folder, as they could last be read

    def people() -> Iterator[Person]:
        for number, records in enumerate(folders()):
            with contextlib.suppress(CugaError):  # files that cannot be read now: whom they named is still known
                found = records.each("contacts")
                met[number] = tuple(person_of(contact) for contact in found if isinstance(contact, Contact))
            yield from met[number]

    known: list[tuple[object, ...]] = [()]
    seen: list[str | None] = [None]

    def stand() -> object:
        other = folder()
        version = crm().crm_version() if other is None or not other.is_there else None
        if version is not None and version == seen[0]:
            return known[0]  # every run asks: to ask the store itself costs a read transaction
        seen[0] = version
        found: tuple[object, ...] = ()
        for number, records in enumerate(folders()):
            try:
                found += (records.names("contacts"),)
            except CugaError:
                found += known[0][number : number + 1] or ((),)
        if [*map(id, found)] != [*map(id, known[0])]:
            known[0] = found
        return known[0]

    declared = Declared(tools)
    return Sealing(ring, Finder(people, stand), declared.names, declared.watched)
