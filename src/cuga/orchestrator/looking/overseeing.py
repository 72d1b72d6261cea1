"""How people oversaw the work of a house in a time, read from who did what; the evidence of a period says the same."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from cuga.model.value import Value
from cuga.orchestrator.keeping.evidence import Oversight, oversight_of
from cuga.orchestrator.looking.reading import Reading
from cuga.projections.card import Card, cards_of

USUAL = timedelta(days=30)
MOST_RUNS = 500  # whose decisions are looked at, the latest first
_PAGE = 200


class Overseen(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The figures of the requests that were decided in a time. `is_whole`: all of them, not only the latest."""

    since: datetime
    until: datetime
    runs: int
    is_whole: bool
    figures: Oversight


class Overseeing(Reading):
    """Decisions in figures, at the front door."""

    async def overseen(self, since: datetime | None = None, until: datetime | None = None) -> Overseen:
        """The figures of what was decided in a time, the last 30 days unless told otherwise."""
        assembly = await self.open()
        end = until or assembly.clock.now()
        begin = since or end - USUAL
        runs, is_whole = await self._decided(begin, end)
        cards: list[Card] = []
        for run_id in runs:
            known = cards_of(run_id, await self.events(run_id))
            cards += [card for card in known.values() if begin <= card.requested_at < end and not card.is_open]
            await asyncio.sleep(0)  # others want a turn
        return Overseen(since=begin, until=end, runs=len(runs), is_whole=is_whole, figures=oversight_of(cards))

    async def _decided(self, since: datetime, until: datetime) -> tuple[list[str], bool]:
        """The runs of which something was decided in a time, the latest first, and whether these are all."""
        acts = (await self.open()).acts
        found: dict[str, None] = {}
        before = 0
        while len(found) <= MOST_RUNS:
            page = await acts.read(since=since, before=before, limit=_PAGE, ended=True)
            found |= {one.run_id: None for one in page if one.at < until}
            if len(page) < _PAGE:
                break
            before = page[-1].number
            await asyncio.sleep(0)
        return list(found)[:MOST_RUNS], len(found) <= MOST_RUNS
