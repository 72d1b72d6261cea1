"""Audit trails: files that tell what was planned and where work went, for tools that read such files.

Exports, written as the facts become durable; the house never reads them. What counts is the journal: a trail that is
lost or changed changes nothing, and `cuga audit` makes the whole record anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from cuga.clock import Clock, SystemClock
from cuga.model import given
from cuga.model.plan import Plan
from cuga.model.value import encode
from cuga.orchestrator.execution import ExecutionContext
from cuga.orchestrator.library.audit_files import AuditBackend, DecisionRecord, JSONBackend, NoBackend, SQLiteBackend
from cuga.redact import REDACTED, Redactor, is_secret_name
from cuga.settings import read_settings

_TOLD = ("trace_id", "profile", "request_id")  # of a context; all else in it is its owner's


class AuditTrail:
    """Records plans and decisions, in a SQLite file unless told otherwise.

    Secrets are cut before anything is written: those that `redactor` knows, by default from the environment.
    """

    redactor: Redactor | None = None

    def __init__(self, backend: AuditBackend | None = None, *, clock: Clock | None = None) -> None:
        self._backend: AuditBackend = backend or SQLiteBackend("./audit.db")
        self._clock: Clock = clock or SystemClock()

    def record_plan(self, plan: Plan, context: ExecutionContext) -> DecisionRecord:
        """Record that a plan was made."""
        if not isinstance(plan, Plan):
            given.wrong("the plan to record", plan, "a Plan")
        budget = json.loads(encode(plan.budget)) if plan.budget is not None else None
        told = {
            "goal": plan.goal,
            "step_count": len(plan.steps),
            "tools": [step.tool for step in plan.steps],
            "stage": plan.stage.value,
            "budget": budget,
        }
        return self._record("planning", plan.plan_id or "plan", plan.goal, (), told, context, plan.trace_id)

    def record_decision(self, decision: Any, context: ExecutionContext, **metadata: Any) -> DecisionRecord:
        """Record where something goes: anything with target, reasoning (or reason) and alternatives."""
        able = "anything with target and alternatives, e.g. a RoutingDecision"
        given.able("the decision to record", decision, "target", "alternatives", expected=able)
        reason = getattr(decision, "reasoning", "") or getattr(decision, "reason", "")
        told = {name: getattr(decision, name) for name in ("confidence", "policy", "step") if hasattr(decision, name)}
        return self._record(
            "routing",
            str(decision.target),
            str(reason),
            tuple(map(str, decision.alternatives)),
            told | metadata,
            context,
        )

    def get_decisions(self, trace_id: str) -> list[DecisionRecord]:
        """The routing decisions of a trace, oldest first."""
        return [record for record in self.get_trace_history(trace_id) if record.decision_type == "routing"]

    def get_trace_history(self, trace_id: str) -> list[DecisionRecord]:
        """Everything recorded of a trace, oldest first."""
        return self._backend.of_trace(self._clean(given.words("the trace id", trace_id)))

    def _record(
        self,
        kind: str,
        target: str,
        reason: str,
        alternatives: Sequence[str],
        metadata: Mapping[str, Any],
        context: ExecutionContext,
        trace_id: str = "",
    ) -> DecisionRecord:
        if not isinstance(context, ExecutionContext):
            given.wrong("the context to record", context, "an ExecutionContext")
        record = DecisionRecord(
            timestamp=self._clock.now().astimezone(UTC),
            trace_id=self._clean(context.trace_id or trace_id),
            decision_type=kind,
            target=self._clean(target),
            reason=self._clean(reason),
            alternatives=tuple(map(self._clean, alternatives)),
            metadata=self._clean(dict(metadata)),
        )
        self._backend.append(record, self._clean({name: getattr(context, name) for name in _TOLD}))
        return record

    def _clean(self, value: Any) -> Any:
        """A value without secrets, wherever in it they stand."""
        if self.redactor is None:
            self.redactor = Redactor.from_environment(read_settings().variables)
        if isinstance(value, str):
            return self.redactor.scrub_text(value)
        if isinstance(value, Mapping):
            return {k: REDACTED if is_secret_name(str(k)) else self._clean(inner) for k, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean(inner) for inner in value]
        return value


class JSONAuditTrail(AuditTrail):
    """A trail of JSON lines: `<path>/<trace id>.jsonl`."""

    def __init__(self, path: Path | str = "./audit_logs", *, clock: Clock | None = None) -> None:
        super().__init__(JSONBackend(path), clock=clock)


class SQLiteAuditTrail(AuditTrail):
    """A trail in one SQLite file."""

    def __init__(self, db_path: Path | str = "./audit.db", *, clock: Clock | None = None) -> None:
        super().__init__(SQLiteBackend(db_path), clock=clock)


class NoOpAuditTrail(AuditTrail):
    """A trail that is not written; the journal is there all the same."""

    def __init__(self) -> None:
        super().__init__(NoBackend())


__all__ = [
    "AuditBackend",
    "AuditTrail",
    "DecisionRecord",
    "JSONAuditTrail",
    "JSONBackend",
    "NoBackend",
    "NoOpAuditTrail",
    "SQLiteAuditTrail",
    "SQLiteBackend",
]
