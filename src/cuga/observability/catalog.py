"""Every metric by its name, once: `/metrics`, the reference page, the alerts and the dashboard are made from this list.

Labels are of closed sets, or of names that the registry declares; what could grow without end is cut off at
`MOST_LABELS` and added up under `OTHERS`.
"""

from __future__ import annotations

from collections.abc import Mapping

from cuga.model.value import Value

MOST_LABELS = 200  # tools, models or routes that are told apart; the rest is one
OTHERS = "(others)"
COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
HOUSE, PROCESS, POSTGRES, SEALED, OTLP, LOGGING = "house", "process", "postgres", "sealed", "otlp", "log"
WHERE = {
    HOUSE: "from the journal: the same from every process of a house, and after a restart",
    PROCESS: "of this process since it began",
    POSTGRES: "where the journal is in Postgres",
    SEALED: "where the house is a directory, which seals its journal",
    OTLP: "where `CUGA_OTLP` names a collector",
    LOGGING: "where `CUGA_LOG` is on",
}


class Metric(Value, frozen=True, kw_only=True):
    """One metric as `/metrics` names it. `of` says what it is counted from: a key of `WHERE`."""

    name: str
    kind: str
    means: str
    labels: tuple[str, ...] = ()
    of: str = HOUSE

    @property
    def series(self) -> tuple[str, ...]:
        """The names that a query may use."""
        if self.kind == HISTOGRAM:
            return tuple(f"{self.name}_{end}" for end in ("bucket", "count", "sum"))
        return (self.name,)


def _metrics(of: str, *rows: tuple[str, str, str] | tuple[str, str, str, tuple[str, ...]]) -> tuple[Metric, ...]:
    return tuple(
        Metric(name=row[0], kind=row[1], means=row[2], labels=row[3] if len(row) > 3 else (), of=of) for row in rows
    )


METRICS: tuple[Metric, ...] = (
    *_metrics(
        HOUSE,
        ("cuga_build_info", GAUGE, "1; the version is a label.", ("version",)),
        ("cuga_runs_started_total", COUNTER, "Runs that were begun to do something."),
        ("cuga_runs_total", COUNTER, "Runs that ended, by how.", ("status",)),
        (
            "cuga_runs_now",
            GAUGE,
            "Runs that have not ended: running, counted to a thousand, and all others, which are parked.",
            ("status",),
        ),
        ("cuga_runs_running", GAUGE, "Runs at work now, counted to a thousand."),
        ("cuga_run_seconds", HISTOGRAM, "From the begin of a run to its end, waits for people included."),
        ("cuga_steps_done_total", COUNTER, "Steps done, of runs that ended."),
        ("cuga_events_total", COUNTER, "Facts of runs in the journal, by name.", ("event",)),
        ("cuga_trace_events_total", COUNTER, "Facts of the ten canonical names."),
        ("cuga_journal_position", GAUGE, "Position of the newest fact in the journal that is counted here."),
        ("cuga_tool_calls_total", COUNTER, "Attempts of calls that ended.", ("tool",)),
        ("cuga_tool_errors_total", COUNTER, "Attempts that ended in an error.", ("tool",)),
        ("cuga_tool_failures_total", COUNTER, "Attempts that ended in an error, by tool and by how.", ("tool", "mode")),
        ("cuga_failures_total", COUNTER, "Attempts that failed, by how.", ("mode",)),
        ("cuga_tool_seconds", GAUGE, "Within how long this share of all attempts ended, over all time.", ("share",)),
        ("cuga_tool_call_seconds", HISTOGRAM, "How long attempts took.", ("tool",)),
        ("cuga_approvals_requested_total", COUNTER, "Requests to people."),
        ("cuga_approvals_total", COUNTER, "Requests that were closed, by how.", ("verdict",)),
        ("cuga_approvals_open", GAUGE, "Requests that wait for a person, counted to a thousand."),
        ("cuga_approval_oldest_seconds", GAUGE, "How long the oldest open request has waited; 0: none is open."),
        ("cuga_approval_wait_seconds", GAUGE, "Mean time from a request to a person's decision, over all time."),
        ("cuga_approval_decision_seconds", HISTOGRAM, "From a request to a person's decision."),
        (
            "cuga_budget_used",
            GAUGE,
            "What runs have used of a budget: calls, tokens, units of cost, dollars.",
            ("scope",),
        ),
        ("cuga_budget_limit", GAUGE, "The limits of the same budgets, added up over the same runs.", ("scope",)),
        ("cuga_budget_warnings_total", COUNTER, "Budgets of runs that reached their warning."),
        ("cuga_budget_exceeded_total", COUNTER, "Budgets of runs that could not take a call."),
        ("cuga_cost_total", COUNTER, "Cost of calls, in units."),
        ("cuga_tokens_total", COUNTER, "Tokens of models."),
        ("cuga_model_calls_total", COUNTER, "Calls of language models, by how they went.", ("model", "outcome")),
        ("cuga_model_tokens_total", COUNTER, "Tokens, by model.", ("model",)),
        (
            "cuga_model_dollars_total",
            COUNTER,
            "What language models cost, in dollars, as far as it is known.",
            ("model",),
        ),
        ("cuga_halted", GAUGE, "1 while the stop button is pressed."),
        ("cuga_registry_broken", GAUGE, "1 while the registry cannot be loaded, and nothing starts."),
        ("cuga_adapter_usable", GAUGE, "1 when an adapter is installed and switched on.", ("capability", "adapter")),
    ),
    *_metrics(
        PROCESS,
        ("cuga_journal_appends_total", COUNTER, "Appends that this process has made durable."),
        (
            "cuga_journal_commit_seconds",
            HISTOGRAM,
            "How long a commit took, of all appends that went into it together.",
        ),
        ("cuga_journal_trouble", GAUGE, "1 when the last commit failed."),
        ("cuga_runs_left_alone", GAUGE, "Runs that this process cannot move until a person resumes them."),
        (
            "cuga_results_without_keys",
            GAUGE,
            "Runs whose call is done and whose result waits for its keys.",
        ),
        ("cuga_calls_without_thread", GAUGE, "Calls that wait for one of the `CUGA_CALL_THREADS` to be free."),
        ("cuga_disk_free_bytes", GAUGE, "Free space where the house is; a house in memory has none to tell."),
        ("cuga_http_requests_total", COUNTER, "Requests that were answered.", ("method", "route", "status")),
        ("cuga_http_seconds", HISTOGRAM, "How long an answer took, streams left out.", ("route",)),
        ("cuga_http_in_flight", GAUGE, "Requests that are being answered, streams included."),
        ("process_cpu_seconds_total", COUNTER, "CPU time of this process."),
        ("process_resident_memory_bytes", GAUGE, "Memory that this process holds."),
        ("process_virtual_memory_bytes", GAUGE, "Address space of this process."),
        ("process_start_time_seconds", GAUGE, "When this process began, in seconds since 1970."),
        ("process_open_fds", GAUGE, "Open files and sockets."),
        ("process_max_fds", GAUGE, "How many there may be."),
    ),
    *_metrics(
        SEALED,
        (
            "cuga_seal_age_seconds",
            GAUGE,
            "Since everything was last found sealed, or was sealed; about a second or less.",
        ),
        (
            "cuga_seal_trouble",
            GAUGE,
            "1 when the newest checkpoint could not be signed, or not be kept at every anchor.",
        ),
        ("cuga_seal_anchors", GAUGE, "Places that keep the newest checkpoint."),
    ),
    *_metrics(
        POSTGRES,
        ("cuga_queue_waiting", GAUGE, "Jobs that nobody has begun."),
        ("cuga_queue_running", GAUGE, "Jobs in hand."),
        ("cuga_queue_stalled", GAUGE, "Jobs whose worker is silent."),
        ("cuga_queue_oldest_seconds", GAUGE, "How long the oldest waiting job has waited."),
        ("cuga_queue_workers", GAUGE, "Workers that were heard of lately."),
        ("cuga_queue_sweep_lag_seconds", GAUGE, "How long the run that is due longest is due."),
        ("cuga_fenced_appends_total", COUNTER, "Runs that this process lost to another one, and stopped at."),
        ("cuga_database_lost_total", COUNTER, "Connections that were lost with a batch on the way."),
    ),
    *_metrics(
        OTLP,
        ("cuga_export_lag_seconds", GAUGE, "Age of the oldest fact that is not handed over; 0: all are."),
        ("cuga_export_position", GAUGE, "Position of the last fact that is handed over."),
        ("cuga_export_spans_total", COUNTER, "Spans that the collector has taken."),
        ("cuga_export_refused_total", COUNTER, "Spans that it will not take, and facts that cannot be read."),
        ("cuga_export_failures_total", COUNTER, "Tries that were for nothing, and are made again."),
    ),
    *_metrics(
        LOGGING,
        ("cuga_log_lines_total", COUNTER, "Lines that were written."),
        ("cuga_log_dropped_total", COUNTER, "Lines that nobody read in time, and that are lost."),
    ),
)
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}
_EACH_ITS_OWN = ("cuga_build_info", "cuga_fenced_appends_total", "cuga_database_lost_total")


def own_series() -> tuple[str, ...]:
    """The series that are a process's own. Every other one is the same from each process of a house in Postgres, and
    must be scraped of one of them only."""
    own = (metric for metric in METRICS if metric.of in (PROCESS, OTLP, LOGGING) or metric.name in _EACH_ITS_OWN)
    return tuple(series for metric in own for series in metric.series)


def page() -> str:
    """The reference page of all metrics."""
    lines = [
        "# Metrics",
        "",
        "What `/metrics` says, in Prometheus' format. A scraper sends a key with the scope `look` as its token;",
        "[watch it run](../howto/watch-it-run.md) sets one up. `cuga observe metrics` prints this page from the code.",
        "",
        "No label names a person. "
        f"At most {MOST_LABELS} tools, models and routes are told apart; the rest is `{OTHERS}`.",
    ]
    for of, where in WHERE.items():
        lines += [
            "",
            f"## {_title(of)}",
            "",
            f"Counted {where}.",
            "",
            "| metric | kind | labels | means |",
            "|---|---|---|---|",
        ]
        for metric in METRICS:
            if metric.of == of:
                labels = ", ".join(f"`{label}`" for label in metric.labels)
                lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.means} |")
    return "\n".join(lines) + "\n"


def _title(of: str) -> str:
    titles = {HOUSE: "The house", PROCESS: "The process", SEALED: "The seal", POSTGRES: "The queue", OTLP: "The export"}
    return titles.get(of, "The log")
