"""Torn logs: the write-ahead log is cut, or part of it garbled, after everything in it was answered as committed.

A disk that lies about a sync leaves such a file. What can still be read must be an exact beginning of what was written,
and where something is missing, the verifier and the house at its start must say so.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

from cuga.testing.drills import book
from cuga.testing.drills.tally import Tally

PER_BOOK = 100  # trials that share a story
HEADER, FRAME, PAGE = 32, 24, 4096  # of SQLite's log: bytes of its header, of a frame's header, of a page
MANNERS = ("cut", "cut at a frame", "flip", "zeros", "noise", "stale page", "swap")


def spoil(log: bytearray, random: Random) -> str:
    """Do one thing to a log; says what."""
    manner = random.choice(MANNERS)
    frames = (len(log) - HEADER) // (FRAME + PAGE)
    at = random.randrange(len(log))
    frame = HEADER + random.randrange(frames) * (FRAME + PAGE)
    if manner == "cut":
        del log[at:]
    elif manner == "cut at a frame":
        at = frame + random.choice((0, FRAME, FRAME + PAGE // 2))
        del log[at:]
    elif manner == "flip":
        log[at] ^= 1 << random.randrange(8)
    elif manner in ("zeros", "noise"):
        size = min(random.choice((1, 512, PAGE, 3 * PAGE)), len(log) - at)
        log[at : at + size] = bytes(size) if manner == "zeros" else random.randbytes(size)
    elif manner == "stale page":  # a sector that was never written: the page as an earlier frame had it
        other = HEADER + random.randrange(frames) * (FRAME + PAGE) + FRAME
        log[frame + FRAME : frame + FRAME + PAGE] = log[other : other + PAGE]
    else:
        other = HEADER + random.randrange(frames) * (FRAME + PAGE)
        whole = FRAME + PAGE
        log[frame : frame + whole], log[other : other + whole] = (
            log[other : other + whole],
            log[frame : frame + whole],
        )
    return f"{manner} at {min(at, len(log))}"


def drill(base: Path, count: int, seed: int = 0) -> Tally:
    """That many logs, each spoilt once."""
    tally = Tally("torn logs")
    random = Random(f"cuts {seed}")
    written = None
    while tally.trials < count and not tally.is_hopeless:
        if tally.trials % PER_BOOK == 0:
            number = tally.trials // PER_BOOK
            shutil.rmtree(base / "book", ignore_errors=True)
            written = book.write(base / "book", seed * 1_000 + number, prefill=number % 4 == 3)
            if wrong := book.must_hold(book.copy_of(written, base / "spoilt")):
                tally.fault(wrong)
                return tally
        assert written is not None
        directory = book.copy_of(written, base / "spoilt")
        path = directory / f"{book.JOURNAL}-wal"
        log = bytearray(path.read_bytes())
        what = spoil(log, random)
        path.write_bytes(log)
        _judge(tally, written, directory, what)
    return tally


def _judge(tally: Tally, written: book.Written, directory: Path, what: str) -> None:
    named = book.named_by_the_verifier(directory)
    refusal, stored = book.opened(directory)
    told = written.told
    if stored != told[: len(stored)]:
        tally.fault(f"{what}: what is read is no beginning of what was written ({named or 'unnamed'}, {refusal})")
    elif len(stored) == len(told) and not refusal:
        if named:
            tally.fault(f"{what}: all is there, and the verifier says {named}")
        tally.note("whole")
    elif not named or not refusal:
        who = "the verifier" if not named else "the house"
        tally.fault(f"{what}: {len(told) - len(stored)} of {len(told)} events are gone, {who} says nothing")
    else:
        tally.note(f"named {named}")
