"""Numbers for Prometheus: golden signals, budgets, approvals, this process. Read when asked; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.responses import Response

from cuga.api.answers import router
from cuga.api.auth import Here, Looking
from cuga.model.value import units
from cuga.orchestrator.showing import Summary
from cuga.projections.signals import Signals

metrics = router("health", prefix="")
MEDIA = "text/plain; version=0.0.4; charset=utf-8"
_QUANTILES = ("p50", "p95", "p99")


class _Collected:
    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = tuple(found)

    def collect(self) -> Iterator[Metric]:
        yield from self._found


@metrics.get("/metrics", response_class=Response)
async def show_metrics(doors: Here, _: Looking) -> Response:
    """The numbers of the house in Prometheus' text format. A scraper sends a key with the scope `look`."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    found = _families(await doors.front.signals(), await doors.front.summary())
    registry.register(_Collected(found))
    return Response(generate_latest(registry), media_type=MEDIA)


def _families(signals: Signals, house: Summary) -> Iterator[Metric]:
    runs = CounterMetricFamily("cuga_runs", "Runs that ended.", labels=["status"])
    for status in ("success", "partial", "failed", "cancelled"):
        runs.add_metric([status], getattr(signals, status))
    yield runs
    yield CounterMetricFamily("cuga_runs_started", "Runs that were begun to do something.", signals.started)
    yield GaugeMetricFamily("cuga_runs_running", "Runs at work now, counted to a thousand.", house.running)
    yield GaugeMetricFamily(
        "cuga_approvals_open", "Requests that wait for a person, counted to a thousand.", house.waiting
    )
    yield GaugeMetricFamily("cuga_halted", "1 while the stop button is pressed.", int(bool(house.halted)))
    yield CounterMetricFamily("cuga_trace_events", "Canonical events.", signals.total_events)
    calls = CounterMetricFamily("cuga_tool_calls", "Attempts that ended.", labels=["tool"])
    errors = CounterMetricFamily("cuga_tool_errors", "Attempts that ended in an error.", labels=["tool"])
    for name, tool in signals.tools.items():
        calls.add_metric([name], tool.calls)
        errors.add_metric([name], tool.errors)
    yield calls
    yield errors
    modes = CounterMetricFamily("cuga_failures", "Attempts that failed, by how.", labels=["mode"])
    for mode, many in signals.modes.items():
        modes.add_metric([mode], many)
    yield modes
    latency = GaugeMetricFamily("cuga_tool_seconds", "How long attempts took.", labels=["quantile"])
    for name in _QUANTILES:
        latency.add_metric([f"0.{name[1:]}"], getattr(signals.latency, name) / 1_000_000)
    yield latency
    waits = signals.approvals
    verdicts = CounterMetricFamily("cuga_approvals", "Requests that were closed, by how.", labels=["verdict"])
    for verdict in ("approved", "denied", "expired", "by_rule"):
        verdicts.add_metric([verdict], getattr(waits, verdict))
    yield verdicts
    yield CounterMetricFamily("cuga_approvals_requested", "Requests.", waits.requested)
    yield GaugeMetricFamily("cuga_approval_wait_seconds", "Mean time to a decision.", waits.average / 1_000_000)
    yield CounterMetricFamily("cuga_cost", "Cost of calls, in units.", units(signals.budget.cost.used))
    yield CounterMetricFamily("cuga_tokens", "Tokens of models.", signals.budget.tokens.used)
