"""Rules that are tried on what a house has done: over its record, and in the shadow of what it goes on to do."""

from __future__ import annotations

from datetime import UTC, datetime

from cuga.errors import BadInput, NotAllowed, NotFound
from cuga.journal.codec import events_of
from cuga.model.context import Principal
from cuga.model.event import ApprovalRequested
from cuga.model.plan import Budget, Plan
from cuga.orchestrator.dryrun import DryRun, Unlike, dry_run, find_kept, unlike
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.place import Place
from cuga.orchestrator.house.shelf import RunShelf
from cuga.orchestrator.looking.reading import Reading
from cuga.orchestrator.rehearsal import Backtest, Stage, backtest
from cuga.orchestrator.rehearsal.replaying import Replay, replay_of
from cuga.policy.access import Verb, may


class Rehearsing(Reading):
    """Other rules, held against this house's runs. Nothing is called, and no run is changed."""

    async def backtest(self, registry: str, since: datetime | None = None, by: Principal | None = None) -> Backtest:
        """What the rules of a registry's text would have done with the runs on record. `RegistryInvalid`; an admin, for
        a registry names modules that are loaded here."""
        assembly = await self._governed(by)
        return await backtest(assembly.journal, assembly.tenant, Stage(registry, "the other registry"), since)

    async def shadow(self, registry: str | None = None, *, end: bool = False, by: Principal | None = None) -> Backtest:
        """Keep other rules beside this house's own from now on, and tell what they would have done since.

        With a text they are kept; without one it is told what they would have changed; `end` forgets them after that.
        `NotFound` while there are none, `BadInput` for a house in memory. To keep or to forget them takes an admin.
        """
        assembly = await (self.open() if registry is None and not end else self._governed(by))
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

    async def _governed(self, by: Principal | None) -> Assembly:
        """The house, for somebody who governs it; `NotAllowed`."""
        assembly = await self.open()
        ruling = may(by or await self.principal(), Verb.GOVERN, assembly.current)
        if not ruling.allowed:
            raise NotAllowed("; ".join(ruling.reasons))
        return assembly

    # --- dry runs -------------------------------------------------------------------------------------------------
    async def dry_run(
        self,
        goal: str = "",
        *,
        profile: str = "",
        planned_in: str = "",
        plan: Plan | None = None,
        as_of: datetime | None = None,
        budget: Budget | None = None,
        planner: str = "",
        by: Principal | None = None,
    ) -> DryRun:
        """Rehearse a run on a copy of the house, up to where it first waits, with nothing reaching out of it. What is
        run is said as for `start`.

        What it shows can be begun by `start_rehearsed`; its approvals then have the same digests unless something has
        changed. `BadInput` for a house in memory, and where parts of it cannot be had by another process.
        """
        assembly = await self.open()
        assembly.look_at_adapters()
        if self._options["memory"] is not None or self._options["routing"]:
            raise BadInput("a memory or routing policies that were handed in are not there in another process")
        async with assembly.rehearsing:
            return await dry_run(
                assembly,
                goal,
                profile=profile or ("" if planned_in else self.profile),
                planned_in=planned_in,
                plan=plan,
                as_of=as_of,
                budget=budget,
                planner=planner,
                by=by or await self.principal(),
            )

    async def rehearsed(self, run_id: str) -> list[Unlike] | None:
        """The approvals of a run that was begun as rehearsed, and how each differs from what was shown; None for any
        other run."""
        assembly = await self.open()
        kept = find_kept(assembly.place, run_id)
        if kept is None:
            return None
        state = await assembly.driver.state(run_id)
        requests = [one for one in await self.events(run_id) if isinstance(one, ApprovalRequested)]
        return [unlike(kept, state, request) for request in requests]

    # --- decided again --------------------------------------------------------------------------------------------
    async def replay(self, run_id: str, hashes: bool = False) -> Replay:
        """Fold a run from its journal and decide it again under its own rules; with `hashes` the state after each
        event. Nothing is called and nothing is written."""
        assembly = await self.open()
        told = await RunShelf(assembly.journal).replayed(assembly.tenant, run_id)
        return replay_of(told, events_of(await assembly.journal.read(told.run_id)), hashes)


def _place(assembly: Assembly) -> Place:
    if assembly.place is None:
        raise BadInput("a house in memory keeps nothing in the shadow", mend="`cuga init DIR` makes a house.")
    return assembly.place
