"""Counts for a time series: how long runs, calls and decisions took, in fixed bins, and what happened how often.

One row a tenant for all time, so that a scrape costs the same after a million runs. Labels are of closed sets, or of
tools and models that the house knows.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime

import msgspec

from cuga.journal.port import ReadJournal
from cuga.model import event as e
from cuga.projections.projection import ATTEMPTS, Rows, Store, View, ViewsLost, ViewsUnstable, catch_up

BOUNDS = tuple(0.01 * 2**n for n in range(14))  # seconds, to 81.92: OpenTelemetry's advice for operations of agents
WAITS = (1.0, 3.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0)  # of people, in seconds
COUNTS, GOING = "counts", "going"
_SEP = "\x1f"


class Histogram(msgspec.Struct, omit_defaults=True):
    """How many took how long. `bins` has one more than there are bounds, for what took longer than the last."""

    bins: list[int] = []
    total_us: int = 0

    def add(self, took_us: int, bounds: tuple[float, ...] = BOUNDS) -> None:
        """Take one in, in microseconds."""
        if not self.bins:
            self.bins = [0] * (len(bounds) + 1)
        self.bins[bisect_left(bounds, took_us / 1_000_000)] += 1
        self.total_us += max(took_us, 0)

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.bins)


class Going(msgspec.Struct, tag=GOING, omit_defaults=True):
    """A run that has not ended."""

    tenant: str
    since: datetime
    calls: dict[str, str] = {}  # step -> tool
    models: dict[int, str] = {}  # call -> model
    asked: dict[str, datetime] = {}  # approval -> since when


class Counts(msgspec.Struct, tag=COUNTS, omit_defaults=True):
    """All that was counted of a tenant."""

    events: dict[str, int] = {}  # name -> how often
    going: int = 0  # runs that have not ended
    runs: Histogram = msgspec.field(default_factory=Histogram)  # begin to end
    tools: dict[str, Histogram] = {}
    errors: dict[str, int] = {}  # tool and failure mode -> attempts
    waits: Histogram = msgspec.field(default_factory=Histogram)  # request to decision, of people
    models: dict[str, int] = {}  # model and how it went -> calls
    model_tokens: dict[str, int] = {}
    model_money: dict[str, int] = {}  # millionths of a dollar
    warnings: int = 0
    exceeded: int = 0

    @property
    def errors_by(self) -> dict[tuple[str, str], int]:
        """Failed attempts by tool and mode."""
        return {_pair(key): many for key, many in self.errors.items()}

    @property
    def models_by(self) -> dict[tuple[str, str], int]:
        """Calls of models by model and how they went: done, or how they failed."""
        return {_pair(key): many for key, many in self.models.items()}


Row = Going | Counts


class CountsFold:
    """The projection behind the counts."""

    name = "counts"
    version = 1
    row = Row

    def apply(self, rows: Rows[Row], stream: str, event: e.Event) -> None:
        """Count one fact."""
        key = f"{GOING}/{stream}"
        if isinstance(event, e.RunStarted):
            run = Going(tenant=event.tenant, since=event.at)
            rows.put(key, run)
        else:
            found = rows.get(key)
            if not isinstance(found, Going):
                return  # of the house, or after the end
            run = found
        where = f"{COUNTS}/{run.tenant}"
        held = rows.get(where)
        counts = held if isinstance(held, Counts) else Counts()
        _more(counts.events, e.name_of(event))
        counts.going += isinstance(event, e.RunStarted)
        if isinstance(event, e.RunFinished):
            counts.runs.add(_us(run.since, event.at))
            counts.going -= 1
            rows.put(key, None)
        elif _counted(run, counts, event):
            rows.put(key, run)
        rows.put(where, counts)


def _counted(run: Going, counts: Counts, event: e.Event) -> bool:
    """Count a fact; True when it changes the line of its run."""
    match event:
        case e.ToolCallStart():
            run.calls[event.step] = event.tool
        case e.ToolCallComplete() | e.ToolCallError():
            tool = run.calls.pop(event.step, "")
            if not tool:
                return False
            counts.tools.setdefault(tool, Histogram()).add(event.duration_us)
            if isinstance(event, e.ToolCallError):
                _more(counts.errors, f"{tool}{_SEP}{event.mode.value}")
        case e.ApprovalRequested():
            run.asked[event.approval_id] = event.at
        case e.ApprovalReceived() if event.final:
            since = run.asked.pop(event.approval_id, None)
            if since is not None and not event.rule:
                counts.waits.add(_us(since, event.at), WAITS)
        case e.ApprovalTimeout() | e.ApprovalSuperseded():
            run.asked.pop(event.approval_id, None)
        case e.ModelCallStart():
            run.models[event.call] = event.name
        case e.ModelCallComplete() | e.ModelCallError():
            model = run.models.pop(event.call, "")
            became = "done" if isinstance(event, e.ModelCallComplete) else event.mode.value
            _more(counts.models, f"{model}{_SEP}{became}")
            _more(counts.model_tokens, model, event.tokens or 0)
            _more(counts.model_money, model, event.money or 0)
        case e.BudgetWarning():
            counts.warnings += 1
            return False
        case e.BudgetExceeded():
            counts.exceeded += 1
            return False
        case _:
            return False
    return True


class CountsView:
    """The counts over all runs of a journal, kept up by reading on."""

    def __init__(self, journal: ReadJournal, store: Store) -> None:
        self._journal = journal
        self.view: View[Row] = View(CountsFold(), store)

    async def read(self, tenant: str) -> tuple[Counts, int]:
        """The counts of a tenant as the journal stands, and the position of the last fact that is counted."""
        for _ in range(ATTEMPTS):
            await catch_up(self._journal, [self.view])
            try:
                found = self.view.get(f"{COUNTS}/{tenant}")
                return (found if isinstance(found, Counts) else Counts()), self.view.position
            except ViewsLost:
                self.view.forget()
        raise ViewsUnstable(f"{ATTEMPTS} attempts")


def _more(counts: dict[str, int], key: str, many: int = 1) -> None:
    counts[key] = counts.get(key, 0) + many


def _us(since: datetime, until: datetime) -> int:
    return max(round((until - since).total_seconds() * 1_000_000), 0)


def _pair(key: str) -> tuple[str, str]:
    first, _, second = key.partition(_SEP)
    return first, second
