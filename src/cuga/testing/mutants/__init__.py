"""Planted bugs: each breaks one rule of the house while it runs, so that the checks can show that they would see it.

A mutant replaces functions in memory for the length of a `with` block and edits no file. `hunt` plays schedules until
the first one that notices.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cuga.testing import house, simulation
from cuga.testing.mutants import effects, engine, lists, people, plan, scarce, shelves, storage
from cuga.testing.mutants.bed import ENGINE, REGISTER, STORAGE, Bed

__all__ = [
    "ENGINE",
    "REGISTER",
    "STORAGE",
    "effects",
    "engine",
    "hunt",
    "lists",
    "main",
    "people",
    "plan",
    "planted",
    "scarce",
    "shelves",
    "storage",
]


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The house with one bug."""
    bed = Bed()
    (REGISTER | ENGINE | STORAGE)[name](bed)
    try:
        yield
    finally:
        bed.clear()


def hunt(name: str, most: int = 20_000, first: int = 0) -> tuple[int, str]:
    """How many schedules it took to notice a mutant, and what was noticed; 0: nobody did."""
    play = house.play if name in ENGINE else simulation.play
    with planted(name):
        for count in range(1, most + 1):
            fault = play(first + count)
            if fault:
                return count, fault
    return 0, ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Hunt every mutant, or those that are named; 1 when one gets away."""
    parser = argparse.ArgumentParser(prog="python -m cuga.testing.mutants", description="Plant bugs and hunt them.")
    parser.add_argument("names", nargs="*", help="which; all when left out")
    parser.add_argument("--most", type=int, default=20_000, help="schedules before a mutant is given up")
    chosen = parser.parse_args(arguments)
    escaped = 0
    for name in chosen.names or (*REGISTER, *ENGINE):
        count, fault = hunt(name, chosen.most)
        escaped += not count
        print(f"{name:34} {count or 'ESCAPED':>8}  {fault}", flush=True)
    print(f"{len(chosen.names or (*REGISTER, *ENGINE))} mutants, {escaped} escaped")
    return 1 if escaped else 0
