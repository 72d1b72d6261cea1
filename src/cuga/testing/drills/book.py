"""A sealed journal to be spoilt: what was written, what was answered, and everybody who could name a fault.

The story holds every kind of thing a journal keeps: events with claims, blobs, snapshots, rows, approvals, checkpoints.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import runpy
import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

import cuga
from cuga.errors import CugaError, JournalBehind
from cuga.journal.port import Committed, Index, OpenApproval, RunRow, Stored
from cuga.journal.sqlite import SqliteJournal, verify_file
from cuga.model.context import Principal
from cuga.model.event import (
    Annotation,
    Claim,
    Event,
    RunFinished,
    RunStarted,
    Status,
    ToolCallComplete,
    ToolCallError,
)
from cuga.model.failure import FailureMode
from cuga.model.outcome import BlobRef, Certainty
from cuga.model.value import digest_bytes
from cuga.orchestrator.keeping.sealing import FileAnchor, Sealer
from cuga.testing.factories import AT

JOURNAL, ANCHOR, SEALS = "journal.db", "anchor.note", "seals"
RULES = b"the rules of a drill"
LIMIT = 1 << 40


class Written(NamedTuple):
    """A book as it lay on the disk at one moment, with everything that had been answered by then."""

    directory: Path
    told: list[Stored]


def started(run: str) -> Event:
    """The first event of a run."""
    return RunStarted(
        at=AT, goal="sell more", profile="strict", policy_digest=digest_bytes(RULES), tenant="local",
        requester=Principal(id="ada"), trace_id=run,
    )  # fmt: skip


def completed(words: str, blob: bytes = b"") -> Event:
    """A call that came back, perhaps with bytes out of line. Its result is written as a tool wrote it."""
    kept = BlobRef(digest=digest_bytes(blob), size=len(blob)) if blob else None
    result = msgspec.Raw(b'{"said": %b, "sum": 1.50}' % msgspec.json.encode(words))
    return ToolCallComplete(at=AT, step="s1", attempt=1, result=result, blob=kept)


def claiming(words: str, claims: tuple[Claim, ...]) -> Event:
    """A call of which nobody knows, with what it took."""
    return ToolCallError(
        at=AT, step="s1", attempt=1, mode=FailureMode.SYSTEM_NETWORK, certainty=Certainty.UNKNOWN, message=words,
        claims=claims,
    )  # fmt: skip


def row(run: str, status: Status = Status.RUNNING, minutes: int = 0) -> RunRow:
    """The line of a run."""
    at = AT + timedelta(minutes=minutes)
    return RunRow(
        status=status, tenant="local", profile="strict", goal="sell more", requester="ada", trace_id=run,
        reason="", wake_at=None, started_at=AT, updated_at=at,
    )  # fmt: skip


def card(approval: str, run: str) -> OpenApproval:
    """The line of an open request."""
    return OpenApproval(
        approval_id=approval, tenant="local", run_id=run, step="s1", tool="send", side_effect="execute", risk="high",
        expires_at=AT + timedelta(days=1), requested_at=AT, requesters=("ada",), digest="d" * 64,
    )  # fmt: skip


class Turn(NamedTuple):
    """One append of the story."""

    stream: str
    events: Sequence[Event]
    rows: Index | None
    blobs: Sequence[bytes] = ()


def turns(random: Random, runs: int, length: int) -> list[Turn]:
    """A story: each run begins, works, asks and ends; the runs are mixed as they would be."""
    lanes: list[list[Turn]] = []
    for number in range(runs):
        run = f"r{number}"
        lane = [Turn(run, [started(run)], Index(run=row(run)))]
        for turn in range(length):
            claims = (Claim(scope="day", amount=1, limit=LIMIT), Claim(scope=f"run/{run}", amount=2, limit=LIMIT))
            blob = random.randbytes(random.choice((300, 9_000))).hex().encode() if random.random() < 0.25 else b""
            events: list[Event] = [claiming(f"{run} {turn}", claims), completed(f"{run} {turn}", blob)]
            if random.random() < 0.3:
                events.append(Annotation(at=AT, text="words " * random.choice((1, 20, 400))))
            approval = f"{run}-a{turn // 2}"
            index = Index(approvals={approval: card(approval, run) if turn % 2 == 0 else None})
            lane.append(Turn(run, events, index, (blob,) if blob else ()))
        end = RunFinished(at=AT, status=Status.SUCCESS, reason="done")
        lane.append(Turn(run, [end], Index(run=row(run, Status.SUCCESS, 1))))
        lanes.append(lane)
    mixed: list[Turn] = []
    while lanes := [lane for lane in lanes if lane]:
        mixed.append(random.choice(lanes).pop(0))
    return mixed


def write(directory: Path, seed: int, *, runs: int = 3, length: int = 6, prefill: bool = False) -> Written:
    """Tell a story into a new journal, sealing now and then and at the end; what lies there is as a crash leaves it."""
    return asyncio.run(_write(directory, seed, runs, length, prefill))


async def _write(directory: Path, seed: int, runs: int, length: int, prefill: bool) -> Written:
    random = Random(f"book {seed}")
    live = directory / "live"
    live.mkdir(parents=True)
    journal = SqliteJournal(live / JOURNAL, prefill=prefill)
    sealer = sealer_of(journal, directory)
    await sealer.open()
    await journal.keep_snapshot(RULES)
    versions: dict[str, int] = {}
    story = turns(random, runs, length)
    for number, turn in enumerate(story, 1):
        before = versions.get(turn.stream, 0)
        answer = await journal.append(turn.stream, before, turn.events, index=turn.rows, blobs=turn.blobs)
        if answer != Committed(version=before + len(turn.events)):
            raise AssertionError(f"the story could not be told: {answer}")
        versions[turn.stream] = answer.version
        if number in (len(story) // 3, len(story)):
            await sealer.seal()
            await sealer.settle()
    told = [stored async for stored in journal.feed()]
    for name in (JOURNAL, f"{JOURNAL}-wal"):
        shutil.copy(live / name, directory / name)
    await journal.close()
    (live / f"{JOURNAL}.ballast").replace(directory / f"{JOURNAL}.ballast")
    shutil.copy(live / JOURNAL, directory / f"closed-{JOURNAL}")
    shutil.rmtree(live)
    return Written(directory, told)


def sealer_of(journal: SqliteJournal, directory: Path) -> Sealer:
    """A sealer whose key and anchor lie in a directory."""
    return Sealer(journal, 1, directory / SEALS, [FileAnchor(directory / ANCHOR)])


def must_hold(directory: Path) -> str:
    """What is wrong with a book that nobody has touched; empty: nothing."""
    if named := named_by_the_verifier(directory) or named_by_the_house(directory):
        return f"a book that nobody touched: {named}"
    return ""


def copy_of(book: Written, directory: Path, *, with_log: bool = True) -> Path:
    """Another lying of the same book, to be spoilt. Its reserve is shared: a megabyte nobody looks at."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    names = (JOURNAL, f"{JOURNAL}-wal") if with_log else (f"closed-{JOURNAL}",)
    for name in (*names, ANCHOR):
        shutil.copy(book.directory / name, directory / name.removeprefix("closed-"))
    shutil.copytree(book.directory / SEALS, directory / SEALS)
    os.link(book.directory / f"{JOURNAL}.ballast", directory / f"{JOURNAL}.ballast")
    return directory


@cache
def _verifier() -> Callable[[list[str]], int]:
    """The independent verifier, loaded as the lone file that an auditor has."""
    main: Callable[[list[str]], int] = runpy.run_path(str(Path(cuga.__file__).with_name("verify.py")))["main"]
    return main


def named_by_the_verifier(directory: Path) -> str:
    """The first fault that `cuga verify` names, "cannot be checked", or nothing."""
    words = [str(directory / JOURNAL), "--json", "--all-signatures"]
    words += ["--key", str(directory / SEALS / "seal.pub"), "--anchor", str(directory / ANCHOR)]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        code = _verifier()(words)
    if code == 2:
        return "cannot be checked"
    faults: list[dict[str, Any]] = json.loads(said.getvalue())["faults"]
    return faults[0]["kind"] if faults else ""


def named_by_the_house(directory: Path) -> str:
    """The first fault that the journal's own check names, or nothing."""
    try:
        faults = verify_file(directory / JOURNAL)
    except CugaError as error:
        return error.code
    return faults[0].kind if faults else ""


class Opened(NamedTuple):
    """What a house says that opens a book: why it refuses, or what it reads."""

    refusal: str
    stored: list[Stored]


def opened(directory: Path) -> Opened:
    """Open a book as its house does: hold it against the anchor, read every event, and write one more."""
    return asyncio.run(_opened(directory))


async def _opened(directory: Path) -> Opened:
    stored: list[Stored] = []
    try:
        journal = SqliteJournal(directory / JOURNAL, prefill=False)
    except CugaError as error:
        return Opened(error.code, stored)
    try:
        await sealer_of(journal, directory).open()
        stored = [one async for one in journal.feed()]
        for stream in sorted({one.stream for one in stored}):
            await journal.read(stream)
        version = await journal.version("after")
        if await journal.append("after", version, [Annotation(at=AT, text="on")]) != Committed(version=version + 1):
            return Opened("nothing can be written", stored)
    except JournalBehind as error:
        return Opened(f"behind: {error.facts.get('kind', '')}", [one async for one in journal.feed()])
    except CugaError as error:
        return Opened(error.code, stored)
    finally:
        with contextlib.suppress(CugaError):
            await journal.close()
    return Opened("", stored)
