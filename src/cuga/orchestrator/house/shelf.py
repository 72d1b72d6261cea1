"""The house's own runs as tools may read them: folds of the journal, of one tenant."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cuga.adapters.capability import DecisionTold, RunReplayed, RunTold, StepTold
from cuga.errors import BadInput, NotFound, RunNotFound
from cuga.journal.codec import events_of
from cuga.journal.port import ReadJournal
from cuga.journal.seal import verify
from cuga.kernel.evolve import fold
from cuga.model import event as e
from cuga.model.value import digest, digest_bytes
from cuga.policy.judge import Rules
from cuga.policy.profile import Rulebook
from cuga.projections.audit import read_audit
from cuga.projections.audit_text import audit_text
from cuga.projections.replay import replay
from cuga.projections.result import read_result
from cuga.projections.runs import list_runs

SHORTEST = 4  # letters of a run's id that may name it
LOOKED_THROUGH = 500  # newest runs that a short name is looked for in


class RunShelf:
    """A `Runs` over one journal."""

    def __init__(self, journal: ReadJournal) -> None:
        self._journal = journal

    async def told(self, tenant: str, said: str) -> RunTold:
        """One run. Another tenant's runs are not there."""
        run_id = await self._named(tenant, said.strip())
        audit = await read_audit(self._journal, run_id)
        if audit.tenant != tenant:
            raise RunNotFound(run_id)
        result = await read_result(self._journal, run_id)
        return RunTold(
            run_id=run_id,
            goal=audit.goal,
            requester=audit.requester.id,
            profile=audit.profile,
            status=audit.status.value,
            reason=audit.reason,
            started_at=audit.started_at.isoformat(),
            as_of=(audit.as_of or audit.started_at).isoformat(),
            crm_version=audit.crm_version,
            version=audit.version,
            head=audit.head,
            why=result.why,
            notes=result.notes,
            steps=tuple(
                StepTold(
                    step=step.step,
                    tool=step.tool,
                    state=step.state,
                    purpose=step.purpose,
                    reason=step.reason,
                    approved_by=step.approved_by,
                    output=step.value,
                )
                for step in result.steps
            ),
            calls=len(audit.calls),
            approvals=len(audit.approvals),
            refusals=sum(step.state in ("failed", "denied", "skipped") for step in result.steps),
            cost=result.cost,
            audit_text=audit_text(audit),
            audit_digest=digest(audit),
        )

    async def replayed(self, tenant: str, said: str) -> RunReplayed:
        """One run decided again, under the rules that it was pinned to. Another tenant's runs are not there."""
        run_id = await self._named(tenant, said.strip())
        stored = await self._journal.read(run_id)
        events = events_of(stored)
        state = fold(run_id, events)
        if state.started.tenant != tenant:
            raise RunNotFound(run_id)
        try:
            book = msgspec.json.decode(await self._journal.blob(state.started.policy_digest), type=Rulebook)
        except NotFound as error:
            raise BadInput(f"the rules that run {run_id} was pinned to are not in the journal any more") from error
        fault = verify(run_id, stored)
        decided = replay(run_id, events, Rules(book))
        tools = {step.step_id: step.tool for one in events if isinstance(one, e.PlanCreated) for step in one.plan.steps}
        return RunReplayed(
            run_id=run_id,
            goal=state.started.goal,
            status=state.status.value,
            version=len(stored),
            head=stored[-1].hash.hex(),
            policy_digest=state.started.policy_digest,
            broken=f"{fault.kind} at {fault.where}: {fault.detail}" if fault is not None else "",
            lost=await self._lost(events),
            decisions=tuple(
                DecisionTold(
                    event=one.event, kind=one.kind, step=one.step, tool=tools.get(one.step, ""), verdict=one.verdict,
                    differs=one.differs, why=one.why,
                )
                for one in decided
            ),
        )  # fmt: skip

    async def _lost(self, events: Sequence[e.Event]) -> tuple[str, ...]:
        """Steps whose large output cannot be read back as it was recorded."""
        lost = []
        for event in events:
            if isinstance(event, e.ToolCallComplete) and event.blob is not None and event.blob.kept:
                try:
                    stored = await self._journal.blob(event.blob.digest, stored=True)
                    is_there = digest_bytes(stored) == event.blob.digest
                except NotFound:
                    is_there = False
                if not is_there:
                    lost.append(event.step)
        return tuple(lost)

    async def _named(self, tenant: str, said: str) -> str:
        lines = await list_runs(self._journal, tenant=tenant, limit=LOOKED_THROUGH)
        low = said.casefold()
        found = [line.run_id for line in lines if line.run_id.casefold() == low]
        if not found and len(low) >= SHORTEST:
            found = [r for line in lines if (r := line.run_id).casefold().endswith(low) or r.casefold().startswith(low)]
        if len(found) > 1:
            raise BadInput(f"{said!r} means {len(found)} runs", mend=f"give more of one: {', '.join(found[:3])}")
        if not found:
            # an older run than those that were looked through is found by its whole id
            if len(said) == len(lines[0].run_id if lines else "") and await self._journal.read(said):
                return said
            raise RunNotFound(said)
        return found[0]
