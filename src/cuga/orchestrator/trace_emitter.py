"""What a coordinator has seen: the canonical events of its runs, and figures over them. The journal is the truth.

A caller may add events of its own; they are shown beside those of the runs, are counted nowhere and kept no longer.
What was seen is let go of when words of the journal go, with an erasure or by retention.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from cuga.clock import Clock, SystemClock
from cuga.errors import BadInput
from cuga.model.event import CANONICAL, Event, RunFinished, RunStarted, name_of
from cuga.projections.projection import Rows
from cuga.projections.signals import signals_from
from cuga.projections.tally import RUN, Row, Tally, TallyFold
from cuga.projections.trace import TraceEvent, shown

KEPT = 10_000  # events; older ones are in the journal
ENDED = 1_000  # ended runs whose later facts still find their trace and their place in it
OPEN = 20_000  # runs that were begun here; of most of them another process hears the end, where there are several
HOURS = 100  # tallies that are kept apart


class _Counted(Rows[Row]):
    """The rows behind the figures, of bounded number: runs that go on, the latest tallies, and all before in one."""

    def __init__(self) -> None:
        super().__init__(lambda _key: None)
        self._runs: dict[str, Row] = {}
        self._tallies: dict[str, Tally] = {}
        self._before = Tally()

    def get(self, key: str) -> Row | None:
        """A row, or None."""
        return self._tallies.get(key) or self._runs.get(key)

    def put(self, key: str, row: Row | None) -> None:
        """Set a row; None lets go of it."""
        if isinstance(row, Tally):
            self._tallies[key] = row
            if len(self._tallies) > HOURS:
                self._before.merge(self._tallies.pop(next(iter(self._tallies))))
        elif row is not None:
            self._runs[key] = row
        else:
            self._runs.pop(key, None)

    def total(self) -> Tally:
        """Everything that was counted."""
        total = Tally()
        for tally in (self._before, *self._tallies.values()):
            total.merge(tally)
        return total


class TraceEmitter:
    """Collects the events of the runs of one coordinator. `trace_id` is the default for runs that bring none."""

    def __init__(self, trace_id: str = "", *, clock: Clock | None = None) -> None:
        self.trace_id = trace_id or uuid.uuid4().hex
        self._clock: Clock = clock or SystemClock()
        self._seen: deque[TraceEvent] = deque(maxlen=KEPT)
        self._traces: dict[str, str] = {}
        self._rows = _Counted()
        self._fold = TallyFold()
        self._counts: dict[str, int] = {}
        self._ended: deque[str] = deque()

    def hear(self, run_id: str, events: Sequence[Event]) -> None:
        """Take in facts that have become durable."""
        for event in events:
            if isinstance(event, RunStarted):
                self._traces[run_id] = event.trace_id
            self._counts[run_id] = self._counts.get(run_id, 0) + 1
            self._fold.apply(self._rows, run_id, event)
            if name_of(event) in CANONICAL:
                self._seen.append(shown(event, run_id, self._counts[run_id], self._traces.get(run_id, self.trace_id)))
            if isinstance(event, RunFinished):
                self._let_go(run_id)
        if len(self._counts) > OPEN:
            self._forget(next(iter(self._counts)))

    def _forget(self, run_id: str) -> None:
        self._traces.pop(run_id, None)
        self._counts.pop(run_id, None)
        self._rows.put(f"{RUN}/{run_id}", None)

    def _let_go(self, run_id: str) -> None:
        self._ended.append(run_id)
        if len(self._ended) > ENDED:
            self._forget(self._ended.popleft())

    def emit(self, name: str, details: Mapping[str, Any] | None = None, *, step: str = "", **more: Any) -> TraceEvent:
        """Add an event of the caller's own, under one of the ten names; `BadInput` for any other."""
        told = {**(details or {}), **more}
        trace_id = str(told.pop("trace_id", "") or self.trace_id)
        event = TraceEvent(
            name=name, at=self._clock.now(), trace_id=trace_id, run_id="", seq=0, step=step, details=told
        )
        self.emit_event(event)
        return event

    def emit_event(self, event: TraceEvent) -> None:
        """The same for an event that is made already."""
        if event.name not in CANONICAL:
            raise BadInput(f"{event.name} is no event of a trace; there are {', '.join(CANONICAL)}")
        self._seen.append(event)

    def forget(self) -> None:
        """Let go of every event so far: words of the journal are gone, here or on another machine. Figures stay."""
        self._seen.clear()

    def get_trace(self, trace_id: str = "") -> list[TraceEvent]:
        """The canonical events so far, in order; of one trace when it is named."""
        return [event for event in self._seen if not trace_id or event.trace_id == trace_id]

    def get_duration_ms(self, trace_id: str = "") -> float:
        """From the first event to the last, in milliseconds; of one trace when it is named. 0 without events."""
        times = [event.at for event in self.get_trace(trace_id)]
        return (max(times) - min(times)).total_seconds() * 1000 if times else 0.0

    def get_golden_signals(self, limits: Mapping[str, int] | None = None) -> dict[str, Any]:
        """The golden signals over everything heard. `limits` are those of the runs, added up, for the utilisation."""
        return signals_from(self._rows.total(), limits or {}).as_dict()


def emit_event(event: TraceEvent, emitter: TraceEmitter) -> None:
    """Add an event that is made already to what an emitter shows."""
    emitter.emit_event(event)
