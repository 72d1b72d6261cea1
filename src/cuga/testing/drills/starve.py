"""A disk that is full, fails, can only be read, writes half, or loses its power: at any write, sync or truncation.

Several writers tell a story to a journal on such a disk and note each answer. Afterwards the file is opened on a good
disk: what was answered as committed is there, what was answered as failed is not, the chain and the claims hold.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from random import Random
from typing import NamedTuple

from cuga.errors import CugaError, JournalFailed
from cuga.journal.port import Committed, Conflict, Index
from cuga.journal.sqlite import SqliteJournal, verify_file
from cuga.model.event import Claim, Event
from cuga.testing.drills import book
from cuga.testing.drills.disk import MANNERS, disk
from cuga.testing.drills.tally import Tally

WRITERS, TURNS = 3, 5
VFS = "starved"


class Answers:
    """What a story's writers were told: for each append its stream, its words and what became of it.

    At the first bad answer the files are copied to `image`: what a process leaves that dies there.
    """

    def __init__(self, image: Path | None = None) -> None:
        self.committed: list[tuple[str, str]] = []
        self.failed: list[tuple[str, str]] = []
        self.unknown: list[tuple[str, str]] = []
        self.wrong = ""  # something that no disk excuses
        self.image: Answers | None = None  # what had been told when the files were copied
        self._to = image

    def bad(self, told: list[tuple[str, str]], pair: tuple[str, str], path: Path) -> None:
        """An append was not committed."""
        told.append(pair)
        if self._to is not None and self.image is None:
            self._to.mkdir()
            for file in (path, path.with_name(f"{path.name}-wal")):
                if file.exists():
                    shutil.copy(file, self._to)
            self.image = Answers()
            self.image.committed, self.image.failed = self.committed[:], self.failed[:]
            self.image.unknown = self.unknown[:]


class Trial(NamedTuple):
    """One way for a disk to fail: at which operation, how, and whether from there on."""

    at: int
    manner: str
    lasting: bool


async def _tell(journal: SqliteJournal, answers: Answers) -> None:
    await asyncio.gather(*(_write(journal, answers, f"r{number}") for number in range(WRITERS)))


async def _write(journal: SqliteJournal, answers: Answers, run: str) -> None:
    version = 0
    for turn in range(0, 2 * TURNS, 2):
        first = asyncio.create_task(_append(journal, answers, run, version, turn))
        for _ in range(3):
            await asyncio.sleep(0)  # the first is being written, the second is decided on top of it
        second = _append(journal, answers, run, version + (2 if version else 3), turn + 1)
        is_first, is_second = await asyncio.gather(first, second)
        if Conflict in (is_first, is_second) and (is_first in (Committed, Conflict)):
            answers.wrong = f"{run} is alone and met a conflict at {version}"
        try:
            version = await journal.version(run)
        except CugaError:
            return  # nothing can be asked any more


async def _append(journal: SqliteJournal, answers: Answers, run: str, version: int, turn: int) -> type:
    words = f"{run} turn {turn}"
    claims = (Claim(scope="day", amount=1, limit=book.LIMIT),)
    blob = f"{words} ".encode() * (400 if turn % 3 == 2 else 2)
    events: list[Event] = [book.claiming(words, claims), book.completed(words, blob)]
    if not version:
        events.insert(0, book.started(run))
    index = Index(run=book.row(run), approvals={f"{run}-{turn}": book.card(f"{run}-{turn}", run)})
    try:
        answer = await journal.append(run, version, events, index=index, blobs=[blob])
    except JournalFailed:
        answers.bad(answers.failed, (run, words), journal.path)
        return JournalFailed
    if isinstance(answer, Committed):
        answers.committed.append((run, words))
    elif isinstance(answer, Conflict):
        answers.failed.append((run, words))
    else:
        answers.bad(answers.unknown, (run, words), journal.path)
    return type(answer)


async def _play(path: Path, answers: Answers) -> None:
    try:
        journal = SqliteJournal(path, vfs=VFS, prefill=False)
    except JournalFailed:
        return  # the disk failed as the file was made
    try:
        await journal.keep_snapshot(book.RULES)
        await _tell(journal, answers)
        if not answers.unknown:
            await _sums(journal, answers)
    except JournalFailed:
        pass
    finally:
        await journal.close()


async def _sums(journal: SqliteJournal, answers: Answers) -> None:
    """What the open journal remembers is what it answered."""
    try:
        used = await journal.used("day")
    except CugaError:
        return
    if not answers.unknown and used != len(answers.committed):
        answers.wrong = f"{used} are taken of the day, {len(answers.committed)} appends were committed"


def operations(base: Path) -> list[str]:
    """The writes, syncs and truncations that the story takes on a good disk, in order."""
    with disk(VFS) as good:
        (base / "count").mkdir(parents=True)
        asyncio.run(_play(base / "count" / book.JOURNAL, Answers()))
        shutil.rmtree(base / "count")
        return [one for one in good.seen if not one.startswith("read")]


def drill(base: Path, count: int, seed: int = 0) -> Tally:
    """That many trials, half of them at a sync; with more than there are ways to fail, each of those first."""
    tally = Tally("disk")
    random = Random(f"disk {seed}")
    calls = operations(base)
    every = [
        Trial(at, manner, lasting)
        for at in range(1, len(calls) + 1)
        for manner in MANNERS
        for lasting in ((False,) if manner == "power" else (False, True))
    ]
    syncs = [trial for trial in every if calls[trial.at - 1].startswith("sync")]
    chosen = every if count >= len(every) else []
    while len(chosen) < count:
        chosen.append(random.choice(syncs if len(chosen) % 2 else every))
    for trial in chosen:
        if tally.is_hopeless:
            break
        one(tally, base / "disk", trial, random)
    return tally


def one(tally: Tally, directory: Path, trial: Trial, random: Random) -> None:
    """Tell the story on a disk that fails in one way, and look at what lies there afterwards."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    path, answers = directory / book.JOURNAL, Answers(directory / "dead" if trial.manner != "power" else None)
    with disk(VFS) as bad:
        bad.watch()
        bad.plan(trial.at, trial.manner, lasting=trial.lasting)
        asyncio.run(_play(path, answers))
        if trial.manner == "power":
            bad.cut_the_power(random)
    fault = answers.wrong or _look(path, answers)
    if not fault and answers.image is not None and (fault := _look(directory / "dead" / book.JOURNAL, answers.image)):
        fault = f"had it died at its first bad answer, {fault}"
    what = f"operation {trial.at}, {trial.manner}{' from there on' if trial.lasting else ''}"
    if fault:
        tally.fault(f"{what}: {fault}")
    else:
        tally.note(trial.manner)


def _look(path: Path, answers: Answers) -> str:
    if not answers.committed and not answers.unknown and not answers.failed:
        return ""  # it never came to an answer, and a file that nobody was told of may be anything
    try:
        faults = verify_file(path)
    except CugaError as error:
        return f"it cannot be read any more: {error}"
    if faults:
        return f"{faults[0].kind} at {faults[0].where}: {faults[0].detail}"
    return asyncio.run(_compare(path, answers))


async def _compare(path: Path, answers: Answers) -> str:
    journal = SqliteJournal(path, prefill=False)
    try:
        stored = [one async for one in journal.feed()]
        there = {(one.stream, words) for one in stored if (words := _words(one.body))}
        lost = [pair for pair in answers.committed if pair not in there]
        if lost:
            return f"{lost[0][1]} was answered as committed and is gone"
        risen = [pair for pair in answers.failed if pair in there]
        if risen:
            return f"{risen[0][1]} was answered as failed and is there"
        listed = {row.run_id: row.version for row in await journal.runs(tenant="local")}
        if listed.keys() != {one.stream for one in stored}:
            return f"there are rows of {sorted(listed)}, and other streams"
        for run, version in listed.items():
            if await journal.append(run, version, [book.completed("after")]) != Committed(version=version + 1):
                return f"{run} does not go on"
        return ""
    finally:
        await journal.close()


def _words(body: bytes) -> str:
    """The words of an append, from its event with the claim."""
    start = body.find(b'"message":"')
    return body[start + 11 : body.index(b'"', start + 11)].decode() if start >= 0 else ""
