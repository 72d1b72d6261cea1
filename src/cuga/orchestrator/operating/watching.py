"""What a serving process tells those who operate it: log lines, spans to a collector, and all figures at once.

It is switched on by `CUGA_LOG` and `CUGA_OTLP`, and by nothing else; without them nothing leaves the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from cuga.errors import JournalFailed
from cuga.journal.port import OpenApproval
from cuga.model.event import Event, Status
from cuga.model.value import Value
from cuga.observability.collector import CONTENT, HEADERS, Collector, headers_of
from cuga.observability.exporter import MOST_SPANS, Exported, Exporter
from cuga.observability.log import Log
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.restate import is_restate
from cuga.orchestrator.keeping.sealing import Sealed
from cuga.orchestrator.looking.standing import adapter_lines
from cuga.projections.signals import Signals
from cuga.projections.telemetry import RunSpans
from cuga.projections.telemetry.counts import Counts
from cuga.projections.telemetry.spans import Scrub
from cuga.redact import Redactor
from cuga.settings import Settings

if TYPE_CHECKING:
    from cuga.engine.distributed import DistributedEngine, Figures

COUNTED = 1_000  # running runs and open requests that are counted: a scrape must not grow with them
TRUE = frozenset({"1", "true", "yes", "on"})


class Watched(Value, frozen=True, kw_only=True):
    """All that can be told of a house and of this process. Times are seconds; None: there is no such thing here."""

    signals: Signals
    counts: Counts
    position: int
    running: int  # counted to a thousand
    parked: int
    waiting: int  # open requests, counted to a thousand
    oldest_s: float  # how long the oldest of them has waited
    halted: bool
    registry_broken: bool
    adapters: tuple[tuple[str, str, bool], ...]  # capability, adapter, usable
    left_alone: int
    without_keys: int
    without_thread: int
    free: int | None  # bytes
    appends: int | None
    commit_bins: tuple[int, ...]
    commit_s: float
    trouble: bool
    sealed: Sealed | None
    queue: Figures | None
    fenced: int
    lost: int
    exported: Exported | None
    lines: int | None
    dropped: int


@contextlib.asynccontextmanager
async def watched(assembly: Assembly) -> AsyncIterator[None]:
    """Log and hand spans over while the block runs, as the settings say."""
    handing: asyncio.Task[None] | None = None
    unheard = None
    if assembly.settings.otlp:
        assembly.exporter = exporter_of(assembly)
        handing = asyncio.get_running_loop().create_task(assembly.exporter.work())
    if assembly.settings.log:
        assembly.log = log = Log(assembly.settings.log)
        log.start()
        unheard = assembly.engine.listen("", log.hear)
        assembly.on_change.append(log.hear_house)
        log.say("serving", worker=assembly.engine.worker)
    try:
        yield
    finally:
        if handing is not None:
            handing.cancel()
            await asyncio.gather(handing, return_exceptions=True)
            assembly.exporter = None
        if assembly.log is not None and unheard is not None:
            unheard()
            assembly.on_change.remove(assembly.log.hear_house)
            assembly.log.say("stopping")
            assembly.log.stop()
            assembly.log = None


def exporter_of(assembly: Assembly) -> Exporter:
    """Who hands this house's spans to the collector that the settings name; `BadInput` when that cannot be."""
    settings = assembly.settings
    return Exporter(
        assembly.journal,
        assembly.views,
        collector_of(settings.otlp, settings, assembly.redactor),
        assembly.clock,
        address=settings.otlp,
        content=content_of(settings, assembly.redactor),
    )


def collector_of(address: str, settings: Settings, redactor: Redactor) -> Collector:
    """A collector at an address; what it is told of us is a secret from here on."""
    for value in headers_of(settings.variables.get(HEADERS, "")).values():
        redactor.learn(value, value.rpartition(" ")[2])
    return Collector(address, settings)


def content_of(settings: Settings, redactor: Redactor) -> Scrub | None:
    """What scrubs arguments and results on their way out; None: they stay here."""
    return redactor.scrub if settings.variables.get(CONTENT, "").lower() in TRUE else None


async def send_run(run_id: str, events: Sequence[Event], address: str, settings: Settings) -> tuple[int, int]:
    """Hand the spans of one run to a collector, as far as they have ended; how many it took, and how many not."""
    redactor = Redactor.from_environment(settings.variables)
    fold = RunSpans(run_id, content_of(settings, redactor))
    spans = [span for seq, event in enumerate(events, start=1) for span in fold.apply(seq, event)]
    refused = 0
    for first in range(0, len(spans), MOST_SPANS):
        refused += (await collector_of(address, settings, redactor).take(spans[first : first + MOST_SPANS]))[0]
    return len(spans) - refused, refused


async def _queue(engine: DistributedEngine, assembly: Assembly) -> Figures | None:
    """What the queue looks like; None when Restate does not answer, of which everything else is no worse to be seen."""
    try:
        return await engine.figures()
    except JournalFailed:
        if not is_restate(assembly.registry, assembly.place):
            raise
        return None


async def watch(assembly: Assembly) -> Watched:
    """All figures now."""
    counts, position = await assembly.counts.read(assembly.tenant)
    signals = await assembly.signals.read(tenant=assembly.tenant)
    running = await assembly.journal.runs(tenant=assembly.tenant, status=Status.RUNNING, limit=COUNTED)
    waiting = await assembly.journal.waiting(tenant=assembly.tenant, limit=COUNTED)
    oldest = await assembly.journal.open_approvals(tenant=assembly.tenant, limit=1)
    journal: Any = assembly.book or assembly.journal
    times = getattr(journal, "times", None)  # a journal in memory commits nothing
    is_woken = assembly.book is not None or is_restate(assembly.registry, assembly.place)
    engine = cast("DistributedEngine", assembly.engine) if is_woken else None
    return Watched(
        signals=signals,
        counts=counts,
        position=position,
        running=len(running),
        parked=max(counts.going - len(running), 0),
        waiting=waiting,
        oldest_s=_oldest(oldest, assembly.clock.now()),
        halted=bool(assembly.current.halted),
        registry_broken=assembly.mistakes is not None,
        adapters=tuple((one.capability, one.adapter, one.enabled and one.installed) for one in adapter_lines(assembly)),
        left_alone=len(assembly.engine.left_alone),
        without_keys=len(assembly.engine.without_keys),
        without_thread=assembly.door.waiting,
        free=shutil.disk_usage(assembly.place.root).free if assembly.place is not None else None,
        appends=times.appends if times is not None else None,
        commit_bins=tuple(times.bins) if times is not None else (),
        commit_s=times.seconds if times is not None else 0.0,
        trouble=bool(getattr(journal, "trouble", "")),
        sealed=assembly.sealer.now() if assembly.sealer is not None else None,
        queue=await _queue(engine, assembly) if engine is not None else None,
        fenced=engine.fenced if engine is not None else 0,
        lost=assembly.book.lost if assembly.book is not None else 0,
        exported=assembly.exporter.now() if assembly.exporter is not None else None,
        lines=assembly.log.lines if assembly.log is not None else None,
        dropped=assembly.log.dropped if assembly.log is not None else 0,
    )


def _oldest(approvals: list[OpenApproval], now: datetime) -> float:
    return max(((now - one.requested_at).total_seconds() for one in approvals), default=0.0)
