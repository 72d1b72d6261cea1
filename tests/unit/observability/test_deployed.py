"""Alerts, dashboard and the page of metrics fit `/metrics`, and the files beside the code are made from it."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.doors.http_house import house

from cuga.cli.commands import catalog
from cuga.cli.main import main
from cuga.observability.alerts import ALERTS, rules
from cuga.observability.catalog import BY_NAME, HOUSE, METRICS, MOST_LABELS, OTHERS, PROCESS
from cuga.observability.dashboard import dashboard
from cuga.observability.panels import ROWS

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
SERIES = {series: metric for metric in METRICS for series in metric.series}
PANELS = [panel for row in ROWS for panel in row.panels]
QUERIES = [(alert.name, alert.when) for alert in ALERTS] + [
    (panel.title, ask.query) for panel in PANELS for ask in panel.asks
]
WANTED = (
    "Success rate", "Tool error rate", "Mean steps", "Budget", "Request rate", "End-to-end latency", "Latency by tool",
    "Approval wait", "Errors by type", "Errors by tool", "Active traces", "Recent events", "Cost of models",
)  # fmt: skip


def names_in(query: str) -> set[str]:
    """The metrics that a query names."""
    return set(re.findall(r"\b((?:cuga|process)_[a-z_]+)\b(?!\s*=\s*\")", re.sub(r'"[^"]*"', '""', query)))


@pytest.mark.parametrize(("name", "query"), QUERIES)
def test_every_query_names_metrics_that_there_are(name: str, query: str):
    found = names_in(query) - {"up"}
    assert found <= SERIES.keys(), found - SERIES.keys()
    assert found or "up" in query
    labels = {label for series in found for label in SERIES[series].labels} | {"le", "job", "instance"}
    for group in re.findall(r"by \(([^)]*)\)", query):
        assert {label.strip() for label in group.split(",")} <= labels
    for chosen in re.findall(r"\{([^}]*)\}", query):
        assert set(re.findall(r"(\w+)\s*[=!]", chosen)) <= labels


def test_the_dashboard_has_the_panels_that_were_asked_for_and_no_two_overlap():
    assert set(WANTED) <= {panel.title for panel in PANELS}
    drawn = json.loads(dashboard())
    taken: dict[tuple[int, int], str] = {}
    for panel in drawn["panels"]:
        grid = panel["gridPos"]
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                assert x < 24 and taken.setdefault((x, y), panel["title"]) == panel["title"]
    assert len({panel["id"] for panel in drawn["panels"]}) == len(drawn["panels"])
    assert all(panel.get("description") for panel in drawn["panels"] if panel["type"] != "row")


def test_what_lies_beside_the_code_is_what_the_commands_print(capsys: pytest.CaptureFixture[str]):
    for words, file in (
        (("dashboard",), "grafana-dashboard.json"),
        (("alerts",), "prometheus-alerts.yml"),
        (("scrape", "--rule-file", "prometheus-alerts.yml"), "prometheus.yml"),
    ):
        assert main(["observe", *words]) == 0
        assert capsys.readouterr().out == (DEPLOY / file).read_text(), f"cuga observe {' '.join(words)} > deploy/{file}"
    assert main(["observe", "metrics"]) == 0
    assert capsys.readouterr().out == (ROOT / "docs/reference/metrics.md").read_text()


def test_of_a_worker_only_what_is_its_own_is_kept(capsys: pytest.CaptureFixture[str]):
    assert main(["observe", "scrape", "--worker", "10.0.0.5:9464", "--worker", "10.0.0.6:9464"]) == 0
    house, workers = yaml.safe_load(capsys.readouterr().out)["scrape_configs"]
    assert "metric_relabel_configs" not in house
    assert workers["authorization"] == house["authorization"], "the same key opens both"
    assert workers["static_configs"] == [{"targets": ["10.0.0.5:9464", "10.0.0.6:9464"]}]
    (rule,) = workers["metric_relabel_configs"]
    assert rule["action"] == "keep" and rule["source_labels"] == ["__name__"]
    kept = {series for series in SERIES if re.fullmatch(rule["regex"], series)}
    assert {"cuga_fenced_appends_total", "cuga_database_lost_total", "cuga_calls_without_thread"} <= kept
    assert {"process_resident_memory_bytes", "cuga_journal_commit_seconds_bucket", "cuga_build_info"} <= kept
    counted = {series for series in SERIES if SERIES[series].of == HOUSE} - {"cuga_build_info"}
    assert not kept & counted, "sums over what every process tells would grow with the workers"
    assert not [series for series in kept if series.startswith("cuga_queue_")]


def test_every_alert_says_what_to_do_in_commands_that_there_are():
    loaded = yaml.safe_load(rules())["groups"][0]["rules"]
    assert [rule["alert"] for rule in loaded] == [alert.name for alert in ALERTS]
    for alert in ALERTS:
        assert alert.says and alert.mend
        for command in re.findall(r"`cuga ([a-z-]+)", alert.mend):
            assert command in catalog.app, command


async def _exposed() -> dict[str, set[tuple[str, ...]]]:
    """What a house in memory tells: metric -> sets of labels."""
    async with house() as served:
        ann, bob = served.browser("ann"), served.browser("bob")
        run = await ann.run(("read_number", {"number": 3}), ("post", {"to": "kim@canary.example"}))
        card = await bob.card(run["run_id"])
        await bob.post(f"/api/approvals/{card['approval_id']}", {"verdict": "approve", "digest": card["digest"]})
        for _ in range(100):
            if (await ann.get(f"/api/runs/{run['run_id']}")).json()["status"] == "success":
                break
            await asyncio.sleep(0.02)
        text = (await bob.get("/metrics")).text
    for personal in ("ann", "bob", "kim", "canary", "local-user"):
        assert f'"{personal}' not in text
    found: dict[str, set[tuple[str, ...]]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels = re.fullmatch(r"(\w+)(?:\{(.*)\})? .*", line).groups()  # type: ignore[union-attr]
            found.setdefault(name, set()).add(tuple(re.findall(r'(\w+)="', labels or "")))
    return found


async def test_metrics_are_those_of_the_list_with_their_labels():
    found = await _exposed()
    for series, labels in found.items():
        metric = SERIES[series]
        wanted = {*metric.labels, *(("le",) if series.endswith("_bucket") else ())}
        assert {frozenset(one) for one in labels} == {frozenset(wanted)}, series
    missing = {
        metric.name for metric in METRICS if metric.of in (HOUSE, PROCESS) and not set(metric.series) & found.keys()
    }
    assert missing <= {
        "cuga_tool_failures_total", "cuga_failures_total",  # nothing failed
        "cuga_model_calls_total", "cuga_model_tokens_total", "cuga_model_dollars_total",  # no model was asked
        "cuga_journal_appends_total", "cuga_journal_commit_seconds", "cuga_journal_trouble", "cuga_disk_free_bytes",
    }  # fmt: skip


def test_labels_do_not_grow_without_end():
    from cuga.api.metrics import _most
    from cuga.api.requests import Requests

    tools = {(f"tool{n}",): float(n) for n in range(MOST_LABELS + 50)}
    kept = dict(_most(tools))
    assert len(kept) == MOST_LABELS + 1 and kept[(OTHERS,)] == sum(range(50))
    requests = Requests()
    for number in range(MOST_LABELS * 2):
        requests.count("GET", f"/{number}", 200, 0.001)
    assert len(requests.took) == MOST_LABELS + 1


async def test_a_request_is_known_by_a_harmless_id_and_counted_by_its_route():
    async with house() as served:
        ann = served.browser("ann")
        own = await ann.http.get("/api/runs", headers={"X-Request-Id": "trace-0001.a"})
        assert own.headers["x-request-id"] == "trace-0001.a"
        for dirty in ("short", "x" * 65, "two words here", "line\tend-123", 'quote"-1234'):
            answer = await ann.http.get("/api/runs", headers={"X-Request-Id": dirty})
            assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"]), dirty
        await ann.get("/api/runs/kim@canary.example")
        counted: Any = served.doors.requests.answered
        assert counted["GET", "/api/runs", "200"] == 6
        assert any(route == "/api/runs/{run_id}" and status == "404" for _, route, status in counted)
        assert "canary" not in repr(counted)
        assert served.doors.requests.in_flight == 0


def test_promtool_takes_the_rules_and_they_fire_when_they_should(tmp_path: Path):
    if (tool := shutil.which("promtool")) is None:
        pytest.skip("there is no promtool here; another test installs it where it can")
    (tmp_path / "alerts.yml").write_text(rules())
    cases: list[dict[str, Any]] = []
    for name, series, at, fires in (
        ("CugaHalted", {"cuga_halted": "1x40"}, "20m", True),
        ("CugaHalted", {"cuga_halted": "1x3 0x40"}, "20m", False),
        ("CugaNoWorkers", {"cuga_queue_waiting": "3x10", "cuga_queue_workers": "0x10"}, "5m", True),
        ("CugaNoWorkers", {"cuga_queue_waiting": "3x10", "cuga_queue_workers": "2x10"}, "5m", False),
        ("CugaNotSealed", {"cuga_seal_age_seconds": "0+60x10"}, "8m", True),
        ("CugaNotSealed", {"cuga_seal_age_seconds": "1x10", "cuga_seal_trouble": "0x10"}, "8m", False),
        ("CugaStepsInDoubt", {'cuga_events_total{event="step_in_doubt"}': "0x5 1x10"}, "10m", True),
        ("CugaStepsInDoubt", {'cuga_events_total{event="step_in_doubt"}': "4x15"}, "10m", False),
        ("CugaExportIsBehind", {"cuga_export_lag_seconds": "0+60x30"}, "20m", True),
        ("CugaJournalCannotBeWritten", {"cuga_journal_trouble": "1x5"}, "3m", True),
        ("CugaDown", {'up{job="cuga"}': "0x5"}, "4m", True),
        ("CugaWorkerDown", {'up{job="cuga-worker",instance="a"}': "0x9", 'up{job="cuga"}': "1x9"}, "8m", True),
        ("CugaWorkerDown", {'up{job="cuga"}': "0x9"}, "8m", False),
        ("CugaApprovalsWait", {"cuga_approval_oldest_seconds": "20000x20"}, "10m", True),
    ):
        query = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
        cases.append(
            {"interval": "1m", "input_series": [{"series": one, "values": values} for one, values in series.items()],
             "promql_expr_test": [{"expr": query, "eval_time": at,
                                   "exp_samples": [{"labels": "{}", "value": 1}] if fires else []}]}
        )  # fmt: skip
    test = {"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": cases}
    (tmp_path / "cases.yml").write_text(json.dumps(test))
    told = subprocess.run([tool, "test", "rules", str(tmp_path / "cases.yml")], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_metric_is_named_once_and_as_prometheus_wants_it():
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert metric.means.endswith(".")
