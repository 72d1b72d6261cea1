"""What a tool may read of the house's own runs: what a run was for, what each step gave, and the record an auditor
gets. Reading only; who asks is bound to their tenant."""

from __future__ import annotations

from typing import Any, Protocol

from cuga.model.value import Value


class StepTold(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One step: why the plan had it, where it stands and why, who agreed, and its decoded output."""

    step: str
    tool: str
    state: str
    purpose: str
    reason: str
    approved_by: str
    output: Any


class RunTold(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One run as its journal has it. `head` is the hash that seals its `version` facts; `audit_text` is the audit
    record for a person, `audit_digest` the SHA-256 of the whole record as JSON. Times are ISO 8601, UTC."""

    run_id: str
    goal: str
    requester: str
    profile: str
    status: str
    reason: str
    started_at: str
    as_of: str
    crm_version: str
    version: int
    head: str
    why: tuple[str, ...]
    notes: tuple[str, ...]
    steps: tuple[StepTold, ...]
    calls: int
    approvals: int
    refusals: int
    cost: int  # micro-units
    audit_text: str
    audit_digest: str


class DecisionTold(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One decision of a run, decided again. `differs` are (field, as recorded, as it follows now); `verdict` is same,
    different or "cannot be told". `step` is empty for a decision about the whole run."""

    event: int
    kind: str
    step: str
    tool: str
    verdict: str
    differs: tuple[tuple[str, str, str], ...]
    why: str


class RunReplayed(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A run decided again from its own journal. `broken` says where the hash chain does not hold; `lost` are steps
    whose recorded output is gone or is not the one that its digest stands for."""

    run_id: str
    goal: str
    status: str
    version: int
    head: str
    policy_digest: str
    broken: str
    lost: tuple[str, ...]
    decisions: tuple[DecisionTold, ...]


class Runs(Protocol):
    """Reading runs."""

    async def told(self, tenant: str, said: str) -> RunTold:
        """The run that an id or its first or last four letters or more mean. `NotFound`, or `BadInput` when several."""
        ...

    async def replayed(self, tenant: str, said: str) -> RunReplayed:
        """The same run decided again from its journal. Nothing is called, nothing is written."""
        ...
