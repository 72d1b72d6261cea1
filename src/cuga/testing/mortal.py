"""A house that dies: named points, a ledger on the disk, and an outside world that outlives the process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from cuga.journal.port import Appended, Committed, Index
from cuga.journal.sqlite import SqliteJournal, verify_file
from cuga.model.context import Principal
from cuga.model.event import Event, ToolCallStart, name_of
from cuga.model.outcome import Outcome
from cuga.model.value import encode
from cuga.testing.handle import Handle
from cuga.testing.house import House
from cuga.testing.invariants import Broken, Click, check
from cuga.testing.loop import PatientLoop
from cuga.testing.scenes import KEYED, PROBED
from cuga.testing.world import Call, Effect, World

_call = msgspec.json.Decoder(tuple[str, str, int, ToolCallStart, Outcome])
_effect = msgspec.json.Decoder(tuple[str, str, str, str, str, str, datetime])
_click = msgspec.json.Decoder(tuple[str, str, Principal, str])
_told = msgspec.json.Decoder(tuple[str, str, int])

Target = tuple[str, int]  # a point's name, and which passage of it


class Points:
    """Counts the passages of named points and dies at one of them."""

    def __init__(self, target: Target | None) -> None:
        self._target = target
        self.passed: Counter[str] = Counter()

    def __call__(self, point: str) -> None:
        self.passed[point] += 1
        if self._target == (point, self.passed[point]):
            os.kill(os.getpid(), signal.SIGKILL)


class Ledger:
    """Lines that are on the disk before anybody is told."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, *fields: Any, sync: bool = True) -> None:
        os.write(self._file, encode(fields) + b"\n")
        if sync:
            os.fsync(self._file)


class FiledWorld(World):
    """The outside world, kept in a file that outlives the process."""

    def __init__(self, path: Path, points: Points) -> None:
        super().__init__(KEYED, PROBED)
        self.clicks: list[tuple[str, Principal, str]] = []
        self.told: dict[str, int] = {}
        for line in path.read_bytes().splitlines() if path.exists() else ():
            self._remember(line)
        self.ledger = Ledger(path)
        self._points = points

    def _remember(self, line: bytes) -> None:
        match line[2:4]:
            case b"ca":
                self.calls.append(Call(*_call.decode(line)[1:]))
            case b"ef":
                _, run, step, tool, target, key, at = _effect.decode(line)
                self.effects.append(Effect(run, step, tool, target))
                self._seen[key] = at
            case b"cl":
                self.clicks.append(_click.decode(line)[1:])
            case _:
                _, run, version = _told.decode(line)
                self.told[run] = max(version, self.told.get(run, 0))

    def call(self, run: str, version: int, start: ToolCallStart, how: int = 0) -> Outcome:
        kind = start.side_effect.value
        self._points(f"call.before/{kind}")
        outcome = super().call(run, version, start, how)
        self.ledger.write("call", run, version, start, outcome)
        self._points(f"call.after/{kind}")
        return outcome

    def _apply(self, run: str, start: ToolCallStart) -> None:
        before = len(self.effects)
        super()._apply(run, start)
        for effect in self.effects[before:]:
            self.ledger.write("effect", *effect, start.key, start.at)
            self._points(f"effect.after/{start.side_effect.value}")


class ToldHandle(Handle):
    """Passes a point before and after each append, named by what is appended, and notes what it was told."""

    async def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Event],
        *,
        index: Index | None = None,
        blobs: Sequence[bytes] = (),
    ) -> Appended:
        house = self._house
        assert isinstance(house, MortalHouse)
        kind = name_of(events[-1])
        house.points(f"append.before/{kind}")
        answer = await self._journal.append(stream, expected, events, index=index, blobs=blobs)
        if isinstance(answer, Committed):
            house.filed.ledger.write("told", stream, answer.version, sync=False)
            house.record.note(stream, expected, len(events), house.current)
        house.points(f"append.after/{kind}")
        return answer


class MortalHouse(House):
    """One seed's house in a directory, gone on with by one process after another."""

    may_live_on = False

    def __init__(self, seed: int, loop: PatientLoop, directory: Path, points: Points, durability: str) -> None:
        self.points = points
        self.path = directory / "journal.db"
        self.filed = FiledWorld(directory / "ledger", points)
        self.sqlite = SqliteJournal(self.path, on_point=points, prefill=False, durability=durability)
        super().__init__(seed, loop, self.sqlite, self.filed)
        self.record.clicks = [Click(approval, by, digest, self.current) for approval, by, digest in self.filed.clicks]

    def _hold(self) -> Handle:
        return ToldHandle(self)

    async def _click(self, run: str, request: Any, by: Any, verdict: Any) -> None:
        self.filed.ledger.write("click", request.approval_id, by, request.digest, sync=False)
        await super()._click(run, request, by, verdict)

    async def play(self) -> None:
        await self.sqlite.keep_snapshot(encode(self.setting.rules.book))
        for run in self.record.courses:
            if not await self.journal.version(run):
                await self._begin(run)
        await self.engine.sweep()
        for _ in range(2):
            await asyncio.sleep(1)
            await self._try(self._person())
        await self._until_the_end()
        self.record.streams = {run: await self._events(run) for run in self.record.courses}
        for run, version in self.filed.told.items():
            if len(self.record.streams[run]) < version:
                raise Broken(f"I1: {run} lost what somebody was told: {version} events")
        self.record.appends.clear()
        check(self.record)
        await self._check_rows()
        await self.engine.close(grace_s=0)
        await self.sqlite.close()
        faults = verify_file(self.path)
        if faults:
            raise Broken(f"I6: the file does not hold: {faults}")
