"""Every journal that a release has written comes to the same states on this version, event by event."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.golden.make import HERE, Release, every_kind, make, read

import cuga
from cuga.journal.codec import events_of
from cuga.journal.sqlite import SqliteJournal, verify_file
from cuga.kernel.evolve import fold
from cuga.model.event import RunStarted
from cuga.policy.judge import Rules
from cuga.policy.profile import Rulebook
from cuga.projections.replay import replay
from cuga.projections.statehash import canonical, state_hash

RELEASES = sorted(path.parent.name for path in HERE.glob("*/states.json"))


def expected(release: str) -> Release:
    return msgspec.json.decode((HERE / release / "states.json").read_bytes(), type=Release)


@pytest.fixture
async def journal(release: str, tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    shutil.copyfile(HERE / release / "journal.db", tmp_path / "journal.db")
    opened = SqliteJournal(tmp_path / "journal.db", durability="process")
    yield opened
    await opened.close()


def test_this_version_has_a_golden_journal() -> None:
    assert cuga.__version__ in RELEASES


@pytest.mark.parametrize("release", RELEASES)
async def test_a_journal_comes_to_the_states_that_it_came_to_when_it_was_written(
    release: str, journal: SqliteJournal
) -> None:
    told = expected(release)
    assert {stream: await read(journal, stream) for stream in told.streams} == told.streams


@pytest.mark.parametrize("release", RELEASES)
async def test_a_golden_journal_is_whole_and_its_runs_can_be_decided_again(
    release: str, journal: SqliteJournal
) -> None:
    assert verify_file(journal.path) == []
    again = 0
    for stream in expected(release).streams:
        events = events_of(await journal.read(stream))
        if isinstance(events[0], RunStarted):
            book = msgspec.json.decode(await journal.blob(events[0].policy_digest), type=Rulebook)
            again += len(replay(stream, events, Rules(book)))
    assert again > 50


async def test_what_would_be_kept_of_this_version_has_every_kind_of_event_and_is_never_made_anew(
    tmp_path: Path,
) -> None:
    one = await make("next", tmp_path)
    release = msgspec.json.decode((one / "states.json").read_bytes(), type=Release)
    assert set(release.kinds) == every_kind()
    assert {
        "approved",
        "amended",
        "list",
        "doubt-again",
        "replanned",
        "model",
        "crashed",
        "budget-park",
        "delegated",
    } <= {*release.streams}
    with pytest.raises(FileExistsError):
        await make("next", tmp_path)
    again = await make("again", tmp_path)
    assert (again / "states.json").read_bytes() == (one / "states.json").read_bytes()


@pytest.mark.parametrize("release", RELEASES[-1:])
async def test_the_hash_hangs_on_what_a_state_says_and_not_on_how_it_is_held(
    release: str, journal: SqliteJournal
) -> None:
    events = events_of(await journal.read("approved"))
    state = fold("approved", events)
    before = state_hash(state)
    for name in ("phase", "outputs", "attempt", "used"):
        setattr(state, name, dict(reversed(getattr(state, name).items())))
    assert state_hash(state) == before
    state.used = {**state.used, "calls": state.used["calls"] + 1}
    assert state_hash(state) != before
    assert canonical(state).isascii()
