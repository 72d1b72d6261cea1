"""The golden signals: how runs end, how long tools take, how often they fail, how long people take, what budgets hold.

Counted over all runs, or over a profile, a tenant, a window of whole hours. A rate of nothing is 0 and its count beside
it says so. Runs that were cancelled or that only planned are neither successes nor failures.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from cuga.errors import NotFound
from cuga.journal.codec import PLAIN, Codec
from cuga.journal.port import ReadJournal, Stored
from cuga.model.event import Status
from cuga.model.value import Value
from cuga.policy.budget import limits_of
from cuga.policy.profile import Rulebook
from cuga.projections.budget import Utilisation, utilisation
from cuga.projections.durations import Durations
from cuga.projections.projection import ATTEMPTS, Rows, Store, View, ViewsLost, ViewsUnstable, catch_up
from cuga.projections.tally import TALLY, Row, Tally, TallyFold

REMEMBERED = 50  # answers


class Latency(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Durations in microseconds. `is_exact` is false when percentiles come from bins: off by at most 0.8 %."""

    p50: int
    p95: int
    p99: int
    mean: int
    most: int
    count: int
    is_exact: bool = True

    def as_dict(self) -> dict[str, float]:
        """The same in milliseconds."""
        named = {"p50": self.p50, "p95": self.p95, "p99": self.p99, "mean": self.mean, "max": self.most}
        return {name: value / 1000 for name, value in named.items()}


class ToolErrors(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Attempts of a tool that ended, and those that ended in an error."""

    calls: int
    errors: int

    @property
    def rate(self) -> float:
        return _share(self.errors, self.calls)


class Waits(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How people decide. Times run from request to decision, in microseconds; what a rule decided has none."""

    requested: int
    decided: int  # by people
    approved: int
    denied: int
    expired: int
    by_rule: int
    total: int
    average: int
    p95: int

    def as_dict(self) -> dict[str, Any]:
        """Counts, and times in seconds."""
        times = {"total_s": self.total, "average_s": self.average, "p95_s": self.p95}
        counts = ("requested", "decided", "approved", "denied", "expired", "by_rule")
        return {name: value / 1_000_000 for name, value in times.items()} | {
            name: getattr(self, name) for name in counts
        }


class Signals(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The golden signals of some runs."""

    started: int
    success: int
    partial: int
    failed: int
    cancelled: int
    planned: int  # runs that only planned
    steps: int  # done, of runs that ended
    total_events: int  # of the ten canonical names
    latency: Latency
    tools: dict[str, ToolErrors]
    modes: dict[str, int]  # failure mode -> attempts
    approvals: Waits
    budget: Utilisation

    @property
    def tasks(self) -> int:
        """Runs that ended in success, partly or failed."""
        return self.success + self.partial + self.failed

    @property
    def success_rate(self) -> float:
        """The share of tasks that ended in success."""
        return _share(self.success, self.tasks)

    @property
    def error_rate(self) -> float:
        """The share of tasks that ended partly or failed."""
        return _share(self.partial + self.failed, self.tasks)

    @property
    def tool_error_rate(self) -> float:
        """The share of attempts that ended in an error, over all tools."""
        return _share(sum(tool.errors for tool in self.tools.values()), sum(tool.calls for tool in self.tools.values()))

    @property
    def mean_steps_per_task(self) -> float:
        """Steps done by each run that ended, cancelled ones included."""
        return _share(self.steps, self.tasks + self.cancelled)

    def as_dict(self) -> dict[str, Any]:
        """The shape for callers: rates as shares of 1, latency in ms, waits in seconds, budgets by scope."""
        return {
            "success_rate": self.success_rate,
            "error_rate": self.error_rate,
            "latency": self.latency.as_dict(),
            "total_events": self.total_events,
            "tool_error_rate": self.tool_error_rate,
            "tool_error_rate_by_tool": {name: tool.rate for name, tool in self.tools.items()},
            "mean_steps_per_task": self.mean_steps_per_task,
            "approval_wait_time": self.approvals.as_dict(),
            "budget_utilization": self.budget.as_dict(),
            "failure_modes": dict(self.modes),
            "runs": {name: getattr(self, name) for name in ("started", "planned", *_ENDS)},
        }


_ENDS = tuple(status.value for status in Status if status.is_end)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def signals_from(tally: Tally, limits: Mapping[str, int]) -> Signals:
    """Counts as signals. `limits` are the sums of the limits of the runs counted."""
    verdicts = tally.verdicts
    return Signals(
        started=sum(tally.started.values()),
        **{status: tally.ended.get(status, 0) for status in _ENDS},
        planned=tally.planned,
        steps=tally.steps,
        total_events=tally.events,
        latency=_latency(tally.latency),
        tools={
            name: ToolErrors(calls=calls, errors=tally.errors.get(name, 0))
            for name, calls in sorted(tally.calls.items())
        },
        modes=dict(sorted(tally.modes.items())),
        approvals=Waits(
            requested=tally.asked,
            decided=tally.waits.count,
            approved=verdicts.get("approve", 0),
            denied=verdicts.get("deny", 0),
            expired=verdicts.get("expired", 0),
            by_rule=verdicts.get("by_rule", 0),
            total=tally.waits.total,
            average=tally.waits.mean,
            p95=tally.waits.percentile(95),
        ),
        budget=utilisation(tally.used, limits),
    )


def _latency(heap: Durations) -> Latency:
    return Latency(
        p50=heap.percentile(50),
        p95=heap.percentile(95),
        p99=heap.percentile(99),
        mean=heap.mean,
        most=heap.most,
        count=heap.count,
        is_exact=heap.is_exact,
    )


async def signals_of(journal: ReadJournal, stored: Iterable[Stored], codec: Codec = PLAIN) -> Signals:
    """The signals of some streams alone, e.g. of one run; nothing is kept."""
    rows: Rows[Row] = Rows(lambda _key: None)
    fold = TallyFold()
    for one in stored:
        fold.apply(rows, one.stream, codec.decode(one.readable))
    total = Tally()
    for row in rows.changes().values():
        if isinstance(row, Tally):
            total.merge(row)
    return signals_from(total, await _limits(journal, total.started))


class SignalsView:
    """The signals over all runs of a journal, kept up by reading on.

    What was asked lately is remembered until the journal moves: many watch, and each looks again and again.
    """

    def __init__(self, journal: ReadJournal, store: Store) -> None:
        self._journal = journal
        self.view: View[Row] = View(TallyFold(), store)
        self._position = -1
        self._told: dict[tuple[Any, ...], list[Signals]] = {}

    def _known(self, *asked: Any) -> list[Signals] | None:
        if self._position != self.view.position or len(self._told) > REMEMBERED:
            self._position, self._told = self.view.position, {}
        return self._told.get(asked)

    async def read(
        self, *, tenant: str = "", profile: str = "", since: datetime | None = None, until: datetime | None = None
    ) -> Signals:
        """The signals as the journal stands. The window is `since` <= time < `until`, each cut down to its hour."""
        first, end = _hour(since), _hour(until)
        for _ in range(ATTEMPTS):
            await catch_up(self._journal, [self.view])
            if (known := self._known(tenant, profile, first, end)) is not None:
                return known[0]
            total = Tally()
            try:
                for _key, row in self.view.every(TALLY):
                    if not isinstance(row, Tally) or (tenant and row.tenant != tenant):
                        continue
                    if (profile and row.profile != profile) or row.hour < first or (end and row.hour >= end):
                        continue
                    total.merge(row)
            except ViewsLost:
                self.view.forget()
                continue
            told = self._told  # another answer may be newer by the time that this one is there
            found = signals_from(total, await _limits(self._journal, total.started))
            told[tenant, profile, first, end] = [found]
            return found
        raise ViewsUnstable(f"{ATTEMPTS} attempts")

    async def windows(
        self, since: datetime, until: datetime, step: timedelta, *, tenant: str = "", profile: str = ""
    ) -> list[Signals]:
        """The signals of each step of whole hours from `since` on, before `until`; the rows are read once."""
        starts = []
        while since < until:
            starts.append(_hour(since))
            since += step
        for _ in range(ATTEMPTS):
            await catch_up(self._journal, [self.view])
            if (known := self._known(tenant, profile, *starts, _hour(since))) is not None:
                return known
            totals = [Tally() for _ in starts]
            try:
                for _key, row in self.view.every(TALLY):
                    if not isinstance(row, Tally) or (tenant and row.tenant != tenant):
                        continue
                    at = bisect_right(starts, row.hour) - 1
                    if at >= 0 and row.hour < _hour(since) and profile in ("", row.profile):
                        totals[at].merge(row)
            except ViewsLost:
                self.view.forget()
                continue
            told = self._told
            found = [signals_from(total, await _limits(self._journal, total.started)) for total in totals]
            told[tenant, profile, *starts, _hour(since)] = found
            return found
        raise ViewsUnstable(f"{ATTEMPTS} attempts")


def _hour(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H}"


async def _limits(journal: ReadJournal, started: Mapping[str, int]) -> dict[str, int]:
    """The profile limits of runs, added up; rules that were never kept have none."""
    found: dict[str, int] = {}
    for digest, runs in started.items():
        try:
            book = msgspec.json.decode(await journal.blob(digest), type=Rulebook)
        except (NotFound, msgspec.MsgspecError):
            continue
        for scope, limit in limits_of(book.profile.limits).items():
            found[scope] = found.get(scope, 0) + limit * runs
    return found
