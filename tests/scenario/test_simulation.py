"""Schedules, planted bugs and deaths in numbers: the promises hold, and the checks would see it if they did not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cuga.testing import house, mutants, simulation
from cuga.testing.loop import JumpingLoop

MOST = 20_000  # schedules within which a planted bug must be noticed
SLICE = 2_500


@pytest.mark.simulation
@pytest.mark.parametrize("first", range(0, 20_000, SLICE))
def test_no_schedule_breaks_a_promise(first: int) -> None:
    assert simulation.play_many(range(first, first + SLICE)) == []


@pytest.mark.simulation
@pytest.mark.parametrize("first", [0, 5_000])
def test_the_real_engine_keeps_the_promises_too(first: int) -> None:
    loop = JumpingLoop()
    faults = {seed: fault for seed in range(first, first + 400) if (fault := house.play(seed, loop))}
    loop.close()
    assert faults == {}


@pytest.mark.simulation
@pytest.mark.parametrize("name", sorted(mutants.REGISTER | mutants.ENGINE))
def test_a_planted_bug_is_noticed(name: str) -> None:
    count, fault = mutants.hunt(name, MOST)
    assert count, f"{name} was not noticed in {MOST:,} schedules: {(mutants.REGISTER | mutants.ENGINE)[name].__doc__}"
    assert fault


@pytest.mark.simulation
def test_nothing_is_left_of_a_planted_bug() -> None:
    for name in mutants.REGISTER | mutants.ENGINE:
        with mutants.planted(name):
            pass
    assert simulation.play_many(range(300)) == []


@pytest.mark.simulation
def test_a_seed_is_played_again_event_by_event() -> None:
    assert simulation.trace(4711) == simulation.trace(4711)
    command = [sys.executable, "-m", "cuga.testing.simulation", "--seed", "4711", "--trace"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    assert shown.startswith("seed 4711") and '"type":"run_finished"' in shown and shown.endswith("no fault\n")


@pytest.mark.soak
def test_a_million_schedules_break_nothing() -> None:
    assert simulation.play_all(range(1_000_000), processes=2) == []


@pytest.mark.soak
def test_a_hundred_thousand_schedules_on_the_real_engine_break_nothing() -> None:
    loop = JumpingLoop()
    faults = {seed: fault for seed in range(100_000) if (fault := house.play(seed, loop))}
    assert faults == {}
