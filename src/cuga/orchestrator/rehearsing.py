"""Rules that are tried on what a house has done: over its record, and in the shadow of what it goes on to do."""

from __future__ import annotations

from datetime import UTC, datetime

from cuga.errors import BadInput, NotFound
from cuga.orchestrator.assemble import Assembly
from cuga.orchestrator.place import Place
from cuga.orchestrator.reading import Reading
from cuga.orchestrator.rehearsal import Backtest, Stage, backtest


class Rehearsing(Reading):
    """Other rules, held against this house's runs. Nothing is called, and no run is changed."""

    async def backtest(self, registry: str, since: datetime | None = None) -> Backtest:
        """What the rules of a registry's text would have done with the runs on record. `RegistryInvalid`."""
        assembly = await self.open()
        return await backtest(assembly.journal, assembly.tenant, Stage(registry, "the other registry"), since)

    async def shadow(self, registry: str | None = None, *, end: bool = False) -> Backtest:
        """Keep other rules beside this house's own from now on, and tell what they would have done since.

        With a text they are kept; without one it is told what they would have changed; `end` forgets them after that.
        `NotFound` while there are none, `BadInput` for a house in memory.
        """
        assembly = await self.open()
        file = _place(assembly).shadow
        if registry is not None:
            Stage(registry, "the other registry")  # every mistake now, and not when somebody asks
            file.write_text(registry, "utf-8")
        if not file.exists():
            raise NotFound("no other rules are kept in the shadow", mend="cuga policy shadow OTHER.yaml")
        since = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        found = await backtest(assembly.journal, assembly.tenant, Stage.of(file), since)
        if end:
            file.unlink()
        return found


def _place(assembly: Assembly) -> Place:
    if assembly.place is None:
        raise BadInput("a house in memory keeps nothing in the shadow", mend="`cuga init DIR` makes a house.")
    return assembly.place
