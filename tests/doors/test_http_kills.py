"""The server is killed while a run goes on; it comes back, and nothing was lost or done twice."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess

import httpx2
import pytest
from tests.doors.terminal import Terminal, ended


def serve(cuga: Terminal) -> tuple[subprocess.Popen[str], httpx2.Client]:
    """Start the server of a house and sign in with the link that it prints."""
    server = cuga.start("serve", "--port", "0", "--no-open", "--json")
    assert server.stdout is not None
    told = json.loads(server.stdout.readline())
    http = httpx2.Client(base_url=told["url"], headers={"Origin": told["url"]}, timeout=30)
    answer = http.post("/api/login/link", json={"token": told["link"].rpartition("/")[2]})
    assert answer.status_code == 204, answer.text
    return server, http


def until(http: httpx2.Client, run_id: str, *states: str) -> str:
    for _ in range(400):
        status = str(http.get(f"/api/runs/{run_id}").json()["status"])
        if status in states:
            return status
        asyncio.run(asyncio.sleep(0.05))
    raise AssertionError(f"{run_id} is {status}")


@pytest.mark.kills
def test_a_killed_server_comes_back_with_every_run_session_and_decision(cuga: Terminal) -> None:
    cuga.variables["TEST_SLEEP"] = "1.5"
    server, http = serve(cuga)
    begun = http.post(
        "/api/runs", json={"goal": "Count the clouds and publish a notice"}, headers={"Idempotency-Key": "k"}
    )
    run_id = begun.json()["run_id"]
    while "counting" not in cuga.deeds():
        asyncio.run(asyncio.sleep(0.02))
    server.send_signal(signal.SIGKILL)
    server.wait()
    cookies = dict(http.cookies)
    cuga.variables["TEST_SLEEP"] = "0"
    server, http = serve(cuga)
    try:
        again = httpx2.Client(
            base_url=http.base_url, headers={"Origin": str(http.base_url).rstrip("/")}, cookies=cookies
        )
        assert again.get("/api/me").status_code == 200, "a session outlives the server"
        same = http.post(
            "/api/runs", json={"goal": "Count the clouds and publish a notice"}, headers={"Idempotency-Key": "k"}
        )
        assert (same.status_code, same.json()["run_id"]) == (200, run_id)
        until(http, run_id, "parked")
        card = http.get("/api/approvals", params={"run_id": run_id}).json()["items"][0]
        yes = {"verdict": "approve", "digest": card["digest"]}
        assert http.post(f"/api/approvals/{card['approval_id']}", json=yes).status_code == 200
        assert until(http, run_id, "success", "failed", "partial") == "success"
        assert cuga.deeds().count("published") == 1
        assert http.post("/api/audit/verify", json={}).json()["faults"] == []
    finally:
        server.send_signal(signal.SIGTERM)
        ended(server)


def test_a_server_that_is_told_to_stop_stops_though_somebody_watches(cuga: Terminal) -> None:
    server, http = serve(cuga)
    run = http.post("/api/runs", json={"goal": "Publish a notice"}).json()["run_id"]
    with http.stream("GET", f"/api/traces/{run}/stream") as stream:
        lines = stream.iter_lines()
        next(lines)
        server.send_signal(signal.SIGTERM)
        assert ended(server).code == 0
