"""How many small changes of kernel, policy and journal the tests notice: a random sample, by mutmut, in a time.

    make mutate                                 make mutate ARGS="--count 500 --seed 2 --minutes 60"
                                                make mutate ARGS="--of journal --seed 2 3"

A copy of the sources is mutated, never the sources. A change that the quick tests let pass is then played against the
simulation, if it lies in what that plays. What is left is listed with its difference, for a person to judge.

What counts: every place in a function that mutmut can change, words of messages included; no pragma leaves anything
out. What it cannot change: constants of modules, fields of classes, functions under a decorator (properties, cached
ones), and SQL, which lies in files of its own. Two rooms are not among them: the binding to Postgres, which has no
quick test, and `journal/port.py`, a protocol whose bodies are never run.
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
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".work" / "mutate"
PACE = 250  # mutants a call of mutmut: it orders each call by time, so only whole calls are a fair sample
FIRST = {  # any one that is tried at once: to make all mutants and time the tests
    "kernel": "cuga.kernel.consent.x_idempotency_key__mutmut_1",
    "policy": "cuga.policy.access.x__no__mutmut_1",
    "journal": "cuga.journal.blobs.x_addressed__mutmut_1",
}
SCHEDULES = 400
PACKAGES = tuple(FIRST)
PLAYED = ("kernel", "policy")  # what the schedules of the simulation run; they keep their book in memory
TESTS = (
    "tests/unit/kernel",
    "tests/unit/policy",
    "tests/unit/journal",
    "tests/contract/test_journal.py",
    "tests/unit/privacy",
    "tests/golden",
)
CONFIG = f"""
[tool.mutmut]
source_paths = ["src"]
do_not_mutate = ["src/cuga/journal/postgres/*.py", "src/cuga/journal/port.py"]
also_copy = ["docs", "README.md"]
timeout_multiplier = 4.0
pytest_add_cli_args = ["-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider",
                       "-m", "not soak and not kills and not simulation", "-k", "not postgres"]
pytest_add_cli_args_test_selection = {json.dumps(TESTS)}
"""
OUTCOMES = {1: "noticed", 3: "noticed", 0: "unnoticed", 5: "untested", 33: "untested", 24: "endless", 36: "endless"}


def prepare(packages: Sequence[str]) -> None:
    """The copy in which these are mutated, made anew: what older tests noticed does not count."""
    if PLACE.exists():
        shutil.rmtree(PLACE)
    PLACE.mkdir(parents=True)
    for name in ("src", "tests", "docs"):
        shutil.copytree(ROOT / name, PLACE / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "README.md", PLACE)
    only = json.dumps([f"src/cuga/{package}/*.py" for package in packages])
    (PLACE / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + CONFIG + f"only_mutate = {only}\n")


def mutmut(names: Iterable[str], seconds: float) -> bool:
    """Try these mutants; False when the time was over before the end."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names]
    with (PLACE / "mutmut.log").open("ab") as log:
        try:
            subprocess.run(command, cwd=PLACE, stdout=log, stderr=log, check=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        except subprocess.CalledProcessError:
            sys.exit(f"mutmut could not go on; the end of {PLACE / 'mutmut.log'} says why")
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


def interval(good: int, of: int) -> str:
    """A share with its 95 % interval (Wilson's, which holds near 100 % as well)."""
    if not of:
        return "-"
    share, z = good / of, 1.96
    middle, wide = share + z * z / (2 * of), z * sqrt(share * (1 - share) / of + (z / (2 * of)) ** 2)
    low, high = ((middle + sign * wide) / (1 + z * z / of) for sign in (-1, 1))
    return f"{share:.1%} ({low:.1%} to {high:.1%})"


def table(fates: Mapping[str, str]) -> list[str]:
    """What became of the changes: a line for each package, and one for all."""
    lines = [
        f"{'':8}{'tried':>7}{'noticed':>9}{'unnoticed':>11}{'untested':>10}   of all{'':20}of those that a test runs"
    ]
    packages = {name: package_of(name) for name in fates}
    for package in (*sorted(set(packages.values())), "all"):
        counts = Counter(fate for name, fate in fates.items() if package in ("all", packages[name]))
        tried, passed, unreached = counts.total(), counts["unnoticed"], counts["untested"]
        good = tried - passed - unreached
        lines.append(
            f"{package:8}{tried:7,}{good:9,}{passed:11,}{unreached:10,}"
            f"   {interval(good, tried):26}{interval(good, tried - unreached)}"
        )
    return lines


def package_of(name: str) -> str:
    """The package that a change lies in."""
    return name.split(".")[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, try, and say."""
    parser = argparse.ArgumentParser(prog="make mutate", description="Change the code a little and see who notices.")
    parser.add_argument("--count", type=int, default=300, help="changes to draw")
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="each draws for itself")
    parser.add_argument("--minutes", type=float, default=30.0, help="after which no more are begun")
    parser.add_argument("--of", nargs="*", default=PACKAGES, choices=PACKAGES, help="the packages to draw from")
    chosen = parser.parse_args(arguments)
    ends = time.monotonic() + chosen.minutes * 60
    prepare(chosen.of)
    mutmut([FIRST[chosen.of[0]]], 3_600)  # makes all mutants and learns which test runs which function
    names = sorted(results())
    for seed in chosen.seed:
        drawn = Random(seed).sample(names, min(chosen.count, len(names)))
        report(seed, len(names), tried(drawn, ends))
    return 0


def tried(drawn: Sequence[str], ends: float) -> dict[str, str]:
    """What became of those that there was time for."""
    done: list[str] = []
    for at in range(0, len(drawn), PACE):
        left = ends - time.monotonic()
        if left <= 0 or not mutmut(drawn[at : at + PACE], left):
            break
        done += drawn[at : at + PACE]
    found = results()
    fates = {name: found[name] for name in done}
    for name in done:
        if fates[name] == "unnoticed" and package_of(name) in PLAYED and is_noticed_by_schedules(name):
            fates[name] = "noticed by schedules"
    return fates


def report(seed: int, of: int, fates: Mapping[str, str]) -> None:
    """Say what came of a sample, and show what nobody noticed."""
    for fate in ("unnoticed", "untested"):
        print(*(f"{fate}: {difference(name)}" for name in sorted(fates) if fates[name] == fate), sep="\n")
    print(f"seed {seed}: {len(fates):,} of {of:,} changes; {dict(Counter(fates.values()))}")
    print(*table(fates), sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
