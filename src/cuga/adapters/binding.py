"""The adapters of a house by capability and name, with pairs that read through one and write through another.

A pair is named `reader+writer` and made of two adapters that stand here by their own names. Only the CRM has such
pairs: what is read of mail (was this sent?) must be read where it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from cuga.adapters.capability import (
    Crm,
    CrmRead,
    CrmWrite,
    Edit,
    Edited,
    Filter,
    Loading,
    Lookup,
    NotEdited,
    Past,
    Record,
    Stored,
)

PAIRED = ("crm",)  # capabilities that can read here and write there


class ReadHereWriteThere:
    """A `Crm` whose records are read from one store and stored in another."""

    def __init__(self, here: CrmRead, there: CrmWrite) -> None:
        self._here = here
        self._there = there

    def crm_version(self) -> str:
        """Of the records that are read."""
        return self._here.crm_version()

    def get(self, kind: str, record_id: str) -> Record | None:
        """One record by id."""
        return self._here.get(kind, record_id)

    def names(self, kind: str) -> tuple[tuple[str, str], ...]:
        """(id, name) of all records of a kind."""
        return self._here.names(kind)

    def lookup(self, kind: str, name: str) -> Lookup:
        """What a written name or id means."""
        return self._here.lookup(kind, name)

    def query(
        self, kind: str, filters: Sequence[Filter] = (), *, order: str = "", limit: int = 100, offset: int = 0
    ) -> list[Record]:
        """Records that meet all filters."""
        return self._here.query(kind, filters, order=order, limit=limit, offset=offset)

    def count(self, kind: str, filters: Sequence[Filter] = ()) -> int:
        """How many records meet all filters."""
        return self._here.count(kind, filters)

    def group(self, kind: str, field: str, filters: Sequence[Filter] = ()) -> list[tuple[str, int]]:
        """(value, number of records)."""
        return self._here.group(kind, field, filters)

    def each(self, kind: str, filters: Sequence[Filter] = ()) -> Iterator[Record]:
        """Records that meet all filters, one by one."""
        return self._here.each(kind, filters)

    def kept(self, name: str) -> str:
        """A text beside the records that are read."""
        return self._here.kept(name)

    def loading(self, *, dry: bool = False) -> AbstractContextManager[Loading]:
        """Add records step by step to the other store."""
        return self._there.loading(dry=dry)

    def past(self, kind: str, record_id: str) -> list[Past]:
        """Earlier values of a record that is read."""
        return self._here.past(kind, record_id)

    def edited(self, key: str) -> Edited | None:
        """What was changed in the other store under a key."""
        return self._there.edited(key)

    def edit(self, edit: Edit) -> Edited:
        """Change one record of the other store, while it has the values that were read here."""
        return self._there.edit(edit)

    def edit_each(self, edits: Sequence[Edit]) -> tuple[Edited | NotEdited, ...]:
        """Change what still can be changed in the other store."""
        return self._there.edit_each(edits)

    def store(self, records: Mapping[str, Iterable[Record]]) -> Stored:
        """Add or change records in the other store."""
        return self._there.store(records)


class Bindings(Mapping[str, Mapping[str, object]]):
    """Capability -> name -> adapter. A name of two joined by `+` is a pair, made when it is asked for."""

    def __init__(self, adapters: Mapping[str, Mapping[str, object]]) -> None:
        self._named = {capability: _Named(named, capability in PAIRED) for capability, named in adapters.items()}
        self._outside: dict[str, Mapping[str, object]] = {}

    def renew(self, outside: Mapping[str, Mapping[str, object]]) -> None:
        """Have these beside the house's own from now on: what the registry declares of servers and documents."""
        self._outside = dict(outside)

    def __getitem__(self, capability: str) -> Mapping[str, object]:
        return self._named[capability] if capability in self._named else self._outside[capability]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._named, **self._outside})

    def __len__(self) -> int:
        return len({**self._named, **self._outside})


class _Named(Mapping[str, object]):
    def __init__(self, named: Mapping[str, object], has_pairs: bool) -> None:
        self._named = named
        self._has_pairs = has_pairs

    def __getitem__(self, name: str) -> object:
        reader, plus, writer = name.partition("+")
        if not plus:
            return self._named[name]
        if not self._has_pairs:
            raise KeyError(name)
        return _paired(self._named[reader], self._named[writer])

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)


def _paired(reader: object, writer: object) -> Crm:
    if not isinstance(reader, CrmRead) or not isinstance(writer, CrmWrite):
        raise KeyError("a pair needs one adapter that reads and one that stores")
    return ReadHereWriteThere(reader, writer)
