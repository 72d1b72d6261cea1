"""The process of one dry run: a wish as JSON on its input, what came of it on its output.

Whatever tools print goes to the other output, and a tool that hangs does not hold the process.
"""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from cuga.errors import CugaError
from cuga.orchestrator.dryrun.answer import Wish
from cuga.orchestrator.dryrun.rehearse import rehearse
from cuga.orchestrator.dryrun.tripwire import Tripwire
from cuga.orchestrator.dryrun.wall import raise_wall
from cuga.orchestrator.ipc.reviving import told


def main() -> None:
    """Rehearse, answer, and be gone."""
    answering = os.dup(1)
    os.dup2(2, 1)
    wish = msgspec.json.decode(sys.stdin.buffer.read(), type=Wish)
    wire = Tripwire(wish.writable)
    walls = ("python", "kernel") if raise_wall(wish.writable) else ("python",)
    wire.arm()
    try:
        body = msgspec.json.encode({"told": asyncio.run(rehearse(wish, wire, walls))})
    except CugaError as error:
        body = msgspec.json.encode({"error": told(error)})
    with open(answering, "wb") as out:
        out.write(body)
    os._exit(0)


if __name__ == "__main__":
    main()
