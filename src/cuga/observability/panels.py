"""What the dashboard shows: rows of panels, each with its questions to Prometheus and what they mean."""

from __future__ import annotations

from cuga.model.value import Value

_RATE = "$__rate_interval"


class Ask(Value, frozen=True, kw_only=True):
    """One question, and how its lines are called."""

    query: str
    legend: str = ""


class Panel(Value, frozen=True, kw_only=True):
    """One panel. `kind` is Grafana's; `unit` too: percentunit, s, short, reqps, currencyUSD, bytes."""

    title: str
    says: str
    asks: tuple[Ask, ...]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    warns: float | None = None  # from here on it is yellow, with `alarms` red
    alarms: float | None = None
    falls: bool = False  # what is low is bad


class Row(Value, frozen=True, kw_only=True):
    """Panels under a title."""

    title: str
    panels: tuple[Panel, ...]


def _quantiles(metric: str, by: str = "") -> tuple[Ask, ...]:
    within = f"le, {by}" if by else "le"
    name = f" {{{{{by}}}}}" if by else ""
    return tuple(
        Ask(
            query=f"histogram_quantile({share}, sum by ({within}) (rate({metric}_bucket[{_RATE}])))",
            legend=f"p{str(share)[2:].ljust(2, '0')}{name}",
        )
        for share in ((0.95,) if by else (0.5, 0.95, 0.99))
    )


def _one(query: str, legend: str = "") -> tuple[Ask, ...]:
    return (Ask(query=query, legend=legend),)


_ENDED = 'sum(increase(cuga_runs_total{status!="cancelled"}[$__range]))'
ROWS: tuple[Row, ...] = (
    Row(
        title="How it goes",
        panels=(
            Panel(
                title="Success rate",
                says="Runs that ended in success, of those that ended by themselves.",
                kind="stat",
                unit="percentunit",
                width=4,
                warns=0.95,
                alarms=0.8,
                falls=True,
                asks=_one(f'sum(increase(cuga_runs_total{{status="success"}}[$__range])) / ({_ENDED} > 0)'),
            ),
            Panel(
                title="Tool error rate",
                says="Attempts of calls that ended in an error.",
                kind="stat",
                unit="percentunit",
                width=4,
                warns=0.05,
                alarms=0.2,
                asks=_one(
                    "sum(increase(cuga_tool_errors_total[$__range])) "
                    "/ (sum(increase(cuga_tool_calls_total[$__range])) > 0)"
                ),
            ),
            Panel(
                title="Mean steps",
                says="Steps done by each run that ended.",
                kind="stat",
                width=4,
                asks=_one(
                    "sum(increase(cuga_steps_done_total[$__range])) / (sum(increase(cuga_runs_total[$__range])) > 0)"
                ),
            ),
            Panel(
                title="Active traces",
                says="Runs that have not ended.",
                kind="stat",
                width=4,
                asks=_one("sum(cuga_runs_now)"),
            ),
            Panel(
                title="Waiting for people",
                says="Open requests.",
                kind="stat",
                width=4,
                warns=10,
                alarms=50,
                asks=_one("max(cuga_approvals_open)"),
            ),
            Panel(
                title="Stop button",
                says="1 while nothing new may start.",
                kind="stat",
                width=4,
                alarms=1,
                asks=_one("max(cuga_halted)"),
            ),
        ),
    ),
    Row(
        title="Work",
        panels=(
            Panel(
                title="Request rate",
                says="Runs begun and ended, each second.",
                unit="reqps",
                asks=(
                    Ask(query=f"sum(rate(cuga_runs_started_total[{_RATE}]))", legend="begun"),
                    Ask(query=f"sum by (status) (rate(cuga_runs_total[{_RATE}]))", legend="{{status}}"),
                ),
            ),
            Panel(
                title="End-to-end latency",
                says="From the begin of a run to its end, waits for people included.",
                unit="s",
                asks=_quantiles("cuga_run_seconds"),
            ),
            Panel(
                title="Active traces over time",
                says="Runs at work and parked.",
                asks=_one("sum by (status) (cuga_runs_now)", "{{status}}"),
            ),
            Panel(
                title="Latency by tool",
                says="95 of 100 calls took no longer.",
                unit="s",
                width=12,
                asks=_quantiles("cuga_tool_call_seconds", "tool"),
            ),
            Panel(
                title="Calls by tool",
                says="Attempts that ended, each second.",
                unit="reqps",
                width=12,
                asks=_one(f"sum by (tool) (rate(cuga_tool_calls_total[{_RATE}]))", "{{tool}}"),
            ),
            Panel(
                title="Errors by type",
                says="Failed attempts, by how they failed.",
                width=12,
                asks=_one(f"sum by (mode) (increase(cuga_failures_total[{_RATE}]))", "{{mode}}"),
            ),
            Panel(
                title="Errors by tool",
                says="Failed attempts of the time shown, by tool and by how.",
                kind="table",
                width=12,
                asks=_one("sort_desc(sum by (tool, mode) (increase(cuga_tool_failures_total[$__range])) > 0)"),
            ),
        ),
    ),
    Row(
        title="People and budgets",
        panels=(
            Panel(
                title="Approval wait",
                says="From a request to a person's decision.",
                unit="s",
                asks=_quantiles("cuga_approval_decision_seconds"),
            ),
            Panel(
                title="Oldest open request",
                says="How long it has waited; after 24 hours it expires.",
                unit="s",
                warns=14_400,
                alarms=72_000,
                asks=_one("max(cuga_approval_oldest_seconds)", "oldest"),
            ),
            Panel(
                title="Decisions",
                says="Requests that were closed, by how.",
                asks=_one(f"sum by (verdict) (increase(cuga_approvals_total[{_RATE}]))", "{{verdict}}"),
            ),
            Panel(
                title="Budget",
                says="What runs use of their limits, over all of them.",
                unit="percentunit",
                warns=0.8,
                alarms=1.0,
                asks=_one("max by (scope) (cuga_budget_used) / (max by (scope) (cuga_budget_limit) > 0)", "{{scope}}"),
            ),
            Panel(
                title="Budgets at their limit",
                says="Warnings, and calls that a limit did not take.",
                asks=(
                    Ask(query=f"sum(increase(cuga_budget_warnings_total[{_RATE}]))", legend="warnings"),
                    Ask(query=f"sum(increase(cuga_budget_exceeded_total[{_RATE}]))", legend="exceeded"),
                ),
            ),
            Panel(
                title="Cost of models",
                says="Dollars, as far as prices are known.",
                unit="currencyUSD",
                asks=_one(f"sum by (model) (increase(cuga_model_dollars_total[{_RATE}]))", "{{model}}"),
            ),
            Panel(
                title="Cost of calls",
                says="In units of cost.",
                asks=_one(f"sum(increase(cuga_cost_total[{_RATE}]))", "cost"),
            ),
            Panel(
                title="Tokens",
                says="Of language models.",
                asks=_one(f"sum by (model) (increase(cuga_model_tokens_total[{_RATE}]))", "{{model}}"),
            ),
            Panel(
                title="Calls of models",
                says="By how they went.",
                asks=_one(
                    f"sum by (model, outcome) (increase(cuga_model_calls_total[{_RATE}]))", "{{model}} {{outcome}}"
                ),
            ),
        ),
    ),
    Row(
        title="The record and the machines",
        panels=(
            Panel(
                title="Recent events",
                says="Facts of the last five minutes, by name.",
                kind="table",
                width=8,
                asks=_one("sort_desc(sum by (event) (increase(cuga_events_total[5m])) > 0)"),
            ),
            Panel(
                title="Commit time",
                says="How long a commit of the journal takes.",
                unit="s",
                asks=_quantiles("cuga_journal_commit_seconds"),
            ),
            Panel(
                title="Appends",
                says="Made durable each second, by process.",
                unit="reqps",
                asks=_one(f"rate(cuga_journal_appends_total[{_RATE}])", "{{instance}}"),
            ),
            Panel(
                title="Seal age",
                says="Since everything was last found sealed.",
                unit="s",
                warns=10,
                alarms=60,
                asks=_one("max(cuga_seal_age_seconds)", "age"),
            ),
            Panel(
                title="Queue",
                says="Jobs of the workers of a house in Postgres.",
                asks=(
                    Ask(query="max(cuga_queue_waiting)", legend="waiting"),
                    Ask(query="max(cuga_queue_running)", legend="in hand"),
                    Ask(query="max(cuga_queue_stalled)", legend="stalled"),
                    Ask(query="max(cuga_queue_workers)", legend="workers"),
                ),
            ),
            Panel(
                title="Queue age",
                says="How long the oldest job waits, and how late what is due is looked at.",
                unit="s",
                warns=10,
                alarms=60,
                asks=(
                    Ask(query="max(cuga_queue_oldest_seconds)", legend="oldest job"),
                    Ask(query="max(cuga_queue_sweep_lag_seconds)", legend="due run"),
                ),
            ),
            Panel(
                title="Calls without a thread",
                says="Calls that wait in each process; more CUGA_CALL_THREADS or more workers shorten it.",
                warns=50,
                asks=_one("cuga_calls_without_thread", "{{instance}}"),
            ),
            Panel(
                title="HTTP",
                says="Answers each second, by status.",
                unit="reqps",
                asks=_one(f"sum by (status) (rate(cuga_http_requests_total[{_RATE}]))", "{{status}}"),
            ),
            Panel(
                title="HTTP latency",
                says="Of answers that are no streams.",
                unit="s",
                asks=_quantiles("cuga_http_seconds"),
            ),
            Panel(
                title="Export lag",
                says="Age of the oldest fact whose spans the collector does not have.",
                unit="s",
                warns=60,
                alarms=300,
                asks=_one("max(cuga_export_lag_seconds)", "lag"),
            ),
            Panel(
                title="Memory",
                says="Of each process.",
                unit="bytes",
                width=12,
                asks=_one('process_resident_memory_bytes{job=~"cuga|cuga-worker"}', "{{instance}}"),
            ),
            Panel(
                title="Disk",
                says="Free space where the house is.",
                unit="bytes",
                width=12,
                warns=5e9,
                alarms=1e9,
                falls=True,
                asks=_one("min(cuga_disk_free_bytes)", "free"),
            ),
        ),
    ),
)
