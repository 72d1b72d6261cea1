"""How many small changes of kernel, policy and journal the tests notice: a random sample, by mutmut, in a time.

    make mutate                                 make mutate ARGS="--count 500 --seed 2 --minutes 60"

A copy of the sources is mutated, never the sources. A change that the quick tests let pass is then played against the
simulation. What is left is listed with its difference, for a person to judge: a word in a message may change unseen.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".work" / "mutate"
PACE = 100  # mutants a call of mutmut: it orders each call by time, so only whole calls are a fair sample
SCHEDULES = 400
TESTS = ("tests/unit/kernel", "tests/unit/policy", "tests/unit/journal", "tests/contract/test_journal.py")
CONFIG = f"""
[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/cuga/kernel/*.py", "src/cuga/policy/*.py", "src/cuga/journal/*.py"]
do_not_mutate = ["src/cuga/journal/postgres/*.py"]
also_copy = ["docs", "README.md"]
timeout_multiplier = 4.0
pytest_add_cli_args = ["-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider",
                       "-m", "not soak and not kills and not simulation", "-k", "not postgres"]
pytest_add_cli_args_test_selection = {json.dumps(TESTS)}
"""
OUTCOMES = {1: "noticed", 3: "noticed", 0: "unnoticed", 5: "untested", 33: "untested", 24: "endless", 36: "endless"}


def prepare() -> None:
    """The copy that is mutated."""
    PLACE.mkdir(parents=True, exist_ok=True)
    for name in ("src", "tests", "docs"):
        shutil.copytree(ROOT / name, PLACE / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "README.md", PLACE)
    (PLACE / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + CONFIG)


def mutmut(names: Iterable[str], seconds: float) -> bool:
    """Try these mutants; False when the time was over before the end."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names]
    with (PLACE / "mutmut.log").open("ab") as log:
        try:
            subprocess.run(command, cwd=PLACE, stdout=log, stderr=log, check=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
    return True


def results() -> dict[str, str]:
    """What became of every mutant so far."""
    found: dict[str, str] = {}
    for file in (PLACE / "mutants" / "src").rglob("*.meta"):
        codes = json.loads(file.read_text())["exit_code_by_key"]
        found |= {name: OUTCOMES.get(code, "not tried" if code is None else "endless") for name, code in codes.items()}
    return found


def is_noticed_by_schedules(name: str) -> bool:
    """Whether the simulation breaks under a mutant."""
    paths = os.pathsep.join(str(PLACE / "mutants" / one) for one in ("src", "."))
    command = [sys.executable, "-m", "cuga.testing.simulation", "--count", str(SCHEDULES)]
    environment = os.environ | {"MUTANT_UNDER_TEST": name, "PYTHONPATH": paths}
    try:
        done = subprocess.run(
            command, cwd=PLACE / "mutants", env=environment, capture_output=True, check=False, timeout=300
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def difference(name: str) -> str:
    """What a mutant changes."""
    shown = subprocess.run(
        [sys.executable, "-m", "mutmut", "show", name], cwd=PLACE, capture_output=True, text=True, check=False
    ).stdout
    lines = [line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "\n".join([name, *lines])


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, try, and say."""
    parser = argparse.ArgumentParser(prog="make mutate", description="Change the code a little and see who notices.")
    parser.add_argument("--count", type=int, default=300, help="mutants to draw")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=30.0, help="after which no more are begun")
    chosen = parser.parse_args(arguments)
    ends = time.monotonic() + chosen.minutes * 60
    prepare()
    mutmut(["cuga.journal.times.*"], 3_600)  # makes all mutants and learns which test runs which function
    names = sorted(results())
    drawn = Random(chosen.seed).sample(names, min(chosen.count, len(names)))
    tried: list[str] = []
    for at in range(0, len(drawn), PACE):
        left = ends - time.monotonic()
        if left <= 0 or not mutmut(drawn[at : at + PACE], left):
            break
        tried += drawn[at : at + PACE]
    found = results()
    unnoticed = [name for name in tried if found[name] == "unnoticed"]
    caught = {name for name in unnoticed if is_noticed_by_schedules(name)}
    counts = Counter("noticed by schedules" if name in caught else found[name] for name in tried)
    good = counts["noticed"] + counts["endless"] + counts["noticed by schedules"]
    for name in unnoticed:
        if name not in caught:
            print(difference(name))
    print(f"seed {chosen.seed}: {len(tried)} of {len(names):,} mutants; {dict(counts)}")
    run = max(1, len(tried) - counts["untested"])
    print(f"score {good / max(1, len(tried)):.1%}, of those that a test runs {good / run:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
