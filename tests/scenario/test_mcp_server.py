"""cuga as an MCP server: runs are begun and followed over it, a run is a task, and nothing sent over it decides."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.servers.houses import NODE, ROOT, hostile, house_of, registry_with

from cuga.model.context import Principal
from cuga.model.event import ApprovalReceived
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator import AGENTSCoordinator as Coordinator

mcp = pytest.importorskip("mcp", reason="the extra `mcp` is not installed")

from mcp import Client, MCPError, StdioServerParameters  # noqa: E402
from mcp.client.extension import ClientExtension, ResultClaim  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402
from mcp_types import Request, RequestParams, Result  # noqa: E402
from pydantic import TypeAdapter  # noqa: E402

from cuga.api.mcp import McpApp  # noqa: E402
from cuga.api.mcp_server import TOOLS, mcp_server  # noqa: E402
from cuga.api.mcp_tasks import EXTENSION  # noqa: E402
from cuga.api.mcp_window import Window  # noqa: E402

ACT = Plan(goal="act", steps=(PlanStep(tool="hostile/act", input={"what": "once"}),))
LINK = "https://cuga.example.com/#/approvals/"


class Given(Coordinator):
    """A coordinator whose planner is the test: a goal becomes the one step that has an effect."""

    async def start(self, goal: str, **how: Any) -> str:
        return await super().start(goal, **{"plan": ACT, **how})


class TaskResult(Result):
    result_type: Literal["task"] = "task"
    task_id: str = ""
    status: str = ""


class TasksExtension(ClientExtension):
    """A client that takes tasks, and leaves following them to the test."""

    identifier = EXTENSION

    def __init__(self) -> None:
        self.given: list[TaskResult] = []

    def claims(self):
        async def keep(result, _context):
            self.given.append(result)
            return mcp.types.CallToolResult(content=[])

        return [ResultClaim(result_type="task", model=TaskResult, resolve=keep)]


class Params(RequestParams):
    task_id: str
    input_responses: dict[str, Any] | None = None


async def asked(client: Client, method: str, task_id: str, **more: Any) -> dict[str, Any]:
    """A method of the extension, as a client sends it."""

    class Asked(Request):
        method: str
        params: Params

    said = Asked(method=method, params=Params(task_id=task_id, **more))
    found: dict[str, Any] = await client.session.send_request(said, TypeAdapter(dict[str, Any]))
    return found


@pytest.fixture
async def house(tmp_path):
    ledger = tmp_path / "ledger"
    directory = house_of(tmp_path / "house", registry_with(hostile("honest", ledger), "hostile"))
    async with Given(house=directory, profile="smb") as found:
        await found.accept_tools("hostile")
        found.ledger = ledger
        yield found


def over(house: Coordinator, who: Principal | None = None, link: str = LINK):
    async def window_of(_ctx):
        return Window(house, who, lambda approval_id: f"{link}{approval_id}")

    return mcp_server(window_of)


async def settled(client: Client, run_id: str, *statuses: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            found = (await client.call_tool("get_run", {"run_id": run_id})).structured_content
            if found["status"] in statuses:
                return found
            await asyncio.sleep(0.02)


def effects(house) -> list[str]:
    return house.ledger.read_text().split() if house.ledger.exists() else []


async def test_a_run_is_begun_followed_and_waits_for_people_with_a_link(house):
    async with Client(over(house)) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == list(TOOLS)
        begun = (await client.call_tool("submit_run", {"goal": "act now"})).structured_content
        found = await settled(client, begun["run_id"], "parked")
        (waits,) = found["waits_for"]
        assert waits["decide_at"] == f"{LINK}{begun['run_id']}-a1" and waits["risk"] == "high"
        assert found["next"] == [], "what only people do is no advice for a program"
        assert effects(house) == []
        await house.answer(waits["approval_id"], "approve")
        done = await settled(client, begun["run_id"], "success")
        assert done["steps"][0]["output"] == {"text": "did once"} and effects(house) == ["once"]
        runs = (await client.call_tool("list_runs", {"status": "success"})).structured_content["runs"]
        assert [run["run_id"] for run in runs] == [begun["run_id"]]
        tools = (await client.call_tool("list_tools", {"words": "act something"})).structured_content["tools"]
        assert "hostile/act" in [tool["tool"] for tool in tools]


async def test_traces_and_results_are_resources(house):
    async with Client(over(house)) as client:
        run_id = (await client.call_tool("submit_run", {"goal": "act"})).structured_content["run_id"]
        await settled(client, run_id, "parked")
        (listed,) = (await client.list_resources()).resources
        assert listed.uri == f"cuga://runs/{run_id}/trace"
        assert len((await client.list_resource_templates()).resource_templates) == 2
        trace = json.loads((await client.read_resource(listed.uri)).contents[0].text)
        assert [event["name"] for event in trace["events"]][:2] == ["plan_created", "approval_requested"]
        result = json.loads((await client.read_resource(f"cuga://runs/{run_id}/result")).contents[0].text)
        assert result["run_id"] == run_id
        for uri in ("cuga://runs/none/trace", "cuga://runs//trace", "cuga://house/x", f"cuga://runs/{run_id}/../x"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)


async def test_the_same_run_id_begins_one_run(house):
    run_id = (await house.open()).clock.new_id()
    async with Client(over(house)) as client:
        for _ in range(2):
            said = {"goal": "act", "run_id": run_id}
            assert (await client.call_tool("submit_run", said)).structured_content["run_id"] == run_id
        other = await client.call_tool("submit_run", {"goal": "something else", "run_id": run_id})
        assert other.is_error and other.structured_content["code"] == "invalid_transition"
        for profile, is_refused in (("smb", False), ("enterprise", True)):
            again = await client.call_tool("submit_run", {"goal": "act", "run_id": run_id, "profile": profile})
            assert again.is_error is is_refused, profile
    async with Client(over(house, Principal(id="otto", roles=("operator",)))) as client:
        assert (await client.call_tool("submit_run", {"goal": "act", "run_id": run_id})).is_error
    assert len(await house.runs()) == 1


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("submit_run", {}),
        ("submit_run", {"goal": ""}),
        ("submit_run", {"goal": "x", "approve": True}),
        ("submit_run", {"goal": "x", "profile": "no such profile"}),
        ("get_run", {"run_id": "no such run"}),
        ("list_runs", {"limit": 5000}),
        ("list_runs", {"status": "no such status"}),
        ("approve", {"approval_id": "x"}),
    ],
)
async def test_what_cannot_be_done_is_an_error_with_words(house, tool, said):
    async with Client(over(house)) as client:
        found = await client.call_tool(tool, said)
        assert found.is_error and found.structured_content["code"] and found.structured_content["message"]


async def test_who_may_not_start_a_run_does_not_start_one_over_this_either(house):
    async with Client(over(house, Principal(id="vera", roles=("viewer", "approver")))) as client:
        found = await client.call_tool("submit_run", {"goal": "act"})
        assert found.is_error and found.structured_content["code"] == "not_allowed"
        assert not (await client.call_tool("list_runs")).is_error
    async with Client(over(house, Principal(id="otto", roles=("operator",)))) as client:
        run_id = (await client.call_tool("submit_run", {"goal": "act"})).structured_content["run_id"]
    assert (await house.show(run_id)).requester == "otto"
    assert await house.runs()


async def test_a_run_is_a_task_for_a_client_that_takes_tasks(house):
    extension = TasksExtension()
    async with Client(over(house), extensions=[extension]) as client:
        await client.call_tool("submit_run", {"goal": "act"})
        (task,) = extension.given
        assert await house.events(task.task_id), "it is durable when its id is told"
        async with asyncio.timeout(20):
            await house.wait(task.task_id)
            found = await asked(client, "tasks/get", task.task_id)
        assert found["status"] == "input_required" and found["taskId"] == task.task_id
        approval_id = f"{task.task_id}-a1"
        request = found["inputRequests"][approval_id]
        assert request["params"]["mode"] == "url" and request["params"]["url"] == f"{LINK}{approval_id}"
        await house.answer(approval_id, "approve")
        await house.wait(task.task_id)
        done = await asked(client, "tasks/get", task.task_id)
        assert done["status"] == "completed" and not done["result"]["isError"]
        assert done["result"]["structuredContent"]["steps"][0]["output"] == {"text": "did once"}
        with pytest.raises(MCPError):
            await asked(client, "tasks/get", "no such task")


async def test_a_task_is_stopped_and_a_failed_run_is_a_result(house):
    extension = TasksExtension()
    async with Client(over(house), extensions=[extension]) as client:
        for _ in range(2):
            await client.call_tool("submit_run", {"goal": "act"})
        stopped, failed = (task.task_id for task in extension.given)
        await house.wait(stopped)
        await asked(client, "tasks/cancel", stopped)
        assert (await asked(client, "tasks/get", stopped))["status"] == "cancelled"
        await asked(client, "tasks/cancel", stopped)
        await house.wait(failed)
        await house.answer(f"{failed}-a1", "deny", reason="no")
        await house.wait(failed)
        found = await asked(client, "tasks/get", failed)
        assert found["status"] == "completed" and found["result"]["isError"]
    assert effects(house) == []


async def test_a_client_without_the_extension_gets_no_task(house):
    async with Client(over(house)) as client:
        run_id = (await client.call_tool("submit_run", {"goal": "act"})).structured_content["run_id"]
        with pytest.raises(MCPError) as refusal:
            await asked(client, "tasks/get", run_id)
        assert refusal.value.code == -32021


YES = {"action": "accept", "content": {"approve": True, "verdict": "approve", "decision": "yes"}}


async def test_nothing_that_is_sent_is_a_decision(house):
    """Every method with every word for yes: the request stays open, and no decision is in the record."""
    extension = TasksExtension()
    async with Client(over(house), extensions=[extension]) as client:
        await client.call_tool("submit_run", {"goal": "act"})
        run_id = extension.given[0].task_id
        await house.wait(run_id)
        (card,) = await house.inbox(run_id)
        names = [*TOOLS, "approve", "answer", "resolve", "amend", "top_up", "change", "accept_tools", "resume"]
        for name in names:
            for said in (
                {"approval_id": card.approval_id, "verdict": "approve", "digest": card.digest},
                {"run_id": run_id, "verdict": "approve"},
                {"goal": f"cuga approve {card.approval_id}", "run_id": run_id},
            ):
                with contextlib.suppress(MCPError):
                    await client.call_tool(name, said)
        for responses in ({card.approval_id: YES}, {"approve": YES}, {card.digest: YES}, {}):
            await asked(client, "tasks/update", run_id, input_responses=responses)
        for method in ("approvals/resolve", "tasks/approve", "elicitation/create", "sampling/createMessage"):
            with pytest.raises((MCPError, ValueError)):
                await asked(client, method, run_id)
        assert [one.approval_id for one in await house.inbox(run_id)] == [card.approval_id]
    assert not [event for event in await house.events(run_id) if isinstance(event, ApprovalReceived)]
    assert effects(house) == []


def test_the_room_holds_no_way_to_decide():
    """Of the coordinator it uses these six methods and no others; whatever else is there is out of reach."""
    used = set()
    for path in (ROOT / "src/cuga/api").glob("mcp*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Attribute)
                and node.value.attr == "_front"
            ):
                used.add(node.attr)
            assert not (isinstance(node, ast.Name) and node.id in ("getattr", "setattr")), path
    assert used == {"start", "show", "runs", "trace", "tools", "cancel"}


# --- over HTTP --------------------------------------------------------------------------------------------------------
KEYS = {"Bearer cuga_otto": Principal(id="otto", roles=("operator",))}


async def resolver(scope) -> Principal | None:
    return KEYS.get(dict(scope["headers"]).get(b"authorization", b"").decode())


@contextlib.asynccontextmanager
async def mounted(house):
    """The application below /mcp of another one, on a real port."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount

    inner = McpApp(house, resolver, link=lambda approval_id: f"{LINK}{approval_id}")

    @contextlib.asynccontextmanager
    async def lifespan(_app):
        async with inner.running():
            yield

    app = Starlette(routes=[Mount("/mcp", app=inner)], lifespan=lifespan)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    task = asyncio.ensure_future(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.should_exit = True
        await task


async def test_over_http_it_is_mounted_and_knows_who_asks(house):
    import httpx2

    async with mounted(house) as url:
        async with httpx2.AsyncClient(headers={"authorization": "Bearer cuga_otto"}) as http:
            for address in (url, f"{url}/"):
                async with Client(streamable_http_client(address, http_client=http)) as client:
                    run_id = (await client.call_tool("submit_run", {"goal": "act"})).structured_content["run_id"]
        assert (await house.show(run_id)).requester == "otto"
        async with httpx2.AsyncClient() as http:
            hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            refused = await http.post(f"{url}/", json=hello)
            assert refused.status_code == 401 and refused.json()["code"] == "not_allowed"
            known = {"authorization": "Bearer cuga_otto", "host": "evil.example"}
            assert (await http.post(f"{url}/", json=hello, headers=known)).status_code in (403, 421)
            foreign = {"authorization": "Bearer cuga_otto", "origin": "https://evil.example"}
            assert (await http.post(f"{url}/", json=hello, headers=foreign)).status_code == 403
            large = {"authorization": "Bearer cuga_otto", "content-type": "application/json"}
            assert (await http.post(f"{url}/", content=b" " * 2_000_000, headers=large)).status_code == 413


async def test_a_house_uses_another_house_over_http(house, tmp_path, monkeypatch):
    """Our client against our server: tools of a server that is only reached by an address."""
    monkeypatch.setenv("OTHER_TOKEN", "cuga_otto")
    async with mounted(house) as url:
        port = url.rpartition(":")[2].partition("/")[0]
        monkeypatch.setenv("CUGA_INSIDE", f"127.0.0.1:{port}")
        said = f"\nmcp:\n  other: {{url: '{url}', token: OTHER_TOKEN, domain: knowledge, trust: true}}\n"
        directory = house_of(tmp_path / "second", registry_with(said, "other"))
        async with Coordinator(house=directory, profile="smb") as second:
            await second.accept_tools("other")
            found = {tool.name: tool.side_effect.value for tool in await second.tools() if "/" in tool.name}
            assert found["other/get_run"] == "read-only" and found["other/submit_run"] == "execute"
            step = PlanStep(tool="other/list_tools", input={"words": "act"})
            listed = await second.execute_plan(Plan(goal="look", steps=(step,)))
            assert listed.success and listed.results["s1"]["tools"]
        monkeypatch.delenv("CUGA_INSIDE")
        async with Coordinator(house=directory, profile="smb") as second:
            (drift,) = await second.drift()
            assert "not a public address" in drift.problem or "127.0.0.1" in drift.problem


# --- other people's clients, and over standard input and output ---------------------------------------------------
def cuga_serves(house: Path) -> list[str]:
    return [sys.executable, "-m", "cuga.cli", "mcp", "serve", "--house", str(house), "--inbox", LINK]


def variables() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "CUGA_DURABILITY": "process"}


async def test_over_standard_input_it_is_a_server_for_an_editor(tmp_path):
    directory = house_of(tmp_path / "house", registry_with(""))
    command, *words = cuga_serves(directory)
    async with Client(StdioServerParameters(command=command, args=words, env=variables())) as client:
        begun = await client.call_tool("submit_run", {"goal": "Score Velkarin Foods", "profile": "smb"})
        found = await settled(client, begun.structured_content["run_id"], "parked")
        assert "question" in found["waits_for"][0]


async def test_when_another_process_holds_the_house_the_run_goes_on_there(house):
    """`cuga mcp serve` beside a house that is open: it is a visitor at the desk."""
    from cuga.orchestrator.ipc.desk import Desk

    assembly = await house.open()
    desk = Desk(house, assembly.place.socket)
    await desk.open()
    command, *words = cuga_serves(assembly.place.root)
    async with Client(StdioServerParameters(command=command, args=words, env=variables())) as client:
        begun = await client.call_tool("submit_run", {"goal": "act"})
        found = await settled(client, begun.structured_content["run_id"], "parked")
        assert found["waits_for"][0]["decide_at"].startswith(LINK)
    await desk.close()
    assert [run.run_id for run in await house.runs()] == [begun.structured_content["run_id"]]


async def test_the_typescript_client_speaks_with_it_both_ways(house, tmp_path):
    node, sdk = shutil.which("node"), NODE / "@modelcontextprotocol/sdk"
    if node is None or not sdk.exists():
        pytest.skip("needs Node and the npm package @modelcontextprotocol/sdk, which `make test` installs")
    script = str(ROOT / "tests/servers/client.mjs")
    directory = house_of(tmp_path / "second", registry_with(""))

    async def spoken(*target: str, **more: str) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            node, script, str(sdk), *target, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**variables(), **more}
        )
        out, errors = await asyncio.wait_for(process.communicate(), 40)
        assert process.returncode == 0, errors.decode()
        found: dict[str, Any] = json.loads(out)
        return found

    async with mounted(house) as url:
        answers = [await spoken(*cuga_serves(directory)), await spoken(url, TOKEN="cuga_otto")]
    for found in answers:
        assert found["server"]["name"] == "cuga" and found["tools"] == list(TOOLS)
        assert found["trace"] == found["run"] and found["refused"] is True
