"""Bringing records in: exports of a directory, or the sample; and how good the data is that is there.

An import works on its own connection in a thread, so that nothing waits for it; that data came in is a fact.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from cuga.adapters.capability import Crm
from cuga.adapters.offline import CrmStore
from cuga.adapters.vendors import KindSynced, VendorCrm, sync_kind
from cuga.adapters.vendors.port import KINDS as SYNCED
from cuga.errors import BadInput, NotAllowed
from cuga.model.context import Principal
from cuga.model.house_event import CrmImported
from cuga.model.value import Value
from cuga.orchestrator.changing.switching import Switching
from cuga.orchestrator.house.gone import gone_by
from cuga.orchestrator.house.place import Place
from cuga.packs.sales.governance.quality import Audit, audit_data_quality
from cuga.packs.sales.importing import FileReport, Group, ImportReport, Problem, import_directory
from cuga.packs.sales.sample import write_sample
from cuga.packs.sales.sample_documents import write_documents
from cuga.policy.access import Verb, may
from cuga.tools.declare import ToolContext

T = TypeVar("T")
SAMPLE = "sample"  # the name under which a store keeps that its records are made up
_THEN = datetime.min.replace(tzinfo=UTC)  # `change` sets the time

FileMapping = Mapping[str, Mapping[str, Any]]


class ImportOutcome(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What an import did, or with `dry` would do. `mapping` can be changed and given back."""

    dry: bool
    rows: int
    stored: int
    not_stored: int
    added: int
    changed: int
    unchanged: int
    erased: int  # rows about people who were erased here: they stay out unless they are asked for
    remarks: int
    files: tuple[FileReport, ...]
    groups: tuple[Group, ...]  # of remarks, the gravest first
    problems: tuple[Problem, ...]  # row by row, the first thousands of a kind
    mapping: dict[str, dict[str, Any]]
    crm_version: str


class Bringing(Switching):
    """Records, at the front door."""

    _quality: Audit | None = None  # holds for its version of the records and its day

    async def import_files(
        self,
        directory: Path,
        mapping: FileMapping | None = None,
        *,
        dry: bool = False,
        bring_back: bool = False,
        by: Principal | None = None,
    ) -> ImportOutcome:
        """Bring the exports of a directory in, or with `dry` say what would be read; the same files change nothing.

        Rows about people who were erased stay out, unless `bring_back`.
        """
        who = await self._feeding(by)
        assembly = await self.open()
        ring = assembly.sealing.ring
        if bring_back and not dry:
            await assembly.cleaning.must_be_clean()  # else whoever comes back would go with what is to be cleaned

        def work(store: Crm) -> ImportReport:
            gone = gone_by(ring)
            return import_directory(directory, store, mapping=mapping, dry=dry, gone=gone, bring_back=bring_back)

        report = await self._at_the_store(work)
        if not dry:
            await self._note(report, who)
            await self._tell_who_opted_out(who)
        return _outcome(report, dry=dry)

    async def sync(self, vendor: str, kind: str, by: Principal | None = None) -> KindSynced:
        """Read all records of one kind from a vendor into the house's store. The same records change nothing.

        `BadInput` for a vendor that is not set up or a kind that is not read; else what the vendor's answers raise.
        """
        assembly = await self.open()
        who = await self._feeding(by)
        found = assembly.bindings["crm"].get(vendor)
        if not isinstance(found, VendorCrm):
            raise BadInput(
                f"{vendor} is no CRM that is set up here", mend=f"`cuga adapters setup {vendor}` sets one up."
            )
        if kind not in SYNCED:
            raise BadInput(f"{kind} are not read from a CRM", mend=f"There are {', '.join(SYNCED)}.")
        ring = assembly.sealing.ring
        synced = await self._at_the_store(lambda store: sync_kind(found.vendor, store, kind, gone_by(ring)))
        if synced.added or synced.changed:
            event = CrmImported(
                at=_THEN,
                source=f"{vendor}/{kind}",
                crm_version=synced.crm_version,
                rows=synced.read,
                problems=synced.not_taken,
            )
            await self.change(event, who)
        await self._tell_who_opted_out(who)
        return synced

    async def fill_with_sample(self, by: Principal | None = None) -> ImportOutcome:
        """Fill an empty house with a fictitious company's data, to try things out. `BadInput` when it has data."""
        assembly = await self.open()
        who = await self._feeding(by)
        if any(assembly.crm.count(kind) for kind in ("accounts", "opportunities")):
            raise BadInput(
                "this house has records already", mend="Make another one to try things: cuga init try/ --sample"
            )
        today = assembly.clock.now().date()
        place = self._place

        def work(store: Crm) -> ImportReport:
            return sample_into(store, today, place)

        report = await self._at_the_store(work)
        await self._note(report, who)
        return _outcome(report, dry=False)

    async def data_quality(self) -> Audit:
        """The state of the records, rule by rule, beside what it was before the last import."""
        assembly = await self.open()
        now, version = assembly.clock.now(), assembly.crm.crm_version()
        known = self._quality
        if known is None or (known.crm_version, known.as_of) != (version, now.date().isoformat()):
            context = ToolContext(as_of=now, capabilities={"crm": assembly.crm})
            known = self._quality = await asyncio.to_thread(audit_data_quality, context)
        return known

    async def _feeding(self, by: Principal | None) -> Principal:
        who = by or await self.principal()
        ruling = may(who, Verb.FEED, (await self.open()).current)
        if not ruling.allowed:
            raise NotAllowed("; ".join(ruling.reasons))
        return who

    async def _at_the_store(self, work: Callable[[CrmStore], T]) -> T:
        assembly = await self.open()
        place = self._place
        if place is None:
            return work(assembly.crm)
        return await asyncio.to_thread(at_store, place, work)

    async def _tell_who_opted_out(self, who: Principal) -> None:
        """Let the other machines of the house know, who may not have these records."""
        assembly = await self.open()
        if assembly.book is not None:
            await assembly.one_list.level(who)

    async def _note(self, report: ImportReport, by: Principal) -> None:
        if report.added or report.changed:
            await self.change(imported(report), by)


def at_store(place: Place, work: Callable[[CrmStore], T]) -> T:
    """Work on the records of a house over a connection of one's own."""
    store = CrmStore.open(place.crm)
    try:
        return work(store)
    finally:
        store.close()


def sample_into(store: Crm, today: date, place: Place | None) -> ImportReport:
    """Write the sample records, with dates around a day, and its documents."""
    if place is not None:
        write_documents(place.documents, today=today)
    with tempfile.TemporaryDirectory(prefix="cuga-") as spare:
        source = Path(spare) / "sample"
        write_sample(source, today=today)
        report = import_directory(source, store)
    with store.loading() as loading:
        loading.keep(SAMPLE, today.isoformat())
    return report


def imported(report: ImportReport) -> CrmImported:
    """That data came in, as a fact of the house."""
    return CrmImported(
        at=_THEN,
        source=report.directory,
        crm_version=report.crm_version,
        rows=report.rows,
        problems=report.remarks,
    )


def _outcome(report: ImportReport, *, dry: bool) -> ImportOutcome:
    return ImportOutcome(
        dry=dry,
        rows=report.rows,
        stored=report.stored,
        not_stored=report.not_stored,
        added=report.added,
        changed=report.changed,
        unchanged=report.unchanged,
        erased=report.erased,
        remarks=report.remarks,
        files=report.files,
        groups=report.groups(),
        problems=report.problems,
        mapping=report.mapping(),
        crm_version=report.crm_version,
    )
