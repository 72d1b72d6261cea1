"""Bit rot: one bit of a sealed book is turned over, in the file, its log, a blob, a note or the anchor.

Either somebody names it (the independent verifier, the journal's own check, or the check of the rows beside the
streams), or it is harmless: every row of every table reads as before, and SQLite finds its own structure whole. And
however that is, a house that reads the book never gets other bytes than those that were written.
"""

from __future__ import annotations

import asyncio
import base64
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import apsw

from cuga.errors import CugaError
from cuga.journal.port import Stored
from cuga.journal.sqlite import ReadOnly, SqliteJournal
from cuga.journal.sqlite.row import as_bytes
from cuga.model.value import digest_bytes
from cuga.projections.check import check_rows
from cuga.testing.drills import book
from cuga.testing.drills.tally import Tally
from cuga.testing.invariants import Broken
from cuga.testing.loop import PatientLoop
from cuga.testing.mortal import MortalHouse, Points

PER_BOOK = 25
_DIGESTS = re.compile(rb'digest":"([0-9a-f]{64})"')
Place = tuple[str, int, int]  # file, first byte, how many


def lived(directory: Path, seed: int) -> book.Written:
    """The book of a house that really ran: its rows are folds of its streams."""
    directory.mkdir(parents=True)
    loop = PatientLoop()
    asyncio.set_event_loop(loop)
    try:
        loop.run(MortalHouse(seed, loop, directory, Points(None), "process").play())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    told = asyncio.run(_seal(directory))
    shutil.copy(directory / book.JOURNAL, directory / f"closed-{book.JOURNAL}")
    return book.Written(directory, told)


async def _seal(directory: Path) -> list[Stored]:
    journal = SqliteJournal(directory / book.JOURNAL, prefill=False)
    sealer = book.sealer_of(journal, directory)
    await sealer.open()
    await sealer.seal()
    await sealer.settle()
    told = [stored async for stored in journal.feed()]
    await journal.close()
    return told


def everything(path: Path) -> list[Any]:
    """Every row of every table, by the table and by each of its indexes; raises `apsw.Error` where that fails."""
    connection = apsw.Connection(str(path))
    try:
        found: list[Any] = [connection.execute("pragma integrity_check").fetchall()]
        names = [name for (name,) in connection.execute("select name from sqlite_schema where type = 'table'")]
        found += [connection.execute("select * from sqlite_schema").fetchall()]
        for name in sorted(names):
            rows = connection.execute(f'select * from "{name}"').fetchall()
            if name == "checkpoint":
                rows = [(size, at, signed(as_bytes(note)), peaks) for size, at, note, peaks in rows]
            found.append(sorted(rows, key=repr))
        return found
    finally:
        connection.close()


def signed(note: bytes) -> tuple[bytes, list[bytes]]:
    """What of a note counts: the text that is signed and the signatures, not the name beside a signature."""
    text, _, tail = note.partition(b"\n\n")
    coded = [line.rpartition(b" ")[2] for line in tail.splitlines()]
    try:
        return text, [base64.b64decode(one) for one in coded]
    except ValueError:
        return text, coded


def places(directory: Path) -> dict[str, list[Place]]:
    """Where to spoil: whole files, and the bytes of what the book keeps wherever they lie whole."""
    files = [path.name for path in (directory / book.JOURNAL, directory / f"{book.JOURNAL}-wal") if path.exists()]
    found: dict[str, list[Place]] = {"anchor": [(book.ANCHOR, 0, (directory / book.ANCHOR).stat().st_size)]}
    for name in files:
        found["log" if name.endswith("wal") else "file"] = [(name, 0, (directory / name).stat().st_size)]
    connection = apsw.Connection(str(directory / book.JOURNAL), flags=apsw.SQLITE_OPEN_READONLY)
    kept: list[tuple[str, str]] = [
        ("events", "select events from journal"),
        ("link", "select hash from journal"),
        ("blob", "select body from blob"),
        ("note", "select note from checkpoint"),
        ("peaks", "select peaks from checkpoint"),
        ("table", "select cast(sql as blob) from sqlite_schema where sql is not null"),
    ]
    for kind, query in kept:
        wanted = [as_bytes(value) for (value,) in connection.execute(query)]
        for name in files:
            whole = (directory / name).read_bytes()
            found.setdefault(kind, []).extend(
                (name, at, len(value)) for value in wanted if (at := whole.rfind(value)) >= 0
            )
    connection.close()
    return {kind: spots for kind, spots in found.items() if spots}


def drill(base: Path, count: int, seed: int = 0) -> Tally:
    """That many bits, each turned over alone."""
    tally = Tally("bit rot")
    random = Random(f"rot {seed}")
    while tally.trials < count and not tally.is_hopeless:
        if tally.trials % PER_BOOK == 0:
            shutil.rmtree(base / "book", ignore_errors=True)
            number = seed * 1_000 + tally.trials // PER_BOOK
            is_lived = (tally.trials // PER_BOOK) % 2 == 0
            try:
                written = (lived if is_lived else book.write)(base / "book", number)
            except Broken as broken:
                tally.fault(str(broken))
                return tally
            if wrong := book.must_hold(book.copy_of(written, base / "whole", with_log=not is_lived)):
                tally.fault(wrong)
                return tally
            whole = book.copy_of(written, base / "whole", with_log=not is_lived)
            spots = places(whole)
            if not is_lived:
                whole = book.copy_of(written, base / "whole")
            before = everything(base / "whole" / book.JOURNAL)
        directory = book.copy_of(written, base / "spoilt", with_log=not is_lived)
        kind = random.choice(list(spots))
        name, first, size = random.choice(spots[kind])
        at, bit = first + random.randrange(size), random.randrange(8)
        with (directory / name).open("r+b") as file:
            file.seek(at)
            (old,) = file.read(1)
            file.seek(at)
            file.write(bytes([old ^ 1 << bit]))
        _judge(tally, written, directory, before, f"{kind}, bit {bit} of byte {at} of {name}", kind, is_lived)
    return tally


def _judge(
    tally: Tally, written: book.Written, directory: Path, before: list[Any], what: str, kind: str, is_lived: bool
) -> None:
    named = book.named_by_the_verifier(directory)
    by_house = "" if named else book.named_by_the_house(directory)
    reads = asyncio.run(_reads(directory, written))
    if reads:
        tally.fault(f"{what}: {reads}")
        return
    if named or by_house:
        tally.note(f"{kind} named")
        return
    if is_lived and asyncio.run(_rows(directory)):
        tally.note(f"{kind} named as a row")
        return
    try:
        after = everything(directory / book.JOURNAL)
    except (apsw.Error, UnicodeDecodeError) as error:
        tally.fault(f"{what}: nobody says anything, and SQLite: {error}")
        return
    if after == before:
        tally.note(f"{kind} harmless")
    elif _only_notes(before, after):
        tally.note(f"{kind} harmless: a note is gone, the anchor holds it")
    elif not is_lived and _only_rows(before, after):
        tally.note(f"{kind} of a row that this book's story made up")
    else:
        tally.fault(f"{what}: nobody says anything, and {_differences(before, after)}")


def _only_rows(before: list[Any], after: list[Any]) -> bool:
    """Whether nothing but rows beside the streams differs: a told story's rows are no folds, so nobody can judge."""
    names = sorted(one[1] for one in before[1] if one[0] == "table")
    differ = {name for name, one, other in zip(names, before[2:], after[2:], strict=False) if one != other}
    return before[:2] == after[:2] and differ <= {"runs", "approval"}


def _only_notes(before: list[Any], after: list[Any]) -> bool:
    """Whether nothing but a checkpoint is gone: the verifier found the whole record under the anchor, which has it."""
    pairs = [(one, other) for one, other in zip(before, after, strict=False) if one != other]
    return len(pairs) == 1 and _is_checkpoint(pairs[0][0]) and all(one in pairs[0][0] for one in pairs[0][1])


def _is_checkpoint(rows: Any) -> bool:
    return bool(rows) and all(len(one) == 4 and isinstance(one[2], tuple) for one in rows)


def _differences(before: list[Any], after: list[Any]) -> str:
    if before[0] != after[0]:
        return f"SQLite finds {after[0]}"
    pairs = [(one, other) for one, other in zip(before[1:], after[1:], strict=False) if one != other]
    return f"this differs: {str(pairs)[:300]}"


async def _rows(directory: Path) -> bool:
    try:
        journal = ReadOnly(directory / book.JOURNAL)
    except CugaError:
        return True
    try:
        return bool(await check_rows(journal))
    except (CugaError, ValueError, TypeError, KeyError, OverflowError):
        return True
    finally:
        await journal.close()


async def _reads(directory: Path, written: book.Written) -> str:
    """What a reader gets that was never written; empty: nothing."""
    try:
        journal = ReadOnly(directory / book.JOURNAL)
    except CugaError:
        return ""
    whole: dict[str, list[Stored]] = {}
    for one in written.told:
        whole.setdefault(one.stream, []).append(one)
    bodies: Callable[[list[Stored]], list[bytes]] = lambda stored: [one.body for one in stored]  # noqa: E731
    try:
        for stream, stored in whole.items():
            try:
                got = await journal.read(stream)
            except CugaError:
                continue
            if bodies(got) != bodies(stored)[: len(got)]:
                return f"{stream} is read with other bytes than were written"
        for digest in {ref for one in written.told for ref in _DIGESTS.findall(one.body)}:
            try:
                body = await journal.blob(digest.decode())
            except CugaError:
                continue
            if digest_bytes(body).encode() != digest:
                return f"a blob is read with other bytes than {digest.decode()}"
        return ""
    finally:
        await journal.close()
