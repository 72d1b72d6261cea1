"""Changing records at a vendor: compare and set against what it has now, noted before, looked at after.

The values that a person agreed to replace are compared with the vendor's own at the moment of writing. The change is
noted in the house's CRM store first. When no answer came, the vendor is asked what became of it; a change that can
neither be found nor ruled out stays unknown, and a person decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

import msgspec

from cuga.adapters.binding import ReadHereWriteThere
from cuga.adapters.capability import Edit, Edited, Loading, NotEdited, Record, Stored, fields_of
from cuga.adapters.offline.crm_edits import same
from cuga.adapters.offline.crm_store import CrmStore
from cuga.adapters.vendors.port import Vendor
from cuga.clock import Clock, SystemClock
from cuga.errors import BadInput, NotDone, Unanswered

SETTLES_S = 60  # how long after it was sent a request may still take effect: the longest that a vendor works on one


class VendorWriter:
    """A `CrmWrite` on a vendor, with the house's own store following it."""

    def __init__(
        self, store: CrmStore, vendor: Vendor, *, clock: Clock | None = None, settles_s: float = SETTLES_S
    ) -> None:
        self._store, self._vendor, self._settles_s = store, vendor, settles_s
        self._clock = clock or SystemClock()

    @property
    def vendor(self) -> Vendor:
        """Whose records are changed."""
        return self._vendor

    def edited(self, key: str) -> Edited | None:
        """What was changed under a key, None: surely nothing. `Unanswered` while nobody can say."""
        if (made := self._store.edited(key)) is not None:
            return msgspec.structs.replace(made, place=self._vendor.title)
        begun = self._store.begun_call(key)
        if begun is None:
            return None
        if begun.vendor != self._vendor.name:
            raise RuntimeError(f"this change was begun at {begun.vendor}: only there it can be found out how it ended")
        edit = begun.edit
        if edit.is_new:
            found = self._vendor.find(edit.kind, edit.becomes, mark_of(key))
            if found is not None:
                return self._taken_over(edit, found)
        else:
            live = self._vendor.live(edit.kind, edit.record)
            if live is not None and _holds(live.record, edit.becomes):
                return self._taken_over(edit, edit.record)
            if live is None or not _holds(live.record, {name: edit.was.get(name) for name in edit.becomes}):
                raise Unanswered(
                    f"{edit.record} at {self._vendor.title} is neither as it was nor as it was to become",
                    mode="agent_state",
                    mend=f"Look at it at {self._vendor.title}: somebody changed it since, or only a part was done.",
                )
        # it may still be worked on there: to call that "not done" and send it again could do it twice
        waited = (self._clock.now() - begun.at).total_seconds()
        if waited < self._settles_s:
            left = max(1, round(self._settles_s - waited))
            raise Unanswered(
                f"{self._vendor.title} has not done it yet, and may still", mode="system_timeout", retry_after_s=left
            )
        return None

    def edit(self, edit: Edit) -> Edited:
        """Make one change at the vendor, once per key and only while every value of `was` still holds there."""
        if not edit.key:
            raise NotDone("a change needs an idempotency key")
        if (earlier := self.edited(edit.key)) is not None:
            if (earlier.kind, earlier.becomes) != (edit.kind, edit.becomes):
                raise RuntimeError(f"another change was made under the key of this one, of {earlier.record}")
            return earlier
        self._must_be_possible(edit)
        live = None
        if not edit.is_new:
            live = self._vendor.live(edit.kind, edit.record)
            if live is None:
                raise NotDone(f"{edit.record} is not among the {edit.kind} of {self._vendor.title} any more")
            _compare(edit, live.record, self._vendor.title)
        self._store.begin_call(self._vendor.name, edit, self._clock.now())
        try:
            if live is None:
                record = self._vendor.add(edit.kind, edit.becomes, mark_of(edit.key))
            else:
                self._vendor.change(edit.kind, live, edit.becomes)
                record = edit.record
        except (NotDone, BadInput):
            self._store.forget_call(edit.key)
            raise
        return self._taken_over(edit, record)

    def edit_each(self, edits: Sequence[Edit]) -> tuple[Edited | NotEdited, ...]:
        """No vendor changes many records all together or not at all, so none is."""
        raise NotDone(
            f"{self._vendor.title} cannot change {len(edits)} records as one",
            mend="`cuga adapters mode hybrid --for crm` reads there and writes into this house's own store",
        )

    def loading(self, *, dry: bool = False) -> AbstractContextManager[Loading]:
        """Records of this house's own are not stored at a vendor."""
        raise NotDone(f"records of this house's own are not stored at {self._vendor.title}")

    def store(self, records: Mapping[str, Iterable[Record]]) -> Stored:
        """Records of this house's own are not stored at a vendor."""
        raise NotDone(f"records of this house's own are not stored at {self._vendor.title}")

    def _must_be_possible(self, edit: Edit) -> None:
        title = self._vendor.title
        if edit.is_new:
            if edit.kind not in self._vendor.adds:
                raise NotDone(f"{edit.kind} cannot be added at {title}")
            for name, kind in (("opportunity_id", "opportunities"), ("account_id", "accounts")):
                if said := edit.becomes.get(name):
                    self._must_be_theirs(kind, str(said))
            return
        if unknown := sorted({*edit.becomes} - self._vendor.changes.get(edit.kind, frozenset())):
            known = ", ".join(sorted(self._vendor.changes.get(edit.kind, ()))) or "nothing"
            raise NotDone(f"{unknown[0]} of {edit.kind} cannot be changed at {title}", mend=f"what can be: {known}")
        if unstated := sorted({*edit.becomes} - {*edit.was}):
            raise NotDone(f"what {unstated[0]} was before is not stated, so nobody has seen what is replaced")
        if unnamed := sorted({*edit.was} - {*fields_of(edit.kind)}):
            raise NotDone(f"{edit.kind} have no field {unnamed[0]!r}")
        if not edit.becomes:
            raise NotDone("the change changes nothing")
        self._must_be_theirs(edit.kind, edit.record)

    def _must_be_theirs(self, kind: str, record_id: str) -> None:
        found = self._store.get(kind, record_id)
        if found is None or not found.source.file.startswith(f"{self._vendor.name}/"):
            raise NotDone(
                f"{record_id} was not read from {self._vendor.title}, so it is nothing that can be written to there",
                mend=f"`cuga sync {self._vendor.name}` reads its records; `cuga adapters mode hybrid --for crm` writes "
                "here",
            )

    def _taken_over(self, edit: Edit, record: str) -> Edited:
        made = self._store.take_over(msgspec.structs.replace(edit, record=record))
        return msgspec.structs.replace(made, place=self._vendor.title)


class VendorCrm(ReadHereWriteThere):
    """A `Crm`: read from the house's own store, which was filled by syncing, and changed at the vendor."""

    def __init__(
        self, store: CrmStore, vendor: Vendor, *, clock: Clock | None = None, settles_s: float = SETTLES_S
    ) -> None:
        super().__init__(store, VendorWriter(store, vendor, clock=clock, settles_s=settles_s))
        self.vendor = vendor

    def look(self) -> str:
        """Who we are at the vendor; raises when we are nobody."""
        return self.vendor.look()


def mark_of(key: str) -> str:
    """What an added record carries, so that it is found again: made of the call's key."""
    return f"cuga-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _compare(edit: Edit, now: Record, title: str) -> None:
    for field, was in sorted(edit.was.items()):
        if not same(_plain(getattr(now, field)), was):
            raise NotDone(
                f"{field} of {edit.record} is {_plain(getattr(now, field))!r} at {title} now, not {was!r} as it was "
                "when the change was agreed to",
                mend="sync, then ask for the change again; the new request shows the values as they are",
            )


def _holds(record: Record, values: Mapping[str, str | int | None]) -> bool:
    return all(same(_plain(getattr(record, field)), value) for field, value in values.items())


def _plain(value: Any) -> str | int | None:
    return value.isoformat() if isinstance(value, date) else value
