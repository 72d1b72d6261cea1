"""The files of audit trails: one JSON file for each trace, or one SQLite table. Only their owner can read them.

A line that is torn, as when a process was killed while it wrote, is left out and told about; the rest is read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cuga.model import given
from cuga.orchestrator.house.place import make_private

_log = logging.getLogger("cuga.audit")
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


class JSONBackend:
    """One file for each trace, one JSON object a line."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(given.place("the directory of an audit trail", path))
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
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            name = self.file_of(record.trace_id)
            make_private(name)
            with name.open("rb+") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(end - 1, 0))
                torn = file.read(1) not in (b"", b"\n")  # what comes after a torn line begins on its own
                file.write((b"\n" if torn else b"") + json.dumps(line, default=str).encode() + b"\n")

    def of_trace(self, trace_id: str) -> list[DecisionRecord]:
        """Read a file back."""
        file = self.file_of(trace_id)
        lines = file.read_text("utf-8", "replace").split("\n") if file.exists() else []
        found = []
        for number, line in enumerate(lines, 1):
            try:
                found += [_from_line(json.loads(line))] if line else []
            except (ValueError, LookupError, TypeError, AttributeError):
                _log.warning("%s: line %d is torn and was left out", file, number)
        return found

    def file_of(self, trace_id: str) -> Path:
        """The file of a trace. An id that is no plain file name is written as its digest."""
        name = trace_id if _PLAIN.fullmatch(trace_id) else hashlib.sha256(trace_id.encode()).hexdigest()
        return self.path / f"{name}.jsonl"


class SQLiteBackend:
    """The table `decisions` of one SQLite file."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(given.place("the file of an audit trail", path))
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
            if self.path != ":memory:":
                make_private(Path(self.path))
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


def _from_line(line: Mapping[str, Any]) -> DecisionRecord:
    said = dict(line["decision"])
    return DecisionRecord(
        timestamp=datetime.fromisoformat(line["timestamp"]),
        trace_id=line["trace_id"],
        alternatives=tuple(said.pop("alternatives")),
        **said,
    )
