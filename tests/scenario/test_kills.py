"""Processes killed with SIGKILL at every boundary: no effect twice, nothing lost, the chain and the budgets hold."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

# what every sweep must have died at, whatever its seeds
POINTS = (
    "append.admitted",
    "append.after/tool_call_start",
    "append.before/tool_call_start",
    "append.before/run_finished",
    "call.after/execute",
    "call.before/execute",
    "commit.begin",
    "commit.done",
    "commit.written",
    "effect.after/execute",
    "effect.after/propose",
)


def swept(count: int, seed: int, durability: str, timeout_s: int) -> str:
    """The words of a sweep of that many kills; a process of its own, since it forks."""
    command = [sys.executable, "-m", "cuga.testing.kills", "--count", str(count), "--seed", str(seed)]
    done = subprocess.run(
        [*command, "--durability", durability], capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kills = re.match(r"(\d+) kills", done.stdout)
    assert kills is not None and int(kills[1]) >= count
    return done.stdout


@pytest.mark.kills
@pytest.mark.parametrize(("seed", "durability"), [(0, "process"), (300, "full")])
def test_a_killed_house_goes_on_and_does_nothing_twice(seed: int, durability: str) -> None:
    words = swept(110, seed, durability, 240)
    assert not [point for point in POINTS if point not in words]


@pytest.mark.soak
def test_twenty_thousand_kills_lose_nothing_and_repeat_nothing() -> None:
    swept(int(os.environ.get("CUGA_KILLS", "20000")), 10_000, "full", 36_000)
