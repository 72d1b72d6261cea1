"""Who is meant: a contact by id, address or full name, with everything by which they are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from cuga.adapters.capability import Activity, Contact, Note
from cuga.adapters.folder import CrmFolder
from cuga.adapters.offline import CrmStore
from cuga.errors import BadInput, NotFound
from cuga.orchestrator.house.personal import person_of
from cuga.privacy import Finder, Person

_OF_THE_HOUSE = {  # words that records share; a row of somebody's that repeats one makes it no datum of theirs
    "accounts": ("id", "name", "industry", "country", "city", "parent", "parent_id", "website", "owner"),
    "opportunities": ("id", "account", "account_id", "product", "product_id", "owner", "stage", "status"),
    "products": ("id", "name", "series"),
    "teams": ("id", "name", "manager", "region"),
    "territories": ("id", "name", "owner", "manager", "region"),
}


class Subject:
    """Somebody whose data are to be erased. `contacts` are further ids that rows of theirs go by."""

    def __init__(self, people: tuple[Person, ...], addresses: Iterable[str], contacts: Iterable[str] = ()) -> None:
        self.people = people
        own = (address for person in people for address in person.emails)
        self.addresses = tuple(sorted({address.strip().casefold() for address in (*own, *addresses)}))
        self.refs = frozenset((*(one.ref for one in people), *(f"email/{one}" for one in self.addresses)))
        last_names = (words[-1] for person in people if (words := person.name.casefold().split()))
        self._telling = (*self.addresses, *last_names)
        self._contacts = tuple(contacts)
        self._is_theirs: Callable[[str], bool] = self.refs.__contains__
        self._finder = Finder(lambda: self._known(), lambda: self)

    @property
    def contacts(self) -> tuple[str, ...]:
        """Ids of their records."""
        return tuple(dict.fromkeys((*(person.record_id for person in self.people), *self._contacts)))

    def is_named(self, text: str) -> bool:
        """Whether a text is about them."""
        return any(map(self._is_theirs, self._finder.find(text)))

    def is_near(self, text: str) -> bool:
        """Whether a text has a word of their name: what says nothing by itself, and who it is where they are named."""
        return bool(self._finder.named(text, self._finder.parts(self.refs, len(self.refs))))

    def asks_also(self, is_theirs: Callable[[str], bool]) -> None:
        """Take addresses in texts for theirs that somebody knows to be."""
        own = self.refs
        self._is_theirs = lambda ref: ref in own or is_theirs(ref)

    def may_be_named(self, text: str) -> bool:
        """Whether it is worth looking closer: a tenth of what that takes."""
        low = text.casefold()
        return any(word in low for word in self._telling)

    def _known(self) -> Iterable[Person]:
        yield from self.people


def subject_of(said: str, crm: CrmStore, folder: CrmFolder | None) -> Subject:
    """Who is meant. `NotFound` for nobody, `BadInput` for several people of one name."""
    said = said.strip()
    if not said:
        raise BadInput("nobody is named", mend="Give a contact's id, an address or a full name.")
    known = [one for records in (crm, folder) if records is not None and _is_there(records) for one in _all(records)]
    found = [one for one in known if one.id == said]
    if not found and "@" in said:
        address = said.casefold()
        found = [one for one in known if one.email.strip().casefold() == address]
        return _subject(found, known, crm, folder, (address,))
    if not found:
        found = [one for one in known if one.name.strip().casefold() == said.casefold()]
        if len({one.email.casefold() for one in found}) > 1:
            ids = ", ".join(one.id for one in found)
            raise BadInput(f"{len(found)} people have that name", mend=f"Name one by id: {ids}.")
    if not found:
        raise NotFound(f"nobody is known as {said!r}", mend="Give a contact's id, their address or their full name.")
    emails = {one.email.strip().casefold() for one in found if one.email}
    same = [one for one in known if one.email.strip().casefold() in emails and one.id not in {f.id for f in found}]
    return _subject([*found, *same], known, crm, folder)


def theirs(is_theirs: Callable[[str], bool], crm: CrmStore, folder: CrmFolder | None) -> Subject:
    """Whoever the records and texts of a machine know of people whom only a question knows: is a contact, or an
    address, one of theirs?"""
    known = [one for records in (crm, folder) if records is not None and _is_there(records) for one in _all(records)]
    found = [one for one in known if is_theirs(f"contact/{one.id}") or is_theirs(f"email/{_folded(one.email)}")]
    rows = (row for kind in ("activities", "notes") for row in crm.each(kind) if isinstance(row, Activity | Note))
    lone = {row.contact_id for row in rows if row.contact_id} - {one.id for one in known}
    subject = _subject(found, known, crm, folder, (), sorted(one for one in lone if is_theirs(f"contact/{one}")))
    subject.asks_also(is_theirs)
    return subject


def _subject(
    theirs: list[Contact],
    known: list[Contact],
    crm: CrmStore,
    folder: CrmFolder | None,
    addresses: Iterable[str] = (),
    contacts: Iterable[str] = (),
) -> Subject:
    ids = {one.id for one in theirs}
    shared = {_folded(value) for one in known if one.id not in ids for value in person_of(one).values}
    for records in (crm, folder):
        if records is not None and _is_there(records):
            shared.update(_words_of_the_house(records))
    people = map(person_of, theirs)
    return Subject(
        tuple(one._replace(values=tuple(v for v in one.values if _folded(v) not in shared)) for one in people),
        addresses,
        contacts,
    )


def _words_of_the_house(records: CrmStore | CrmFolder) -> Iterator[str]:
    for kind, fields in _OF_THE_HOUSE.items():
        for record in records.each(kind):
            yield from (_folded(value) for field in fields if (value := getattr(record, field)))


def _folded(text: str) -> str:
    return text.strip().casefold()


def _is_there(records: CrmStore | CrmFolder) -> bool:
    return not isinstance(records, CrmFolder) or records.is_there


def _all(records: CrmStore | CrmFolder) -> Iterable[Contact]:
    for one in records.each("contacts"):
        assert isinstance(one, Contact)
        yield one
