"""Audit trails: files that tell what was planned and where work went, for tools that read such files.

Exports, written as the facts become durable; the house never reads them. What counts is the journal: a trail that is
lost or changed changes nothing, and `cuga audit` makes the whole record anew.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from cuga.clock import Clock, SystemClock
from cuga.model.plan import Plan
from cuga.model.value import encode
from cuga.orchestrator.execution import ExecutionContext

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_TABLE = """
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY,
    timestamp TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    decision_type TEXT NOT NULL,
    target TEXT NOT NULL,
    reasoning TEXT,
    alternatives TEXT,
    context TEXT
)
"""


@dataclass(frozen=True, kw_only=True)
class DecisionRecord:
    """One decision. Of a plan, `target` is its id, `reason` the goal and `metadata["step_count"]` its length."""

    timestamp: datetime
    trace_id: str
    decision_type: str  # planning, routing
    target: str
    reason: str
    alternatives: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reasoning(self) -> str:
        """`reason` under its other name."""
        return self.reason


class AuditBackend(Protocol):
    """Where records are kept."""

    def append(self, record: DecisionRecord, context: Mapping[str, Any]) -> None:
        """Keep one more."""
        ...

    def of_trace(self, trace_id: str) -> list[DecisionRecord]:
        """Those of a trace, oldest first."""
        ...


class AuditTrail:
    """Records plans and decisions, in a SQLite file unless told otherwise."""

    def __init__(self, backend: AuditBackend | None = None, *, clock: Clock | None = None) -> None:
        self._backend: AuditBackend = backend or SQLiteBackend("./audit.db")
        self._clock: Clock = clock or SystemClock()

    def record_plan(self, plan: Plan, context: ExecutionContext) -> DecisionRecord:
        """Record that a plan was made."""
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
        return [record for record in self._backend.of_trace(trace_id) if record.decision_type == "routing"]

    def get_trace_history(self, trace_id: str) -> list[DecisionRecord]:
        """Everything recorded of a trace, oldest first."""
        return self._backend.of_trace(trace_id)

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
        record = DecisionRecord(
            timestamp=self._clock.now().astimezone(UTC),
            trace_id=context.trace_id or trace_id,
            decision_type=kind,
            target=target,
            reason=reason,
            alternatives=tuple(alternatives),
            metadata=dict(metadata),
        )
        self._backend.append(record, json.loads(encode(context)))
        return record


class JSONBackend:
    """One file for each trace, one JSON object a line."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()

    def append(self, record: DecisionRecord, context: Mapping[str, Any]) -> None:
        """Add a line."""
        told = asdict(record)
        line = {
            "timestamp": record.timestamp.isoformat(),
            "trace_id": told.pop("trace_id"),
            "decision": {name: told[name] for name in sorted(told) if name != "timestamp"},
            "context": dict(context),
        }
        with self._lock:
            self.path.mkdir(parents=True, exist_ok=True)
            with self.file_of(record.trace_id).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")

    def of_trace(self, trace_id: str) -> list[DecisionRecord]:
        """Read a file back."""
        file = self.file_of(trace_id)
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return [_from_line(json.loads(line)) for line in lines if line]

    def file_of(self, trace_id: str) -> Path:
        """The file of a trace. An id that is no plain file name is written as its digest."""
        name = trace_id if _PLAIN.fullmatch(trace_id) else hashlib.sha256(trace_id.encode()).hexdigest()
        return self.path / f"{name}.jsonl"


class SQLiteBackend:
    """The table `decisions` of one SQLite file."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None

    def append(self, record: DecisionRecord, context: Mapping[str, Any]) -> None:
        """Add a row."""
        row = (
            record.timestamp.isoformat(),
            record.trace_id,
            record.decision_type,
            record.target,
            record.reason,
            json.dumps(list(record.alternatives)),
            json.dumps({"context": dict(context), "metadata": dict(record.metadata)}, default=str),
        )
        names = "timestamp, trace_id, decision_type, target, reasoning, alternatives, context"
        with self._lock, self._db as db:
            db.execute(f"INSERT INTO decisions ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def of_trace(self, trace_id: str) -> list[DecisionRecord]:
        """The rows of a trace."""
        names = "timestamp, trace_id, decision_type, target, reasoning, alternatives, context"
        with self._lock:
            rows = self._db.execute(f"SELECT {names} FROM decisions WHERE trace_id = ? ORDER BY id", (trace_id,))
            found = rows.fetchall()
        return [
            DecisionRecord(
                timestamp=datetime.fromisoformat(at),
                trace_id=trace,
                decision_type=kind,
                target=target,
                reason=reason,
                alternatives=tuple(json.loads(others)),
                metadata=json.loads(told)["metadata"],
            )
            for at, trace, kind, target, reason, others, told in found
        ]

    @property
    def _db(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = sqlite3.connect(self.path, check_same_thread=False)
            self._opened.execute(_TABLE)
        return self._opened

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None


class NoBackend:
    """Keeps nothing."""

    def append(self, record: DecisionRecord, context: Mapping[str, Any]) -> None:
        """Nothing."""

    def of_trace(self, trace_id: str) -> list[DecisionRecord]:
        """Nothing is known."""
        return []


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


def _from_line(line: Mapping[str, Any]) -> DecisionRecord:
    said = dict(line["decision"])
    return DecisionRecord(
        timestamp=datetime.fromisoformat(line["timestamp"]),
        trace_id=line["trace_id"],
        alternatives=tuple(said.pop("alternatives")),
        **said,
    )
