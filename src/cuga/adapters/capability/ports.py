"""What tools ask of a CRM and of mail, and nothing more. Vendors and the offline stores stand behind these ports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from cuga.adapters.capability.crm import Record, Source
from cuga.adapters.capability.names import Lookup
from cuga.model.value import Value

OPERATORS = ("is", "is_not", "contains", "in", "above", "at_least", "below", "at_most", "known", "unknown")


class Filter(Value, frozen=True, kw_only=True):
    """One condition on a field. Texts compare without case; `in` takes values parted by `|`; known/unknown take none.

    Amounts are compared in units of their currency, dates as YYYY-MM-DD.
    """

    field: str
    op: str = "is"
    value: str = ""


class Stored(Value, frozen=True, kw_only=True):
    """What storing changed, in records."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    crm_version: str = ""


Repeated = Callable[[Record, Source, bool], None]  # a later record, where the first is, whether they say the same


@runtime_checkable
class CrmRead(Protocol):
    """Reading records. `kind` is one of the names in `crm.RECORDS`; an unknown kind or field is `BadInput`."""

    def crm_version(self) -> str:
        """A digest of all records; the same data gives the same digest in every store."""
        ...

    def get(self, kind: str, record_id: str) -> Record | None:
        """One record by id."""
        ...

    def names(self, kind: str) -> tuple[tuple[str, str], ...]:
        """(id, name) of all records of a kind, in order of id."""
        ...

    def lookup(self, kind: str, name: str) -> Lookup:
        """What a written name or id means."""
        ...

    def query(
        self, kind: str, filters: Sequence[Filter] = (), *, order: str = "", limit: int = 100, offset: int = 0
    ) -> list[Record]:
        """Records that meet all filters, ordered by a field (`-field`: falling), then by id; unknown values last."""
        ...

    def count(self, kind: str, filters: Sequence[Filter] = ()) -> int:
        """How many records meet all filters."""
        ...

    def past(self, kind: str, record_id: str) -> list[Past]:
        """Earlier values of a record's fields, the oldest first; empty where none were kept."""
        ...

    def group(self, kind: str, field: str, filters: Sequence[Filter] = ()) -> list[tuple[str, int]]:
        """(value, number of records), the most frequent first; an unknown value is the empty text."""
        ...

    def each(self, kind: str, filters: Sequence[Filter] = ()) -> Iterator[Record]:
        """Records that meet all filters, in order of id, without holding all of them in memory."""
        ...

    def kept(self, name: str) -> str:
        """A text that a loading kept beside the records; empty when there is none."""
        ...


class Loading(Protocol):
    """Records on their way into a store, all of them or none."""

    added: int
    changed: int
    unchanged: int

    def add(self, kind: str, records: Iterable[Record], repeated: Repeated | None = None) -> None:
        """Add or change records by id; within one loading the first of an id counts, later ones are handed back."""
        ...

    def keep(self, name: str, value: str) -> None:
        """Keep a text beside the records."""
        ...


class Edit(Value, frozen=True, kw_only=True):
    """One change of one record. `was` are the values that a person saw before it, `becomes` those that they agreed to.

    Fields are those of the kind; dates are YYYY-MM-DD texts, amounts micro-units, None and "" are "not known". With
    `is_new` there must be no such record yet. `key` is the effect's idempotency key, `on` the date it is made.
    """

    key: str
    kind: str
    record: str
    becomes: dict[str, str | int | None]
    was: dict[str, str | int | None] = {}
    is_new: bool = False
    on: str = ""


class Edited(Value, frozen=True, kw_only=True):
    """Proof of a change: the record's row version after it, and the values before and after. `place` is the vendor
    whose record it is; empty: this house's own."""

    kind: str
    record: str
    version: int
    was: dict[str, str | int | None]
    becomes: dict[str, str | int | None]
    place: str = ""


class NotEdited(Value, frozen=True, kw_only=True):
    """A change that was not made, and why; the record is as it was."""

    kind: str
    record: str
    why: str


class Past(Value, frozen=True, kw_only=True):
    """An earlier value of a field. `on` is the date of the change, empty when nobody noted it (an import)."""

    field: str
    was: str
    becomes: str
    on: str = ""


@runtime_checkable
class CrmWrite(Protocol):
    """Storing records that were read elsewhere, and changing single ones."""

    def loading(self, *, dry: bool = False) -> AbstractContextManager[Loading]:
        """Add records step by step; what was added can be read within. Nothing stays of it when it is `dry`."""
        ...

    def store(self, records: Mapping[str, Iterable[Record]]) -> Stored:
        """Add or change records by kind and id, all or nothing; records that are not named are kept."""
        ...

    def edited(self, key: str) -> Edited | None:
        """What was changed under an idempotency key, or None: surely nothing was."""
        ...

    def edit(self, edit: Edit) -> Edited:
        """Make one change once per key, and only while every value of `was` still holds.

        `NotDone` when it was not made: the record is gone or there already, or a value is another one now.
        """
        ...

    def edit_each(self, edits: Sequence[Edit]) -> tuple[Edited | NotEdited, ...]:
        """Make each change that still can be made, as `edit` does, and say of the others why not.

        One transaction: after a crash either all that could be made were, or none.
        """
        ...


class Crm(CrmRead, CrmWrite, Protocol):
    """Both."""


class Outgoing(Value, frozen=True, kw_only=True):
    """A message on its way out. `key` is the effect's idempotency key."""

    key: str
    recipient: str
    subject: str
    body: str
    message_id: str = ""
    intent: str = ""
    body_hash: str = ""
    template: str = ""
    invitation: str = ""  # a calendar file that goes with it; empty: none does


class Receipt(Value, frozen=True, kw_only=True):
    """Proof that a message went out: where it lies, under which Message-ID, and the hash of the body as sent."""

    place: str
    message_id: str
    recipient: str
    body_hash: str


class Suppressed(Value, frozen=True, kw_only=True):
    """An address, or `@domain`, that must not be written to. `on` is a day as YYYY-MM-DD, `source` where it is from."""

    address: str
    reason: str = ""
    on: str = ""
    source: str = ""


class SentMail(Value, frozen=True, kw_only=True):
    """A message that went out. `template` is NAME@VERSION or the name alone; `at` is UTC, empty when not known."""

    message_id: str
    recipient: str
    intent: str = ""
    template: str = ""
    at: str = ""


class Mail(Protocol):
    """Sending mail."""

    def suppressed(self, address: str) -> str:
        """Why nothing may be sent to an address; empty when it may. `NotDone` when nobody can say."""
        ...

    def suppress(self, address: str, reason: str, *, on: str = "", source: str = "") -> bool:
        """Put an address (or `@domain`) on the suppression list; whether it is new there."""
        ...

    def history(self) -> tuple[SentMail, ...]:
        """What has been sent, in order of the Message-ID."""
        ...

    def sent(self, key: str) -> Receipt | None:
        """The receipt of what was sent under an idempotency key, or None: it surely was not sent."""
        ...

    def send(self, message: Outgoing) -> Receipt:
        """Send one message once per key. `NotDone` when it surely was not sent."""
        ...
