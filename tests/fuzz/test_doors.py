"""A door takes what it is given or refuses it: what is known, and what fuzzing makes of that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.fuzz.doors import DOORS, given
from tests.fuzz.known import SEEDS, WORDS

ROOT = Path(__file__).resolve().parents[2]
SHORT, LONG = ("--seconds", "1", "--runs", "400"), ("--seconds", "600")  # of each door


def fuzzed(*doors: str, for_as_long_as: Sequence[str]) -> None:
    """Fuzz in processes of their own: what instruments the code cannot be taken back."""
    pytest.importorskip("atheris", reason="there is no coverage-guided fuzzer for this machine and Python")
    command = [sys.executable, "-m", "tests.fuzz", *doors, *for_as_long_as]
    surroundings = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-500:]}\n{done.stderr[-6000:]}"
    assert done.stderr.count("stat::number_of_executed_units") == len(doors)


def test_every_door_has_something_that_it_knows():
    assert set(SEEDS) == set(DOORS) >= set(WORDS)


@pytest.mark.parametrize("door", DOORS)
def test_what_is_known_is_taken_or_refused(door):
    take = DOORS[door].make()
    for seed in SEEDS[door]:
        given(take, seed)
        for cut in range(0, len(seed), max(1, len(seed) // 8)):
            given(take, seed[:cut])
            given(take, seed[:cut] + b"\xff\x00" + seed[cut:])


def test_what_a_moment_of_fuzzing_makes_of_it_is_taken_or_refused():
    fuzzed(*DOORS, for_as_long_as=SHORT)


@pytest.mark.soak
@pytest.mark.parametrize("door", DOORS)
def test_what_ten_minutes_of_fuzzing_make_of_it_is_taken_or_refused(door):
    fuzzed(door, for_as_long_as=LONG)
