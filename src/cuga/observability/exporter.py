"""Hand the spans of all runs to a collector, reading the journal on from where the last handing over ended.

The position is kept with the views, and only after the collector has taken everything before it: a crash or a dead
collector makes spans come twice, with the same ids, and never not at all. Nothing is queued in memory: while nobody
takes spans the journal waits, and no run knows of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from datetime import datetime
from typing import Protocol

from cuga.clock import Clock
from cuga.errors import CugaError, EventUnreadable, Rejected
from cuga.journal.codec import PLAIN
from cuga.journal.port import ReadJournal, Stored
from cuga.journal.tombstone import without_mark
from cuga.model.value import Value
from cuga.projections.projection import Mark, Store
from cuga.projections.telemetry import RunSpans, Span
from cuga.projections.telemetry.spans import Scrub

NAME, VERSION = "otlp", 1
LOOK_S = 1.0  # between two looks: spans come together, and a run costs the loop nothing in between
ASIDE_S = 15.0  # how long we leave it to another process that hands over the same
FIRST_S, CAP_S = 1.0, 60.0  # of the wait for a collector that does not answer
MOST_FACTS, MOST_SPANS = 2_000, 512  # of one handing over
TURN = 50  # facts that are folded in one turn of the loop: under a millisecond
REMEMBERED = 1_000  # runs whose open spans are kept in mind; others are read again
TOO_MUCH = frozenset({400, 413, 422})  # what a collector says of a body that it will never take

log = logging.getLogger("cuga.otlp")
log.addHandler(logging.NullHandler())  # silent unless somebody logs


class Takes(Protocol):
    """What takes spans."""

    async def take(self, spans: list[Span]) -> tuple[int, str]:
        """Take some; answers how many were not taken, and why."""
        ...


class Exported(Value, frozen=True, kw_only=True):
    """How the handing over stands. `trouble` is what last went wrong; empty: nothing since the last that was taken."""

    address: str
    position: int
    spans: int  # handed over by this process
    refused: int  # spans that the collector will not take, and facts that this version cannot read
    failures: int  # tries that were for nothing
    lag_s: float  # age of the oldest fact that is not handed over; 0: all are
    trouble: str = ""


class Exporter:
    """One house's spans to one collector."""

    def __init__(
        self, journal: ReadJournal, store: Store, collector: Takes, clock: Clock, *, address: str = "",
        content: Scrub | None = None,
    ) -> None:  # fmt: skip
        self._journal = journal
        self._store = store
        self._collector = collector
        self._clock = clock
        self._address = address
        self._content = content
        self._runs: OrderedDict[str, RunSpans] = OrderedDict()
        self._mark: Mark | None = None
        self._most = MOST_FACTS
        self._behind_since: datetime | None = None
        self.spans = self.refused = self.failures = 0
        self.trouble = ""

    async def work(self) -> None:
        """Hand over, wait, go on; until cancelled."""
        wait = FIRST_S
        while True:
            try:
                moved = await self.step()
                wait = FIRST_S
                if not moved:
                    await asyncio.sleep(LOOK_S)
            except CugaError as error:
                self._failed(error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, CAP_S)

    async def step(self) -> int:
        """Hand over what comes next, up to a bound; how many facts that took us on. Raises when it was not taken."""
        mark = await self._from_where()
        facts, spans, why = 0, list[Span](), ""
        after = mark
        async for stored in self._journal.feed(mark.position):
            facts += 1
            if self._behind_since is None:
                self._behind_since = self._at(stored)
            spans += await self._folded(stored)
            after = Mark(position=stored.position, hash=stored.hash)
            if facts >= self._most or len(spans) >= MOST_SPANS:
                break
            if facts % TURN == 0:
                await asyncio.sleep(0)
        if facts:
            why = await self._hand_over(spans, facts)
            if not self._store.save(NAME, mark, after, {}):
                self._forget()
                await asyncio.sleep(ASIDE_S)  # another process does this too, and was sooner
                return 0
            self._mark = after
            self._most = MOST_FACTS
        self._behind_since = None
        if facts:
            self.trouble = why
        return facts

    def now(self) -> Exported:
        """How it stands."""
        behind = self._behind_since
        return Exported(
            address=self._address,
            position=self._mark.position if self._mark is not None else 0,
            spans=self.spans,
            refused=self.refused,
            failures=self.failures,
            lag_s=0.0 if behind is None else max((self._clock.now() - behind).total_seconds(), 0.0),
            trouble=self.trouble,
        )

    # --- inside ------------------------------------------------------------------------------------------------------
    async def _from_where(self) -> Mark:
        """The last fact that was handed over; from the beginning when this is another journal than it was."""
        if self._mark is None:
            mark = self._store.begin(NAME, VERSION)
            if mark.position:
                found = b""
                async for stored in self._journal.feed(mark.position - 1):
                    found = stored.hash if stored.position == mark.position else b""
                    break
                if found != mark.hash:
                    self._store.drop(NAME)
                    mark = self._store.begin(NAME, VERSION)
            self._mark = mark
        return self._mark

    async def _folded(self, stored: Stored) -> list[Span]:
        """The spans that a fact ends."""
        run_id = stored.stream
        if run_id.startswith("house/"):
            return []
        try:
            fold = self._runs.get(run_id)
            if fold is None or fold.seq != stored.seq - 1:
                fold = await self._read_again(run_id, stored.seq)
            spans = fold.apply(stored.seq, PLAIN.decode(without_mark(stored.body)))
        except EventUnreadable:
            self._runs.pop(run_id, None)
            self.refused += 1  # a newer version's, which hands it over itself
            return []
        if fold.is_over:
            self._runs.pop(run_id, None)
        else:
            self._runs[run_id] = fold
            self._runs.move_to_end(run_id)
            if len(self._runs) > REMEMBERED:
                self._runs.popitem(last=False)
        return spans

    async def _read_again(self, run_id: str, until: int) -> RunSpans:
        """The fold of a run as it stood before a fact of this number."""
        fold = RunSpans(run_id, self._content)
        if until > 1:
            for one in await self._journal.read(run_id):
                if one.seq >= until:
                    break
                fold.apply(one.seq, PLAIN.decode(without_mark(one.body)))
        return fold

    async def _hand_over(self, spans: list[Span], facts: int) -> str:
        """Why some were not taken for good; empty: all were. Raises when they are to be handed over again."""
        if not spans:
            return ""
        try:
            refused, why = await self._collector.take(spans)
        except Rejected as error:
            if error.facts.get("status") not in TOO_MUCH:
                raise
            if facts > 1:
                self._most = max(facts // 2, 1)  # less the next time, until only what it will never take is left
                raise
            refused, why = len(spans), error.message
        self.spans += len(spans) - refused
        self.refused += refused
        if refused:
            log.warning("the collector did not take some spans", extra={"cuga": {"spans": refused}})
        return (why or f"{refused} spans were refused") if refused else ""

    def _failed(self, error: CugaError) -> None:
        if not self.trouble:
            log.warning("spans cannot be handed over", extra={"cuga": {"code": error.code}})
        self.failures += 1
        self.trouble = error.message
        self._forget()

    def _forget(self) -> None:
        """Half of what comes next may be folded already: read it again from where it was taken."""
        self._mark = None
        self._runs.clear()

    def _at(self, stored: Stored) -> datetime:
        try:
            return PLAIN.decode(without_mark(stored.body)).at
        except EventUnreadable:
            return self._clock.now()
