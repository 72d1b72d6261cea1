"""Cleaning the places of this machine after somebody was erased, here or on another machine of the house.

Who it was is known from what the erasure left behind: ids that are keyed digests of the ids of their records and of
their addresses. Each record, and each address in a text, is asked whether it is one of those. What was done is noted
once all of it is; whoever was cut off begins from the start, and finds the records, which go last.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cuga.adapters.offline.sent_notes import sync, write_durably
from cuga.errors import BadInput, JournalFailed
from cuga.journal.codec import SEALED, KeysAway
from cuga.model.house_event import PersonErased
from cuga.notices.messages import Message
from cuga.orchestrator.house.gone import drop_left_over, drop_rehearsed
from cuga.orchestrator.house.place import Place
from cuga.orchestrator.keeping.subject import Subject, theirs
from cuga.privacy import ERASED

if TYPE_CHECKING:
    from cuga.orchestrator.house.assembly import Assembly

MARK = f'"{SEALED}'.encode()  # what sealed texts begin with
FRESH_S = 60.0  # an erasure that another process may not have ended yet
KEYS_GONE_S = 10.0  # when the keys of somebody who was erased in another process are gone for certain
_DOCUMENTS = frozenset({".md", ".txt", ".html", ".htm", ".csv", ".yaml", ".yml", ".json", ".ics"})


class Noted(msgspec.Struct, frozen=True):
    """What this machine has cleaned up after, and files of others that named somebody then: path -> SHA-256."""

    done: tuple[str, ...] = ()
    left: dict[str, str] = {}


class Cleaning:
    """Cleans the places of one machine; with a house in one file, only when it is asked to."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._turn = asyncio.Lock()
        self._forgotten: int | None = None  # erasures after which this process has let go of what it had folded
        self._gone = 0  # erasures whose keys are gone

    # --- what is still to be done -------------------------------------------------------------------------------------
    def pending(self) -> list[PersonErased]:
        """Erasures that this machine has not cleaned up after. `BadInput` when its note cannot be read."""
        assembly = self._assembly
        if assembly.book is None or assembly.place is None or not assembly.state.erasures:
            return []
        done = _noted(assembly.place).done
        return [one for one in assembly.state.erasures if _name(one) not in done]

    def left(self) -> tuple[str, ...]:
        """Files of others here that named somebody who was erased, and are as they were then."""
        place = self._assembly.place
        found = _noted(place).left if place is not None else {}
        return tuple(path for path, digest in found.items() if place and _digest(place.root / path) == digest)

    # --- doing it -----------------------------------------------------------------------------------------------------
    async def clean(self) -> None:
        """Clean up after erasures, wherever they were asked for."""
        if await asyncio.to_thread(self.pending):
            async with self.alone() as place:
                pending = await asyncio.to_thread(self.pending)  # another process may have been faster
                if pending and place is not None:
                    ids = frozenset(one for event in pending for one in event.subjects)
                    subject = await asyncio.to_thread(self._whom, ids)
                    await self.clean_places(subject, frozenset())
                    left = await asyncio.to_thread(documents, place, subject.is_named)
                    await asyncio.to_thread(_note, place, pending, left)
        self._let_go()
        await self._see_keys_gone()

    async def must_be_clean(self) -> None:
        """Clean up after every erasure until now, before somebody is brought back. What fails is raised."""
        await self._assembly.look_at_house()
        await self.clean()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[Place | None]:
        """While no other process cleans these places."""
        place = self._assembly.place
        async with self._turn:
            if place is None:
                yield None
                return
            handle = os.open(_file(place).with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                await asyncio.to_thread(fcntl.flock, handle, fcntl.LOCK_EX)
                yield place
            finally:
                os.close(handle)

    async def clean_places(self, subject: Subject, runs: Collection[str]) -> dict[str, int]:
        """Take somebody out of every place here, the records last; place -> how much was touched."""
        assembly = self._assembly
        found = await asyncio.to_thread(_clean_mail, assembly, subject)
        assembly.fold_anew()
        self._forgotten = len(assembly.state.erasures)
        found["notices"] = await self._drop_notices(
            lambda one: one.run_id in runs or subject.is_named(one.goal) or subject.is_named(one.reason),
            subject.is_named,
        )
        # whoever is cut off before this finds the person in them again
        records = await asyncio.to_thread(
            assembly.crm.erase, subject.contacts, subject.is_named, ERASED, subject.is_near
        )
        return found | {f"records: {kind}": count for kind, count in records.items()}

    async def note(self, event: PersonErased, left: Iterable[str]) -> None:
        """All is clean here after an erasure that was asked for here; some files of others name them still."""
        if (place := self._assembly.place) is not None and event.everywhere:
            await asyncio.to_thread(_note, place, [event], left)

    async def _drop_notices(self, is_about: Callable[[Message], bool], is_theirs: Callable[[str], bool]) -> int:
        while True:
            try:
                return self._assembly.outgoing().drop_about(is_about, is_theirs)
            except KeysAway as away:
                await asyncio.to_thread(away.fetch)

    def _let_go(self) -> None:
        """What this process folded before an erasure must not be stored again."""
        known, self._forgotten = self._forgotten, len(self._assembly.state.erasures)
        if known is None:  # it was just opened
            known = self._forgotten - self._is_one_fresh()
        if known < self._forgotten:
            self._assembly.fold_anew()

    def _is_one_fresh(self) -> bool:
        """Whether somebody was erased so lately that it may not be over."""
        erasures = self._assembly.state.erasures
        return bool(erasures) and (self._assembly.clock.now() - erasures[-1].at).total_seconds() < FRESH_S

    def _whom(self, ids: frozenset[str]) -> Subject:
        ring, assembly = self._assembly.sealing.ring, self._assembly
        known: dict[str, bool] = {}

        def is_theirs(ref: str) -> bool:
            if ref not in known:
                known[ref] = not ids.isdisjoint(ring.ids_of(ref))
            return known[ref]

        return theirs(is_theirs, assembly.crm, assembly.folder)

    # --- keys whose destruction was cut off ---------------------------------------------------------------------------
    async def _see_keys_gone(self) -> None:
        """Destroy what whoever erased somebody was cut off from destroying, and read no more what it sealed."""
        assembly = self._assembly
        before, erasures = self._gone, assembly.state.erasures
        if assembly.book is None or before == len(erasures):
            return
        for event in await asyncio.to_thread(self._with_keys, erasures[before:]):
            wait_s = KEYS_GONE_S - (assembly.clock.now() - event.at).total_seconds()
            if wait_s > 0:  # it is being done, most likely
                asyncio.get_running_loop().call_later(wait_s, assembly.following.wake)
                return
            ids = [one.encode() for one in event.subjects]
            sealed = [
                one async for one in assembly.journal.feed() if MARK in one.body and any(i in one.body for i in ids)
            ]
            runs = {one.stream for one in sealed if not one.stream.startswith("house/")}
            await asyncio.to_thread(destroy_keys, assembly, event.subjects, runs)
        self._gone = len(erasures)
        if before or self._is_one_fresh():  # what was read at the start of this process was read without the keys
            await assembly.read_anew()

    def _with_keys(self, events: Iterable[PersonErased]) -> list[PersonErased]:
        ring = self._assembly.sealing.ring
        ring.forget()  # it is another process that destroys them
        return [one for one in events if not all(map(ring.is_erased, one.subjects))]


def destroy_keys(assembly: Assembly, ids: Iterable[str], runs: Iterable[str]) -> int:
    """Destroy the keys of somebody and those of the runs that they were in, all at once; how many."""
    ring = assembly.sealing.ring
    gone = ring.destroy([*ids, *(ring.id_of(f"run/{run}") for run in runs)])
    assembly.sealing.forget()
    return gone


def documents(place: Place, is_about: Callable[[str], bool]) -> tuple[str, ...]:
    """Files of others in the house that name somebody: documents, templates, calendars, facts, and the CRM folder."""
    found: list[Path] = []
    for folder in (place.documents, place.templates, place.crm_folder, place.calendar, place.facts):
        for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
            is_text = file.suffix.lower() in _DOCUMENTS and file.is_file() and not file.is_symlink()
            if is_text and is_about(file.read_text("utf-8", "replace")):
                found.append(file)
    return tuple(str(file.relative_to(place.root)) for file in found)


def _clean_mail(assembly: Assembly, subject: Subject) -> dict[str, int]:
    """What was written to them and what came from them. Their addresses stay blocked, by a digest."""
    day = assembly.clock.now().date().isoformat()
    found = {"suppression list": assembly.outbox.suppression.replace_erased(subject.addresses, day)}
    found |= {f"outbox {name}": count for name, count in assembly.outbox.erase(subject.is_named).items()}
    if assembly.place is not None:
        # all that is kept of dry runs: a week's work at most, whose digests could be guessed at
        found["rehearsals"] = drop_rehearsed(assembly.place)
        found["copies of dry runs"] = drop_left_over()
    if assembly.inbox is not None:
        found["inbox mails"] = assembly.inbox.erase(subject.is_named)
    return found


def _name(event: PersonErased) -> str:
    """By what an erasure is known in the note of a machine, whatever becomes of the book's numbers."""
    said = "\n".join((event.at.isoformat(), *event.subjects))
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def _file(place: Place) -> Path:
    return place.root / "cleaned.json"


def _noted(place: Place) -> Noted:
    try:
        return msgspec.json.decode(_file(place).read_bytes(), type=Noted)
    except FileNotFoundError:
        return Noted()
    except (OSError, msgspec.MsgspecError) as error:
        mend = "Remove it: then all of it is cleaned up once more, records of people who were brought back included."
        raise BadInput(f"{_file(place)} cannot be read: {error}", mend=mend) from error


def _note(place: Place, events: Iterable[PersonErased], left: Iterable[str]) -> None:
    before = _noted(place)
    done = dict.fromkeys((*before.done, *map(_name, events)))
    still = {path: digest for path, digest in before.left.items() if _digest(place.root / path) == digest}
    part = _file(place).with_suffix(f".{os.getpid()}.part")
    try:
        write_durably(
            part, msgspec.json.encode(Noted(tuple(done), still | {path: _digest(place.root / path) for path in left}))
        )
        os.replace(part, _file(place))
        sync(place.root)
    except OSError as error:
        raise JournalFailed(f"it cannot be noted what was cleaned: {error}") from error


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
