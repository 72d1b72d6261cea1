"""What a process is that runs a house: its name, its tuning, and when it must end."""

from __future__ import annotations

import gc
import os
import socket
import sys

from cuga.orchestrator.house.assembly import Assembly

LOST_LEASE = 75  # exit code of a process that was paused for too long: "try again", as sysexits.h has it
GC_THRESHOLD = 50_000  # objects: a young collection per few hundred steps instead of per step
SWITCH_S = 0.0002  # how long a busy thread keeps others from the interpreter


def worker_name() -> str:
    """The name of this process as a driver of runs."""
    return f"{socket.gethostname()}/{os.getpid()}"


def settle_in() -> None:
    """Tune a process that only runs a house: fewer collections, quicker turns between threads."""
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


def end_when_paused(assembly: Assembly) -> None:
    """Let this process end at once when it stood still for longer than its lease: its runs are somebody else's by then.

    For a process that a supervisor starts again; one of several processes on a database, else nothing happens.
    """

    def end(pause: float) -> None:
        os.write(2, f"cuga: this process stood still for {pause:.0f} s and has lost its runs; it ends\n".encode())
        os._exit(LOST_LEASE)

    if assembly.book is not None:
        assembly.engine.on_pause = end  # type: ignore[attr-defined]  # an engine of many machines
