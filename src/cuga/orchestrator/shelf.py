"""The house's own runs as tools may read them: folds of the journal, of one tenant."""

from __future__ import annotations

from cuga.adapters.capability import RunTold, StepTold
from cuga.errors import BadInput, RunNotFound
from cuga.journal.port import ReadJournal
from cuga.model.value import digest
from cuga.projections.audit import read_audit
from cuga.projections.audit_text import audit_text
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
