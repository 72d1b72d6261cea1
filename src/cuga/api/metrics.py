"""Numbers for Prometheus, as `observability.catalog` names them. Read when asked; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from starlette.responses import Response

from cuga import __version__
from cuga.api.answers import router
from cuga.api.auth import Here, Looking
from cuga.api.requests import Requests
from cuga.journal.times import BOUNDS as COMMITS
from cuga.model.value import units
from cuga.observability.catalog import BY_NAME, COUNTER, GAUGE, MOST_LABELS, OTHERS
from cuga.orchestrator.operating.watching import Watched, watch
from cuga.policy.budget import COST, MONEY
from cuga.projections.telemetry.counts import BOUNDS, WAITS, Histogram

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
    return Response(exposition(await watch(await doors.front.open()), doors.requests), media_type=MEDIA)


def exposition(now: Watched, requests: Requests) -> bytes:
    """All figures as Prometheus reads them."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(
        _Collected(
            (*_house(now), *_calls(now), *_people(now), *_budgets(now), *_process(now, requests), *_watchers(now))
        )
    )
    return generate_latest(registry)


def _family(name: str, *values: tuple[Sequence[str], float]) -> Metric:
    """The samples of a counter or a gauge of the catalogue, each with its labels."""
    metric = BY_NAME[name]
    family: CounterMetricFamily | GaugeMetricFamily = {COUNTER: CounterMetricFamily, GAUGE: GaugeMetricFamily}[
        metric.kind
    ](name.removesuffix("_total"), metric.means, labels=metric.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _one(name: str, value: float) -> Metric:
    return _family(name, ((), value))


def _bins(name: str, bounds: Sequence[float], *found: tuple[Sequence[str], Sequence[int], float]) -> Metric:
    """The samples of a histogram: labels, how many fell into each bin, and their sum in seconds."""
    metric = BY_NAME[name]
    family = HistogramMetricFamily(name, metric.means, labels=metric.labels)
    ends = [*(f"{bound:g}" for bound in bounds), "+Inf"]
    for labels, bins, total in found:
        summed = accumulate(bins or [0] * len(ends))
        family.add_metric(labels, list(zip(ends, summed, strict=True)), total)
    return family


def _histogram(name: str, bounds: Sequence[float], found: Mapping[tuple[str, ...], Histogram]) -> Metric:
    rows = ((labels, one.bins, one.total_us / 1_000_000) for labels, one in found.items())
    return _bins(name, bounds, *rows)


def _most(found: Mapping[Any, float]) -> list[tuple[tuple[str, ...], float]]:
    """The largest, and all others as one: labels must not grow without end."""
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    if rest := ranked[MOST_LABELS:]:
        ranked = [*ranked[:MOST_LABELS], ((OTHERS,) * len(rest[0][0]), sum(value for _, value in rest))]
    return ranked


def _house(now: Watched) -> Iterator[Metric]:
    signals = now.signals
    yield _family("cuga_build_info", ((__version__,), 1))
    yield _one("cuga_runs_started_total", signals.started)
    ends = ("success", "partial", "failed", "cancelled")
    yield _family("cuga_runs_total", *(((end,), getattr(signals, end)) for end in ends))
    yield _family("cuga_runs_now", (("running",), now.running), (("parked",), now.parked))
    yield _one("cuga_runs_running", now.running)
    yield _histogram("cuga_run_seconds", BOUNDS, {(): now.counts.runs})
    yield _one("cuga_steps_done_total", signals.steps)
    yield _family("cuga_events_total", *(((name,), many) for name, many in sorted(now.counts.events.items())))
    yield _one("cuga_trace_events_total", signals.total_events)
    yield _one("cuga_journal_position", now.position)
    yield _one("cuga_halted", now.halted)
    yield _one("cuga_registry_broken", now.registry_broken)
    yield _family("cuga_adapter_usable", *(((use, name), usable) for use, name, usable in now.adapters))


def _calls(now: Watched) -> Iterator[Metric]:
    signals, counts = now.signals, now.counts
    yield _family("cuga_tool_calls_total", *_most({(name,): tool.calls for name, tool in signals.tools.items()}))
    yield _family("cuga_tool_errors_total", *_most({(name,): tool.errors for name, tool in signals.tools.items()}))
    yield _family("cuga_tool_failures_total", *_most(counts.errors_by))
    yield _family("cuga_failures_total", *(((mode,), many) for mode, many in signals.modes.items()))
    shares = (((f"0.{name[1:]}",), getattr(signals.latency, name) / 1_000_000) for name in _QUANTILES)
    yield _family("cuga_tool_seconds", *shares)
    busiest = sorted(counts.tools.items(), key=lambda pair: (-pair[1].count, pair[0]))[:MOST_LABELS]
    yield _histogram("cuga_tool_call_seconds", BOUNDS, {(name,): one for name, one in busiest})
    yield _family("cuga_model_calls_total", *_most(counts.models_by))
    yield _family("cuga_model_tokens_total", *_most({(name,): many for name, many in counts.model_tokens.items()}))
    dollars = {(name,): many / 1_000_000 for name, many in counts.model_money.items()}
    yield _family("cuga_model_dollars_total", *_most(dollars))


def _people(now: Watched) -> Iterator[Metric]:
    waits = now.signals.approvals
    yield _one("cuga_approvals_requested_total", waits.requested)
    verdicts = ("approved", "denied", "expired", "by_rule")
    yield _family("cuga_approvals_total", *(((verdict,), getattr(waits, verdict)) for verdict in verdicts))
    yield _one("cuga_approvals_open", now.waiting)
    yield _one("cuga_approval_oldest_seconds", now.oldest_s)
    yield _one("cuga_approval_wait_seconds", waits.average / 1_000_000)
    yield _histogram("cuga_approval_decision_seconds", WAITS, {(): now.counts.waits})


def _budgets(now: Watched) -> Iterator[Metric]:
    budget = now.signals.budget
    money = () if budget.money is None else (budget.money,)
    scopes = (budget.total, budget.cost, budget.tokens, *money, *budget.by_domain.values())
    used = [((one.scope,), _amount(one.scope, one.used)) for one in scopes]
    limits = [((one.scope,), _amount(one.scope, one.limit)) for one in scopes if one.limit is not None]
    yield _family("cuga_budget_used", *used)
    yield _family("cuga_budget_limit", *limits)
    yield _one("cuga_budget_warnings_total", now.counts.warnings)
    yield _one("cuga_budget_exceeded_total", now.counts.exceeded)
    yield _one("cuga_cost_total", units(budget.cost.used))
    yield _one("cuga_tokens_total", budget.tokens.used)


def _amount(scope: str, amount: int) -> float:
    return units(amount) if scope in (COST, MONEY) else amount


def _process(now: Watched, requests: Requests) -> Iterator[Metric]:
    if now.appends is not None:
        yield _one("cuga_journal_appends_total", now.appends)
        yield _bins("cuga_journal_commit_seconds", COMMITS, ((), now.commit_bins, now.commit_s))
        yield _one("cuga_journal_trouble", now.trouble)
    yield _one("cuga_runs_left_alone", now.left_alone)
    yield _one("cuga_results_without_keys", now.without_keys)
    yield _one("cuga_calls_without_thread", now.without_thread)
    if now.free is not None:
        yield _one("cuga_disk_free_bytes", now.free)
    yield _family("cuga_http_requests_total", *sorted(requests.answered.items()))
    yield _histogram("cuga_http_seconds", BOUNDS, {(route,): one for route, one in sorted(requests.took.items())})
    yield _one("cuga_http_in_flight", requests.in_flight)


def _watchers(now: Watched) -> Iterator[Metric]:
    if (sealed := now.sealed) is not None:
        yield _one("cuga_seal_age_seconds", sealed.age_s)
        yield _one("cuga_seal_trouble", bool(sealed.trouble))
        yield _one("cuga_seal_anchors", len(sealed.anchors))
    if (queue := now.queue) is not None:
        yield _one("cuga_queue_waiting", queue.waiting)
        yield _one("cuga_queue_running", queue.running)
        yield _one("cuga_queue_stalled", queue.stalled)
        yield _one("cuga_queue_oldest_seconds", queue.oldest_s)
        yield _one("cuga_queue_workers", queue.workers)
        yield _one("cuga_queue_sweep_lag_seconds", queue.sweep_lag_s)
        yield _one("cuga_fenced_appends_total", now.fenced)
        yield _one("cuga_database_lost_total", now.lost)
    if (exported := now.exported) is not None:
        yield _one("cuga_export_lag_seconds", exported.lag_s)
        yield _one("cuga_export_position", exported.position)
        yield _one("cuga_export_spans_total", exported.spans)
        yield _one("cuga_export_refused_total", exported.refused)
        yield _one("cuga_export_failures_total", exported.failures)
    if now.lines is not None:
        yield _one("cuga_log_lines_total", now.lines)
        yield _one("cuga_log_dropped_total", now.dropped)
