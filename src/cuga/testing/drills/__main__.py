"""Drills from the command line; see the package."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from cuga.testing.drills import Tally, anchors, cuts, growth, houses, rot, starve

DRILLS: dict[str, Callable[[Path, int, int], Tally]] = {
    "anchors": anchors.drill,
    "clocks": houses.clocks,
    "cuts": cuts.drill,
    "deaths": houses.deaths,
    "disk": starve.drill,
    "disks": houses.disks,
    "growth": growth.drill,
    "rot": rot.drill,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Hold a drill; 1 when it found a fault."""
    parser = argparse.ArgumentParser(prog="python -m cuga.testing.drills", description="Hold a drill.")
    parser.add_argument("drill", choices=DRILLS)
    parser.add_argument("--count", type=int, default=150, help="how many trials")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    quick = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="drill-", dir=quick) as base:
        tally = DRILLS[chosen.drill](Path(base), chosen.count, chosen.seed)
    print(tally.words())
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
