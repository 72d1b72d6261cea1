"""Make the golden journal of a release: `python -m tests.golden.make VERSION`. What is there is never made anew.

A directory for each release: the journal file as that release wrote it, and the hashes of the states that it came to.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import get_args

import msgspec
from tests.golden.stories import stories

from cuga.journal.codec import events_of
from cuga.journal.port import ReadJournal
from cuga.journal.sqlite import SqliteJournal, back_up
from cuga.kernel import house_state
from cuga.kernel.evolve import apply
from cuga.kernel.state import RunState
from cuga.model.event import RunEvent, RunStarted, name_of
from cuga.model.house_event import HouseEvent
from cuga.model.value import digest_bytes, encode
from cuga.projections.statehash import FORMAT, state_hash

HERE = Path(__file__).parent


class Golden(msgspec.Struct):
    """What a stream came to: its last state, and a digest over the states after each event."""

    events: int
    state: str
    way: str


class Release(msgspec.Struct):
    """What a release's journal came to."""

    format: str
    kinds: list[str]
    streams: dict[str, Golden]


async def read(journal: ReadJournal, stream: str) -> Golden:
    """Fold a stream and hash what it came to, event by event. Of specimens each is hashed by itself."""
    events = events_of(await journal.read(stream))
    after: list[str] = []
    if stream.startswith("house/"):
        house = house_state.HouseState()
        for event in events:
            after.append(state_hash(house_state.apply(house, event)))
    elif isinstance(events[0], RunStarted):
        state = RunState(stream)
        for event in events:
            after.append(state_hash(apply(state, event)))
    else:
        after = [state_hash(event) for event in events]
    return Golden(events=len(events), state=after[-1], way=digest_bytes("\n".join(after).encode()))


async def make(version: str, root: Path = HERE) -> Path:
    """Write the journal of this version and what it came to; refuses one that is there."""
    directory = root / version
    directory.mkdir()
    written = directory / "writing.db"
    journal = SqliteJournal(written, durability="process")
    told = stories()
    for stream, (events, pinned) in told.items():
        if pinned is not None:
            await journal.keep_snapshot(encode(pinned.book))
        for at, event in enumerate(events):
            await journal.append(stream, at, [event])
    kinds = sorted({name_of(event) for events, _ in told.values() for event in events})
    release = Release(
        format=FORMAT, kinds=kinds, streams={stream: await read(journal, stream) for stream in sorted(told)}
    )
    await journal.close()
    back_up(written, directory / "journal.db")
    for left in directory.glob("writing.db*"):
        left.unlink()
    (directory / "states.json").write_bytes(msgspec.json.format(encode(release)) + b"\n")
    return directory


def every_kind() -> set[str]:
    """The names of all events that there are now."""
    return {str(kind.__struct_config__.tag) for kind in (*get_args(RunEvent), *get_args(HouseEvent))}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("python -m tests.golden.make VERSION")
    try:
        print(asyncio.run(make(sys.argv[1])))
    except FileExistsError:
        sys.exit(f"{HERE / sys.argv[1]} is there already, and stays as it is")
