"""A house killed at every point around the call of a server's tool: never twice, and what is unknown waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.servers.houses import ROOT, hostile, house_of, registry_with

from cuga.orchestrator import AGENTSCoordinator as Coordinator

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
pytestmark = pytest.mark.kills
MORTAL = Path(__file__).parents[1] / "servers/mortal_mcp.py"
# point -> effects at the death, whether the call may be made by the next process
POINTS = {
    "append.before/approval_received": (0, True),
    "append.after/approval_received": (0, False),  # the intent is in the same append
    "look.after": (0, False),
    "call.before": (0, False),
    "call.after": (1, False),
    "append.before/tool_call_complete": (1, False),
}


def process(house: Path, *point: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "CUGA_DURABILITY": "process"}
    return subprocess.run(
        [sys.executable, str(MORTAL), str(house), *point], capture_output=True, text=True, timeout=60, env=variables
    )


@pytest.mark.parametrize("point", POINTS)
async def test_a_death_at_any_point_repeats_nothing(point, tmp_path):
    ledger = tmp_path / "ledger"
    house = house_of(tmp_path / "house", registry_with(hostile("honest", ledger), "hostile"))
    async with Coordinator(house=house) as open_house:
        await open_house.accept_tools("hostile")
    effects, goes_on = POINTS[point]
    died = process(house, point)
    assert died.returncode == -signal.SIGKILL, died.stdout + died.stderr
    assert (ledger.read_text().split() if ledger.exists() else []) == ["once"] * effects
    ended = process(house)
    assert ended.returncode == 0, ended.stderr
    found = ledger.read_text().split() if ledger.exists() else []
    if goes_on:
        assert found == ["once"] and ended.stdout.startswith("success")
    else:
        assert found == ["once"] * effects and "in doubt" in ended.stdout, ended.stdout
    async with Coordinator(house=house) as open_house:
        assert await open_house.verify() == []
