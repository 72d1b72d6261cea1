"""At the front door: show where somebody's data are, and erase them.

What is done is written down before it is done, and each part can be done again: whoever was cut off erases once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from cuga.errors import BadInput, NotAllowed
from cuga.journal.codec import SEALED
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.event import Status
from cuga.orchestrator.dryrun import drop_left_over
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.place import Place
from cuga.orchestrator.keeping.erasing.subject import Subject, subject_of
from cuga.orchestrator.keeping.erasing.told import Erased, Held
from cuga.orchestrator.looking.reading import Reading
from cuga.policy.access import Verb, may
from cuga.privacy import ERASED

WAIT_S = 30.0  # for the end of a run that is being cancelled
_MARK = f'"{SEALED}'.encode()
_DOCUMENTS = frozenset({".md", ".txt", ".html", ".htm", ".csv", ".yaml", ".yml", ".json", ".ics"})


class Erasing(Reading):
    """Erasure, at the front door."""

    async def person_data(self, who: str, by: Principal | None = None) -> Held:
        """Where somebody's data are. An admin; `NotFound` when nobody is known so."""
        assembly = await self.open()
        await self._must_govern(by)
        subject = await asyncio.to_thread(subject_of, who, assembly.crm, assembly.folder)
        streams, clear, _ = await _streams_of(assembly, subject)
        runs = tuple(stream for stream in streams if not stream.startswith("house/"))
        return Held(
            who=who,
            contacts=subject.contacts,
            addresses=subject.addresses,
            runs=runs,
            unfinished=tuple([run for run in runs if not await self._has_ended(run)]),
            clear_events=clear,
            documents=await asyncio.to_thread(_documents, assembly, subject.is_named),
            keys=assembly.sealing.ring.where,
        )

    async def erase_person(self, who: str, reason: str, by: Principal | None = None) -> Erased:
        """Erase somebody: their keys, and every other place where their data rest. An admin, with a reason.

        Runs of theirs that have not ended are cancelled first. It cannot be taken back.
        """
        assembly = await self.open()
        person = await self._must_govern(by)
        if not reason.strip():
            raise BadInput("erasing somebody needs a reason", mend='Say --reason "asked for by letter of 3 May".')
        subject = await asyncio.to_thread(subject_of, who, assembly.crm, assembly.folder)
        streams, clear, former = await _streams_of(assembly, subject)
        runs = [stream for stream in streams if not stream.startswith("house/")]
        cancelled = await self._cancelled(assembly, runs, person)
        ring = assembly.sealing.ring
        own = await asyncio.to_thread(lambda: {ring.id_of(ref) for ref in subject.refs})
        ids = tuple(sorted(own | former))
        said = ERASED if subject.is_named(reason) else reason  # the record of it must not name whom it is about
        event = h.PersonErased(at=assembly.clock.now(), by=person.id, subjects=ids, runs=len(runs), reason=said)
        await assembly.change(event, person)
        keys = await asyncio.to_thread(lambda: ring.destroy([*ids, *(ring.id_of(f"run/{run}") for run in runs)]))
        assembly.sealing.forget()
        cleaned = await asyncio.to_thread(_clean_mail, assembly, subject)
        cleaned["notices"] = _clean_views(assembly, subject, frozenset(runs))
        # the records last: whoever is cut off before finds the person in them again
        records = await asyncio.to_thread(assembly.crm.erase, subject.contacts, subject.is_named, ERASED)
        cleaned |= {f"records: {kind}": count for kind, count in records.items()}
        return Erased(
            subjects=ids,
            keys=keys,
            runs=len(runs),
            cancelled=cancelled,
            cleaned={place: count for place, count in cleaned.items() if count},
            clear_events=clear,
            left=await asyncio.to_thread(_documents, assembly, subject.is_named),
        )

    async def _must_govern(self, by: Principal | None) -> Principal:
        who = by or await self.principal()
        ruling = may(who, Verb.GOVERN, (await self.open()).current)
        if not ruling.allowed:
            raise NotAllowed("; ".join(ruling.reasons))
        return who

    async def _has_ended(self, run_id: str) -> bool:
        return (await (await self.open()).driver.state(run_id)).end is not None

    async def _cancelled(self, assembly: Assembly, runs: list[str], by: Principal) -> tuple[str, ...]:
        open_runs = [run for run in runs if not await self._has_ended(run)]
        for run in open_runs:
            await self.cancel(run, reason="the data it is about are erased", by=by)  # type: ignore[attr-defined]
            state = await assembly.driver.state(run)
            if state.status in (Status.RUNNING, Status.PARKED):
                raise BadInput(
                    f"run {run} has not ended: {state.parked.reason if state.parked else 'a call is under way'}",
                    mend=f"See `cuga show {run}`; then erase again. Nothing was erased yet.",
                )
        return tuple(open_runs)


async def _streams_of(assembly: Assembly, subject: Subject) -> tuple[list[str], int, set[str]]:
    """The streams that hold something sealed for somebody, how many events hold it in clear, and ids of theirs from
    records that are not there any more."""
    ring = assembly.sealing.ring
    former = await _former_ids(assembly, subject)
    ids = [one.encode() for one in former]
    ids += await asyncio.to_thread(lambda: [one.encode() for ref in subject.refs for one in ring.ids_of(ref)])
    found: dict[str, None] = {}
    clear = 0
    async for stored in assembly.journal.feed():
        body = stored.body
        if _MARK in body and any(one in body for one in ids):
            found.setdefault(stored.stream)
        if subject.may_be_named(text := body.decode("utf-8", "replace")) and subject.is_named(text):
            clear += 1
    return list(found), clear, former


async def _former_ids(assembly: Assembly, subject: Subject) -> set[str]:
    """Ids that a person had by records with other ids, e.g. before the records were brought in anew."""
    sealing = assembly.sealing
    known = await asyncio.to_thread(lambda: {one for ref in subject.refs for one in sealing.ring.ids_of(ref)})
    found: set[str] = set()
    async for stored in assembly.journal.feed():
        if subject.addresses and _MARK in stored.body:
            found |= await asyncio.to_thread(sealing.ids_with, stored.stream, stored.body, subject.addresses)
    return found - known


def _clean_mail(assembly: Assembly, subject: Subject) -> dict[str, int]:
    """What was written to them and what came from them. Their addresses stay blocked, by a digest."""
    is_about = subject.is_named
    found = {"suppression list": assembly.outbox.suppression.replace_erased(subject.addresses, _day(assembly))}
    found |= {f"outbox {name}": count for name, count in assembly.outbox.erase(is_about).items()}
    if assembly.place is not None:
        found["rehearsals"] = _drop_rehearsals(assembly.place)
        found["copies of dry runs"] = drop_left_over()
    if assembly.inbox is not None:
        found["inbox mails"] = assembly.inbox.erase(is_about)
    return found


def _drop_rehearsals(place: Place) -> int:
    """All that is kept of dry runs: a week's work at most, whose digests could be guessed at."""
    kept = list(place.rehearsed.glob("*.json"))
    for file in kept:
        file.unlink(missing_ok=True)
    return len(kept)


def _clean_views(assembly: Assembly, subject: Subject, runs: frozenset[str]) -> int:
    """What was folded from the journal while their keys were there; how many messages are not told any more."""
    assembly.fold_anew()
    return assembly.outgoing().drop_about(
        lambda message: message.run_id in runs or subject.is_named(message.goal) or subject.is_named(message.reason)
    )


def _day(assembly: Assembly) -> str:
    return assembly.clock.now().date().isoformat()


def _documents(assembly: Assembly, is_about: Callable[[str], bool]) -> tuple[str, ...]:
    """Files of others in the house that name somebody: documents, templates, calendars, facts, and the CRM folder."""
    if assembly.place is None:
        return ()
    found: list[Path] = []
    place = assembly.place
    for folder in (place.documents, place.templates, place.crm_folder, place.calendar, place.facts):
        for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
            is_text = file.suffix.lower() in _DOCUMENTS and file.is_file() and not file.is_symlink()
            if is_text and is_about(file.read_text("utf-8", "replace")):
                found.append(file)
    return tuple(str(file.relative_to(place.root)) for file in found)
