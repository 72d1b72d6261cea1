"""The seal of a house: what it signs, where that is kept, and which journals it refuses to open."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from cuga.errors import BadInput, JournalBehind
from cuga.journal.checkpoint import read_note, signed_part
from cuga.journal.sqlite import SqliteJournal
from cuga.journal.tree import leaf_of, root_of
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house import assemble
from cuga.orchestrator.house.place import Place, make
from cuga.orchestrator.keeping.restoring import put_back
from cuga.orchestrator.keeping.sealing import FileAnchor, read_anchors, seals_of
from cuga.orchestrator.keeping.sealing.keys import holds, key_of, public_keys
from cuga.settings import Settings


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make(tmp_path / "house")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(seals=tmp_path / "seals", anchors=(f"file:{tmp_path / 'elsewhere' / 'anchor'}",), variables={})


async def work(place: Place, settings: Settings, times: int = 1) -> None:
    async with Coordinator(house=place.root, settings=settings, user="ada") as cuga:
        for _ in range(times):
            await cuga.run("Score Acme", profile="technical")


def anchors_of(place: Place, settings: Settings) -> tuple[Path, Path]:
    """The anchor that every house has, and the other one of these tests."""
    own = seals_of(place.root, settings.seals) / "anchor.note"
    return own, Path(settings.anchors[0].removeprefix("file:"))


async def test_a_closed_house_is_sealed_to_its_last_append(place: Place, settings: Settings) -> None:
    await work(place, settings)
    journal = SqliteJournal(place.journal, prefill=False)
    links = await journal.links()
    kept = await journal.checkpoint()
    await journal.close()
    assert kept is not None
    said, signatures = read_note(kept.note)
    assert (said.size, said.position) == (len(links), links[-1][0])
    assert said.root == root_of([leaf_of(*one) for one in links])
    keys = public_keys(seals_of(place.root, settings.seals))
    assert [holds(keys[one], signature, signed_part(kept.note)) for one, signature in signatures.items()] == [True]


async def test_every_anchor_has_the_newest_note(place: Place, settings: Settings) -> None:
    await work(place, settings)
    own, other = anchors_of(place, settings)
    assert own.read_bytes() == other.read_bytes() != b""
    assert not own.resolve().is_relative_to(place.root.resolve()), "an anchor inside the house guards nothing"


async def test_the_key_is_made_once_and_is_its_owners_alone(place: Place, settings: Settings) -> None:
    await work(place, settings)
    directory = seals_of(place.root, settings.seals)
    before = (directory / "seal.key").read_bytes()
    await work(place, settings)
    assert (directory / "seal.key").read_bytes() == before
    assert (directory / "seal.key").stat().st_mode & 0o077 == 0
    assert b"KEY" not in place.journal.read_bytes().replace(b"PRIMARY KEY", b"").replace(b"primary key", b"")


async def test_an_older_file_put_in_its_place_is_not_opened(place: Place, settings: Settings, tmp_path: Path) -> None:
    await work(place, settings)
    shutil.copy(place.journal, tmp_path / "older.db")
    await work(place, settings)
    shutil.copy(tmp_path / "older.db", place.journal)
    with pytest.raises(JournalBehind) as refused:
        await work(place, settings)
    assert refused.value.facts["kind"] == "rolled_back"
    assert "cuga restore" in refused.value.next_step


async def test_another_history_of_the_same_length_is_not_opened(
    place: Place, settings: Settings, tmp_path: Path
) -> None:
    await work(place, settings)
    shutil.copy(place.journal, tmp_path / "older.db")
    own, anchor = anchors_of(place, settings)
    then = own.read_bytes()
    await work(place, settings)
    sealed = own.read_bytes()
    shutil.copy(tmp_path / "older.db", place.journal)
    own.write_bytes(then)
    anchor.unlink()
    await work(place, settings, times=3)  # whoever goes on from the older file can only be found out elsewhere
    anchor.write_bytes(sealed)
    with pytest.raises(JournalBehind) as refused:
        await work(place, settings)
    assert refused.value.facts["kind"] == "forked"


async def test_a_note_that_was_changed_or_is_of_another_key_is_refused(place: Place, settings: Settings) -> None:
    await work(place, settings)
    own, other = anchors_of(place, settings)
    note = own.read_bytes()
    for wrong in (note.replace(b"epoch 1", b"epoch 0"), b"nothing", note.replace(b"cuga/", b"cuga/0", 1)):
        own.write_bytes(wrong)
        with pytest.raises(JournalBehind):
            await work(place, settings)
    own.write_bytes(note)
    (own.parent / "seal.pub").unlink()
    other.write_bytes(b"")
    await work(place, settings)  # the note is the journal's own newest: nothing new is claimed by it
    assert other.read_bytes() == own.read_bytes()


async def test_taking_the_journal_as_it_is_begins_an_epoch_that_a_person_acknowledges(
    place: Place, settings: Settings, tmp_path: Path
) -> None:
    await work(place, settings)
    shutil.copy(place.journal, tmp_path / "older.db")
    await work(place, settings)
    shutil.copy(tmp_path / "older.db", place.journal)
    restored = await put_back(place, None, user="ada")
    assert restored.epoch == 2
    async with Coordinator(house=place.root, settings=settings, user="ada") as cuga:
        assert (await cuga.house()).halted
        sealed = await cuga.sealed()
    assert sealed is not None
    assert sealed.epoch == 2


async def test_work_goes_on_when_an_anchor_cannot_be_written(place: Place, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("a file where a directory should be")
    async with Coordinator(house=place.root, settings=settings, user="ada") as cuga:
        result = await cuga.run("Score Acme", profile="technical")
        assembly = await cuga.open()
        assert assembly.sealer is not None
        await assembly.sealer.seal()
        await assembly.sealer.settle()
        assert result.status.value == "parked"
        findings = {one.what: one for one in await cuga.doctor()}
    assert findings["seal"].state == "broken"
    assert "elsewhere" in findings["seal"].found


def test_a_key_that_was_made_anew_leaves_the_older_one_known(tmp_path: Path) -> None:
    older = key_of(tmp_path, "cuga/1")
    (tmp_path / "seal.key").unlink()
    newer = key_of(tmp_path, "cuga/1")
    assert set(public_keys(tmp_path).values()) == {older.public, newer.public}


def test_a_key_file_that_holds_no_key_is_named(tmp_path: Path) -> None:
    for text in ("", "PRIVATE+KEY+a+b", "PRIVATE+KEY+a+b+!!", "PRIVATE+KEY+a+b+AAAA"):
        (tmp_path / "seal.key").write_text(text)
        with pytest.raises(BadInput, match=r"seal\.key"):
            key_of(tmp_path, "cuga/1")


def test_anchors_are_read_from_words() -> None:
    found = read_anchors(Settings(anchors=("file:/mnt/other/anchor", "syslog")))
    assert [one.name for one in found] == ["file:/mnt/other/anchor", "syslog"]
    assert isinstance(found[0], FileAnchor)
    with pytest.raises(BadInput, match="carrier pigeon"):
        read_anchors(Settings(anchors=("carrier pigeon",)))


async def test_a_place_that_hangs_holds_up_neither_the_others_nor_the_seal(
    place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hanging, "patience_s", 0.2)
    monkeypatch.setattr(assemble, "read_anchors", lambda said: [Hanging(), *read_anchors(said)])
    own, other = anchors_of(place, settings)
    async with Coordinator(house=place.root, settings=settings, user="ada") as cuga:
        sealer = (await cuga.open()).sealer
        assert sealer is not None
        for _ in range(2):
            await cuga.run("Score Acme", profile="technical")
            await sealer.seal()
            async with asyncio.timeout(5):
                while not own.exists() or own.read_bytes() != sealer.note or other.read_bytes() != sealer.note:
                    await asyncio.sleep(0.01)
    assert "hanging: it did not answer in time" in sealer.trouble


class Hanging:
    """A place that takes a note and never answers."""

    name, pace_s, patience_s = "hanging", 0.0, 5.0

    async def keep(self, note: bytes, prove: object) -> None:
        await asyncio.Event().wait()

    async def newest(self, origin: str) -> bytes:
        return b""
