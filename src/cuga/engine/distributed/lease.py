"""What this process has in hand: runs that it advances, each as long as the database says so."""

from __future__ import annotations

import asyncio

from cuga.engine.live import Live
from cuga.kernel.state import RunState


class Lease:
    """A run that this process advances, and the calls whose intents it wrote."""

    __slots__ = ("errands", "is_new", "is_over", "lost", "news", "own", "rests", "run_id", "seen", "worker_id")

    def __init__(self, run_id: str, worker_id: int, *, is_new: bool = False) -> None:
        self.run_id = run_id
        self.worker_id = worker_id  # under which number the database knows us
        self.is_new = is_new  # the append that begins the run takes it into our hands as well
        self.rests = False  # the append that is under way lets it rest, and takes it from our hands
        self.is_over = False  # it does, and nobody has it in hand
        self.lost = False
        self.seen = 0  # the version at the last look at what others did
        self.news = asyncio.Event()  # it rests, was lost, or we are to stop
        self.own: set[tuple[str, int]] = set()  # step and attempt
        self.errands: set[tuple[str, int]] = set()  # of those, the ones that processes of a pool make


def asks_elsewhere(live: Live, state: RunState) -> bool:
    """Whether a model is being asked by a process that lost the run: its reply will not be heard."""
    return state.asking is not None and live.asking != state.asking.call
