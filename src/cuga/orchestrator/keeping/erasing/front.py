"""At the front door: show where somebody's data are, and erase them.

What is done is written down before it is done, and each part can be done again: whoever was cut off erases once more.
"""

from __future__ import annotations

import asyncio

from cuga.errors import BadInput, InvalidTransition, NotAllowed
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.event import Status
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.keeping.cleaning import MARK, destroy_keys, documents
from cuga.orchestrator.keeping.erasing.standing import end_standing, standing_about
from cuga.orchestrator.keeping.erasing.told import Erased, Held
from cuga.orchestrator.keeping.subject import Subject, subject_of
from cuga.orchestrator.looking.reading import Reading
from cuga.policy.access import Verb, may
from cuga.privacy import ERASED

WAIT_S = 30.0  # for the end of a run that is being cancelled


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
            documents=await asyncio.to_thread(_documents, assembly, subject),
            keys=assembly.sealing.ring.where,
            ending=tuple(id for id, _ in standing_about(assembly, subject)),
        )

    async def erase_person(self, who: str, reason: str, by: Principal | None = None) -> Erased:
        """Erase somebody: their keys, and every other place where their data rest. An admin, with a reason.

        Runs of theirs that have not ended are cancelled first. It cannot be taken back.
        """
        assembly = await self.open()
        person = await self._must_govern(by)
        if not reason.strip():
            raise BadInput("erasing somebody needs a reason", mend='Say --reason "asked for by letter of 3 May".')
        await assembly.cleaning.clean()  # what was asked for on other machines, first
        async with assembly.cleaning.alone():
            return await self._erase(assembly, who, reason, person)

    async def _erase(self, assembly: Assembly, who: str, reason: str, person: Principal) -> Erased:
        subject = await asyncio.to_thread(subject_of, who, assembly.crm, assembly.folder)
        _must_have_left(assembly, subject)
        ended = await end_standing(assembly, subject, person)  # first: a schedule would begin runs about them meanwhile
        streams, clear, former = await _streams_of(assembly, subject)
        runs = [stream for stream in streams if not stream.startswith("house/")]
        cancelled = await self._cancelled(assembly, runs, person)
        ring, is_shared = assembly.sealing.ring, assembly.book is not None
        own = await asyncio.to_thread(lambda: {ring.id_of(ref) for ref in subject.refs})
        ids = tuple(sorted(own | former))
        said = ERASED if subject.is_named(reason) else reason  # the record of it must not name whom it is about
        blocked = await asyncio.to_thread(assembly.outbox.suppression.keys_of, subject.addresses) if is_shared else ()
        event = h.PersonErased(
            at=assembly.clock.now(), by=person.id, subjects=ids, runs=len(runs), reason=said, addresses=blocked,
            everywhere=is_shared,
        )  # fmt: skip
        await assembly.change(event, person)
        keys = await asyncio.to_thread(destroy_keys, assembly, ids, runs)
        cleaned = await assembly.cleaning.clean_places(subject, frozenset(runs))
        left = await asyncio.to_thread(_documents, assembly, subject)
        await assembly.cleaning.note(event, left)
        await assembly.read_anew()
        return Erased(
            subjects=ids,
            keys=keys,
            runs=len(runs),
            cancelled=cancelled,
            cleaned={place: count for place, count in cleaned.items() if count},
            clear_events=clear,
            left=left,
            ended=ended,
            is_shared=is_shared,
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


def _must_have_left(assembly: Assembly, subject: Subject) -> None:
    """Roles are kept under names. Where one is an address that is erased nobody would have them any more."""
    state = assembly.state
    here = [name for name in (state.roles or (state.owner,)) if name.strip().casefold() in subject.addresses]
    if here:
        mend = f"Let them go first: cuga users leave {here[0]} --to NAME. Nothing was erased yet."
        raise InvalidTransition(f"{here[0]} is somebody of this house, by that address", mend=mend)


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
        if MARK in body and any(one in body for one in ids):
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
        if subject.addresses and MARK in stored.body:
            found |= await asyncio.to_thread(sealing.ids_with, stored.stream, stored.body, subject.addresses)
    return found - known


def _documents(assembly: Assembly, subject: Subject) -> tuple[str, ...]:
    return documents(assembly.place, subject.is_named) if assembly.place is not None else ()
