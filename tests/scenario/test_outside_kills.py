"""A house killed around the call of a tool from outside: never twice without a key, and what is unknown waits."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.servers.houses import ROOT, hostile, house_of, registry_with
from tests.unit.outbound.loopback import Arrived, Loopback, json_reply

from cuga.orchestrator import AGENTSCoordinator as Coordinator

pytestmark = pytest.mark.kills
MORTAL = Path(__file__).parents[1] / "servers/mortal.py"


async def process(house: Path, tool: str, arguments: dict, *point: str, **variables: str) -> tuple[int, str, str]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(MORTAL), str(house), tool, json.dumps(arguments), *point),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "CUGA_DURABILITY": "process", **variables},
    )
    out, errors = await asyncio.wait_for(child.communicate(), 60)
    assert child.returncode is not None
    return child.returncode, out.decode(), errors.decode()


# point -> effects at the death, whether the call is made by the next process
SERVER_POINTS = {
    "append.before/approval_received": (0, True),
    "append.after/approval_received": (0, False),  # the intent is in the same append
    "look.after": (0, False),
    "call.before": (0, False),
    "call.after": (1, False),
    "append.before/tool_call_complete": (1, False),
}


@pytest.mark.parametrize("point", SERVER_POINTS)
async def test_a_death_around_a_servers_tool_repeats_nothing(point, tmp_path):
    pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
    ledger = tmp_path / "ledger"
    house = house_of(tmp_path / "house", registry_with(hostile("honest", ledger), "hostile"))
    async with Coordinator(house=house) as open_house:
        await open_house.accept_tools("hostile")

    def found() -> list[str]:
        return ledger.read_text().split() if ledger.exists() else []

    effects, goes_on = SERVER_POINTS[point]
    code, out, errors = await process(house, "hostile/act", {"what": "once"}, point)
    assert code == -signal.SIGKILL, out + errors
    assert found() == ["once"] * effects
    code, out, errors = await process(house, "hostile/act", {"what": "once"})
    assert code == 0, errors
    if goes_on:
        assert found() == ["once"] and out.startswith("success")
    else:
        assert found() == ["once"] * effects and "in doubt" in out, out
    async with Coordinator(house=house) as open_house:
        assert await open_house.verify() == []


@pytest.mark.parametrize("point", ["call.before", "call.after"])
@pytest.mark.parametrize("keyed", [False, True], ids=["unkeyed", "keyed"])
async def test_a_death_around_an_operation_repeats_nothing_that_has_no_key(keyed, point, tmp_path):
    key = {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}
    made: list[str] = []

    def pay(request: Arrived) -> bytes:
        mark = request.headers.get("idempotency-key", "")
        if not mark or mark not in made:
            made.append(mark)
        return json_reply({"paid": len(made)})

    async with Loopback(pay) as server:
        paths = {"/pay": {"post": {"operationId": "pay", "parameters": [key] if keyed else []}}}
        said = "\nopenapi:\n  bank: {document: bank.json, domain: knowledge}\n"
        house = house_of(tmp_path / "house", registry_with(said, "bank"))
        root = {"openapi": "3.1.0", "servers": [{"url": server.url}], "paths": paths}
        (house / "bank.json").write_text(json.dumps(root))
        code, out, errors = await process(house, "bank/pay", {}, point, CUGA_INSIDE=server.inside)
        assert code == -signal.SIGKILL, out + errors
        before = len(made)
        assert before == (point == "call.after")
        code, out, errors = await process(house, "bank/pay", {}, CUGA_INSIDE=server.inside)
    assert code == 0, errors
    if keyed:
        assert out.startswith("success") and len(made) == 1 and made[0]
    else:
        assert "in doubt" in out and len(made) == before
