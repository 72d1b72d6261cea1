"""cuga as an MCP server at `/mcp` of the doors: who is let in, what can be asked, and that nothing there decides."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator

import pytest
from tests.doors.http_house import ORIGIN, Served, house

from cuga.api.app import create_app
from cuga.api.mcp_mount import McpDoor

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")

HELLO = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}  # fmt: skip
TAKES = {"Accept": "application/json, text/event-stream"}


@contextlib.asynccontextmanager
async def team() -> AsyncIterator[Served]:
    async with house() as served:
        door = McpDoor(served.doors)
        served.app = create_app(served.doors, door.routes)
        async with door.running():
            yield served


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_a_key_for_runs_opens_it_and_nothing_less_does(path: str) -> None:
    async with team() as served:
        right = await served.program("ann", "look", "start_run")
        said = await right.http.post(path, json=HELLO, headers=TAKES)
        assert said.status_code == 200
        assert said.json()["result"]["serverInfo"]["name"]
        for stranger in (await served.program("ann", "look"), served.browser("ann"), served.nobody()):
            assert (await stranger.http.post(path, json=HELLO, headers=TAKES)).status_code == 401


async def test_a_run_is_started_in_the_name_of_whose_key_it_is_and_waits_for_somebody_else() -> None:
    from mcp.client.client import Client
    from mcp.client.streamable_http import streamable_http_client

    async with team() as served:
        key = await served.program("ann", "look", "start_run")
        async with Client(streamable_http_client(f"{ORIGIN}/mcp", http_client=key.http)) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert "submit_run" in names
            assert not any("approve" in name or "decide" in name for name in names)
            started = await client.call_tool("submit_run", {"goal": "Keep the text hello"})
            assert not started.is_error, started
        (line,) = await served.front.runs()
        assert line.requester == "ann"


async def test_a_key_that_is_not_for_steering_stops_no_run() -> None:
    from mcp.client.client import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared.exceptions import MCPError
    from tests.scenario.test_mcp_server import TasksExtension, asked

    async with team() as served:
        for more, is_stopped in (((), False), (("steer_run",), True)):
            key, extension = await served.program("ann", "look", "start_run", *more), TasksExtension()
            async with Client(
                streamable_http_client(f"{ORIGIN}/mcp", http_client=key.http), extensions=[extension]
            ) as client:
                await client.call_tool("submit_run", {"goal": "Post to x@example.com"})
                run_id = extension.given[0].task_id
                await served.front.wait(run_id)
                with contextlib.suppress(MCPError):
                    await asked(client, "tasks/cancel", run_id)
            assert ((await served.front.result(run_id)).status.value == "cancelled") is is_stopped


async def test_a_foreign_page_is_refused_before_anything_is_read() -> None:
    async with team() as served:
        key = await served.program("ann", "look", "start_run")
        said = await key.http.post("/mcp", json=HELLO, headers={**TAKES, "Origin": "https://evil.example"})
        assert said.status_code == 403


async def test_a_house_without_the_extra_is_served_and_has_nothing_at_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in ("mcp", "mcp_types")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    async with team() as served:
        right = await served.program("ann", "look", "start_run")
        assert (await right.http.get("/api/runs")).status_code == 200
        assert (await right.http.post("/mcp", json=HELLO, headers=TAKES)).status_code == 405
