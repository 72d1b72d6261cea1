"""What a coordinator has seen: the canonical events of its runs, and figures over them. The journal is the truth."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from cuga.model.event import CANONICAL, Event, RunStarted, name_of
from cuga.projections.projection import Rows
from cuga.projections.signals import signals_from
from cuga.projections.tally import Row, Tally, TallyFold
from cuga.projections.trace import TraceEvent, shown

KEPT = 10_000  # events; older ones are in the journal


class TraceEmitter:
    """Collects the events of the runs of one coordinator. `trace_id` is the default for runs that bring none."""

    def __init__(self, trace_id: str = "") -> None:
        self.trace_id = trace_id or uuid.uuid4().hex
        self._seen: deque[TraceEvent] = deque(maxlen=KEPT)
        self._traces: dict[str, str] = {}
        self._rows: Rows[Row] = Rows(lambda _key: None)
        self._fold = TallyFold()
        self._counts: dict[str, int] = {}

    def hear(self, run_id: str, events: Sequence[Event]) -> None:
        """Take in facts that have become durable."""
        for event in events:
            if isinstance(event, RunStarted):
                self._traces[run_id] = event.trace_id
            self._counts[run_id] = self._counts.get(run_id, 0) + 1
            self._fold.apply(self._rows, run_id, event)
            if name_of(event) in CANONICAL:
                self._seen.append(shown(event, run_id, self._counts[run_id], self._traces.get(run_id, self.trace_id)))

    def get_trace(self, trace_id: str = "") -> list[TraceEvent]:
        """The canonical events so far, in order; of one trace when it is named."""
        return [event for event in self._seen if not trace_id or event.trace_id == trace_id]

    def get_golden_signals(self, limits: Mapping[str, int] | None = None) -> dict[str, Any]:
        """The golden signals over everything heard. `limits` are those of the runs, added up, for the utilisation."""
        total = Tally()
        for row in self._rows.changes().values():
            if isinstance(row, Tally):
                total.merge(row)
        return signals_from(total, limits or {}).as_dict()
