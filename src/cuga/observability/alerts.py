"""When somebody should be called, as rules for Prometheus: what is wrong, why it matters, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cuga.model.value import Value
from cuga.observability.catalog import own_series

PAGE, TICKET = "page", "ticket"  # somebody is woken; somebody looks at it in the morning


class Alert(Value, frozen=True, kw_only=True):
    """One rule. `after` is how long it must hold."""

    name: str
    when: str  # PromQL
    after: str
    severity: str
    says: str
    mend: str


ALERTS: tuple[Alert, ...] = (
    Alert(
        name="CugaDown",
        when='up{job="cuga"} == 0',
        after="2m",
        severity=PAGE,
        says="cuga does not answer",
        mend="Look at the log of `cuga serve`, then `cuga doctor`. Runs go on where they stood.",
    ),
    Alert(
        name="CugaWorkerDown",
        when='up{job="cuga-worker"} == 0',
        after="5m",
        severity=TICKET,
        says="a worker does not answer",
        mend="Look at its log and at whoever starts it again, then `cuga doctor`. Others take its runs over.",
    ),
    Alert(
        name="CugaJournalCannotBeWritten",
        when="cuga_journal_trouble == 1",
        after="1m",
        severity=PAGE,
        says="the journal cannot be written: nothing new starts",
        mend="`cuga doctor`: most often a full disk or a database that is away.",
    ),
    Alert(
        name="CugaDiskNearlyFull",
        when="cuga_disk_free_bytes < 1e9",
        after="5m",
        severity=PAGE,
        says="less than 1 GB is free where the house is",
        mend="Make room: below 200 MB `cuga doctor` fails, and on a full disk nothing new starts.",
    ),
    Alert(
        name="CugaNotSealed",
        when="cuga_seal_trouble == 1 or cuga_seal_age_seconds > 60",
        after="2m",
        severity=PAGE,
        says="what is appended is not sealed, or an anchor cannot be written",
        mend="`cuga doctor` names the place. Until it is mended a lost tail may not be found out.",
    ),
    Alert(
        name="CugaRegistryBroken",
        when="cuga_registry_broken == 1",
        after="1m",
        severity=PAGE,
        says="the registry cannot be loaded: nothing starts",
        mend="`cuga policy check` shows every mistake with its line.",
    ),
    Alert(
        name="CugaHalted",
        when="cuga_halted == 1",
        after="15m",
        severity=TICKET,
        says="the stop button is pressed",
        mend="`cuga doctor` says by which reason; `cuga halt --lift REASON` lets work go on.",
    ),
    Alert(
        name="CugaStepsInDoubt",
        when='increase(cuga_events_total{event="step_in_doubt"}[1h]) > 0',
        after="0m",
        severity=TICKET,
        says="nobody knows whether an effect happened",
        mend="`cuga runs --status parked`; look at the other side, then `cuga resolve RUN STEP ...`.",
    ),
    Alert(
        name="CugaRunsFail",
        when='sum(increase(cuga_runs_total{status=~"failed|partial"}[1h])) '
        '/ sum(increase(cuga_runs_total{status!="cancelled"}[1h])) > 0.2 and sum(increase(cuga_runs_total[1h])) >= 5',
        after="10m",
        severity=TICKET,
        says="more than a fifth of the runs of the last hour did not succeed",
        mend="The dashboard shows which tools fail, and how; `cuga trace RUN` shows one of them.",
    ),
    Alert(
        name="CugaToolFails",
        when="sum by (tool) (increase(cuga_tool_errors_total[15m])) "
        "/ sum by (tool) (increase(cuga_tool_calls_total[15m])) > 0.5 "
        "and sum by (tool) (increase(cuga_tool_calls_total[15m])) >= 5",
        after="5m",
        severity=TICKET,
        says="more than half of the calls of {{ $labels.tool }} fail",
        mend="`cuga adapters` shows what it uses; `cuga adapters test ADAPTER` asks it.",
    ),
    Alert(
        name="CugaApprovalsWait",
        when="cuga_approval_oldest_seconds > 4 * 3600",
        after="5m",
        severity=TICKET,
        says="a request has waited for a person for more than four hours",
        mend="`cuga inbox` lists them. After 24 hours they expire, and silence never approves.",
    ),
    Alert(
        name="CugaApprovalsExpire",
        when='increase(cuga_approvals_total{verdict="expired"}[1d]) > 0',
        after="0m",
        severity=TICKET,
        says="a request expired with nobody's decision",
        mend="Name more approvers, or somebody who stands in: `cuga users`, `cuga delegate`.",
    ),
    Alert(
        name="CugaBudgetsExceeded",
        when="increase(cuga_budget_exceeded_total[1h]) > 0",
        after="0m",
        severity=TICKET,
        says="a run reached a limit",
        mend="`cuga signals --run RUN` shows which; `cuga top-up RUN` raises it for this one.",
    ),
    Alert(
        name="CugaRunsLeftAlone",
        when="cuga_runs_left_alone > 0",
        after="5m",
        severity=TICKET,
        says="runs cannot be moved by this process",
        mend="`cuga resume RUN` says why; a newer version may have written them.",
    ),
    Alert(
        name="CugaResultsWithoutKeys",
        when="cuga_results_without_keys > 0",
        after="1m",
        severity=PAGE,
        says="calls are done and cannot be written down: their keys cannot be had",
        mend="`cuga doctor` says where keys lie and what is wrong; whoever ends before leaves its runs in doubt.",
    ),
    Alert(
        name="CugaNoWorkers",
        when="cuga_queue_waiting > 0 and cuga_queue_workers == 0",
        after="1m",
        severity=PAGE,
        says="runs wait and no worker is there",
        mend="Start `cuga worker`.",
    ),
    Alert(
        name="CugaQueueIsOld",
        when="cuga_queue_oldest_seconds > 60 or cuga_queue_sweep_lag_seconds > 60",
        after="2m",
        severity=PAGE,
        says="runs wait for a worker for more than a minute",
        mend="Start more workers; `cuga doctor` says how many there are and what they hold.",
    ),
    Alert(
        name="CugaWorkersStall",
        when="cuga_queue_stalled > 0",
        after="2m",
        severity=TICKET,
        says="workers fell silent with runs in hand",
        mend="Others take them over by themselves; look why these ended.",
    ),
    Alert(
        name="CugaRunsAreFenced",
        when="increase(cuga_fenced_appends_total[15m]) > 5",
        after="0m",
        severity=TICKET,
        says="a process loses its runs to others again and again",
        mend="It stands still for longer than its lease: too little CPU, or CUGA_LEASE_S is too short.",
    ),
    Alert(
        name="CugaExportIsBehind",
        when="cuga_export_lag_seconds > 300",
        after="5m",
        severity=TICKET,
        says="spans are not handed over",
        mend="`cuga doctor` says why. Nothing is lost: they come when the collector takes them.",
    ),
    Alert(
        name="CugaAnswersFail",
        when='sum(increase(cuga_http_requests_total{status=~"5.."}[10m])) > 5',
        after="0m",
        severity=TICKET,
        says="requests are answered with an error of ours",
        mend="The log names route and request id: CUGA_LOG=warning.",
    ),
)


def rules() -> str:
    """The rules as a file that Prometheus loads."""
    return (
        "\n".join(["# Made by `cuga observe alerts`. Load it under `rule_files` of prometheus.yml.", *_lines()]) + "\n"
    )


def _lines() -> Iterator[str]:
    yield from ("groups:", "  - name: cuga", "    rules:")
    for alert in ALERTS:
        yield f"      - alert: {alert.name}"
        yield f"        expr: {_quoted(alert.when)}"
        yield f"        for: {alert.after}"
        yield "        labels:"
        yield f"          severity: {alert.severity}"
        yield "        annotations:"
        yield f"          summary: {_quoted(alert.says)}"
        yield f"          description: {_quoted(alert.mend)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def scrape(target: str, key_file: str, rule_file: str, workers: Sequence[str] = ()) -> str:
    """A prometheus.yml that scrapes one house and loads the rules. Of each worker only what is its own is kept: what is
    counted from the journal would be there once more for each of them."""
    jobs = [*_job("cuga", key_file, (target,))]
    if workers:
        jobs += [
            *_job("cuga-worker", key_file, workers),
            "    metric_relabel_configs:",
            "      - source_labels: [__name__]",
            f"        regex: {_quoted('|'.join(own_series()))}",
            "        action: keep",
        ]
    return "\n".join(
        (
            "# Made by `cuga observe scrape`. The key is made by: cuga keys make prometheus --scope look",
            "global:",
            "  scrape_interval: 15s",
            "rule_files:",
            f"  - {_quoted(rule_file)}",
            "scrape_configs:",
            *jobs,
            "",
        )
    )


def _job(name: str, key_file: str, targets: Sequence[str]) -> Iterator[str]:
    yield f"  - job_name: {name}"
    yield "    authorization:"
    yield f"      credentials_file: {_quoted(key_file)}"
    yield "    static_configs:"
    yield f"      - targets: [{', '.join(map(_quoted, targets))}]"
