"""A served house as those who operate it see it: spans at a collector, lines on standard error, a real Prometheus."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.doors.terminal import Terminal, ended
from tests.doors.test_http_kills import serve, until
from tests.servers.otlp import Receiver, attributes, receiving

from cuga.observability.alerts import ALERTS
from cuga.observability.catalog import METRICS

SECRET = "Zx81-never-to-be-seen-0451"
CANARIES = ("kim.larsen@canary.example", "Larsen", "+45 31 23 45 67", SECRET, "Velkarin")
PATIENCE_S = 20.0


def soon(holds: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    until_s = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < until_s, "it did not come to it"
        time.sleep(0.05)


def begun(http: httpx2.Client, goal: str, **steps: Any) -> str:
    answer = http.post("/api/runs", json={"goal": goal})
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["run_id"])


def approved(http: httpx2.Client, run_id: str) -> None:
    until(http, run_id, "parked")
    card = http.get("/api/approvals", params={"run_id": run_id}).json()["items"][0]
    yes = {"verdict": "approve", "digest": card["digest"]}
    assert http.post(f"/api/approvals/{card['approval_id']}", json=yes).status_code == 200
    assert until(http, run_id, "success", "failed", "partial") == "success"


@pytest.mark.kills
def test_spans_arrive_though_the_collector_and_the_server_go_and_come(cuga: Terminal) -> None:
    receiver = Receiver()
    with receiving(receiver):
        cuga.variables |= {"CUGA_OTLP": receiver.address, "CUGA_OTLP_HEADERS": f"authorization=Bearer%20{SECRET}"}
        server, http = serve(cuga)
        first = begun(http, "Count the clouds and publish a notice")
        until(http, first, "parked")
        soon(lambda: any(span.name.startswith("execute_tool") for span in receiver.spans))
        assert receiver.headers[0]["authorization"] == f"Bearer {SECRET}"
    tried = receiver.tried
    approved(http, first)  # nobody takes spans now, and the run does not know
    second = begun(http, "Count the clouds and publish a notice")
    until(http, second, "parked")
    server.send_signal(signal.SIGKILL)
    server.wait()
    server, http = serve(cuga)
    try:
        receiver.status = 503
        with receiving(receiver):
            approved(http, second)
            soon(lambda: receiver.tried > tried)
            receiver.status = 200
            soon(lambda: sum(span.name.startswith("invoke_workflow") for span in receiver.by_id().values()) == 2)
            runs = {first, second}
            by_run: dict[str, list[Any]] = {run: [] for run in runs}
            for span in receiver.by_id().values():
                by_run[attributes(span)["cuga.run.id"]].append(span)
            for run_id, spans in by_run.items():
                assert len({span.trace_id for span in spans}) == 1
                root = next(span for span in spans if not span.parent_span_id)
                assert attributes(root)["cuga.status"] == "success"
                assert {span.parent_span_id for span in spans if span is not root} <= {span.span_id for span in spans}
                names = [event["name"] for event in cuga("trace", run_id, "--all", "--json").json["events"]]
                assert sum(span.name.startswith("execute_tool") for span in spans) == names.count("tool_call_start") > 0
            before = receiver.by_id()
            said = cuga("observe", "send", first, receiver.address, "--json")
            assert said.code == 0 and said.json["spans"] == len(by_run[first])
            assert receiver.by_id() == before, "the same run gives the same spans"
        assert "handed over" in cuga("doctor").out
    finally:
        server.send_signal(signal.SIGTERM)
        ended(server)
    assert all(SECRET.encode() not in path.read_bytes() for path in cuga.house.rglob("*") if path.is_file())


def lines_of(server: subprocess.Popen[str]) -> list[dict[str, Any]]:
    said = ended(server)
    return [json.loads(line) for line in said.err.splitlines() if line.startswith("{")]


def test_lines_tell_what_happened_and_nothing_of_whom_or_what(cuga: Terminal) -> None:
    cuga.variables |= {"CUGA_LOG": "debug", "SOME_API_KEY": SECRET}
    server, http = serve(cuga)
    goal = f"Count the clouds and publish a notice for Kim Larsen {CANARIES[0]} {CANARIES[2]} {SECRET}"
    run_id = begun(http, goal)
    approved(http, run_id)
    http.get("/api/runs", params={"words": "Larsen"}, headers={"X-Request-Id": "from-the-proxy-1"})
    refused = http.get("/api/runs/kim.larsen@canary.example")
    http.get("/nothing/Larsen/here")
    assert cuga("halt", "Kim Larsen says so").code == 0
    server.send_signal(signal.SIGTERM)
    lines = lines_of(server)
    text = json.dumps(lines)
    assert [canary for canary in CANARIES if canary.lower() in text.lower()] == []
    events = [line["event"] for line in lines]
    told = {"serving", "run_started", "approval_requested", "approval_received", "run_finished", "halted", "stopping"}
    assert told | {"tool_call_start", "tool_call_complete", "request"} <= set(events)
    assert {line["run_id"] for line in lines if line["event"] == "run_finished"} == {run_id}
    requests = [line for line in lines if line["event"] == "request"]
    assert "from-the-proxy-1" in {line["request_id"] for line in requests}
    assert refused.headers["x-request-id"] in {line["request_id"] for line in requests}
    assert all("{" in line["route"] or "larsen" not in line["route"].lower() for line in requests)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["at"]) for line in lines)


def _prometheus(name: str) -> str:
    """A program of Prometheus; of the distribution, when we are root and apt is there. Else a skip that says why."""
    if (found := shutil.which(name)) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "timeout": 300}
        for command in (
            ["update", "-qq"],
            ["install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=240", "prometheus"],
        ):
            subprocess.run(["apt-get", *command], check=False, **quiet)
        found = shutil.which(name)
    return found or pytest.skip(f"there is no {name} here, and it cannot be installed")


def test_a_real_prometheus_scrapes_the_house_and_loads_its_rules(cuga: Terminal, tmp_path: Path) -> None:
    binary, tool = _prometheus("prometheus"), _prometheus("promtool")
    cuga.variables |= {"CUGA_LOG": "error"}
    server, http = serve(cuga)
    prometheus: subprocess.Popen[bytes] | None = None
    try:
        approved(http, begun(http, "Count the clouds and publish a notice"))
        key = tmp_path / "key"
        key.write_text(cuga("keys", "make", "prometheus", "--scope", "look").out.strip())
        (tmp_path / "alerts.yml").write_text(cuga("observe", "alerts").out)
        target = f"127.0.0.1:{http.base_url.port}"
        config = cuga("observe", "scrape", "--target", target, "--key-file", str(key), "--rule-file", "alerts.yml").out
        (tmp_path / "prometheus.yml").write_text(config.replace("scrape_interval: 15s", "scrape_interval: 1s"))
        checked = subprocess.run(
            [tool, "check", "config", str(tmp_path / "prometheus.yml")], capture_output=True, text=True
        )
        assert checked.returncode == 0 and f"{len(ALERTS)} rules found" in checked.stdout, checked
        token = {"Authorization": f"Bearer {key.read_text()}"}
        exposed = httpx2.get(f"http://{target}/metrics", headers=token).text
        linted = subprocess.run([tool, "check", "metrics"], input=exposed, capture_output=True, text=True)
        assert linted.returncode == 0, linted.stderr
        prometheus = subprocess.Popen(
            [binary, f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
             "--web.listen-address=127.0.0.1:0", "--log.format=json"],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        base = _listens(prometheus)
        soon(lambda: httpx2.get(f"{base}/-/ready").is_success)  # it listens before it answers

        def ask(query: str) -> list[dict[str, Any]]:
            answer = httpx2.get(f"{base}/api/v1/query", params={"query": query}).json()
            assert answer["status"] == "success", answer
            return list(answer["data"]["result"])

        soon(lambda: ask('cuga_runs_total{status="success"} == 1'))
        assert ask('up{job="cuga"}')[0]["value"][1] == "1"
        named = {
            series["__name__"]
            for series in httpx2.get(f"{base}/api/v1/series", params={"match[]": '{job="cuga"}'}).json()["data"]
        }
        known = {series for metric in METRICS for series in metric.series}
        ours = {name for name in named if name.startswith(("cuga_", "process_"))}
        assert ours <= known, ours - known
        loaded = httpx2.get(f"{base}/api/v1/rules").json()["data"]["groups"][0]["rules"]
        assert {rule["name"] for rule in loaded} == {alert.name for alert in ALERTS}
        assert cuga("halt", "to see it").code == 0
        soon(lambda: ask("cuga_halted == 1"))
        for panel in json.loads(cuga("observe", "dashboard").out)["panels"]:
            for target_ in panel.get("targets", ()):
                ask(target_["expr"].replace("$__rate_interval", "1m").replace("$__range", "1h"))
    finally:
        if prometheus is not None:
            prometheus.terminate()
            prometheus.wait(20)
        server.send_signal(signal.SIGTERM)
        ended(server)


def _listens(prometheus: subprocess.Popen[bytes]) -> str:
    assert prometheus.stderr is not None
    for line in prometheus.stderr:
        if b"Listening on" in line or b"address" in line:
            found = re.search(rb"127\.0\.0\.1:(\d+)", line)
            if found and found[1] != b"0":
                return f"http://127.0.0.1:{int(found[1])}"
    raise AssertionError("Prometheus has ended")
