"""Two houses on loopback: one seals, the other is its witness; and what each does when the other is away, or lies."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest
from tests.doors.http_house import unlimited

from cuga import verify
from cuga.api.serve import served
from cuga.errors import BadInput, JournalBehind
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import Place, make
from cuga.orchestrator.keeping.restoring import put_back
from cuga.orchestrator.keeping.sealing import copies, seals_of
from cuga.settings import Settings

INSIDE = ("127.0.0.1",)


class Two:
    """A house `a` and its witness `b`, which is served or not."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.place = make(base / "a")
        self.other = make(base / "b")
        self.port = 0
        self.settings = Settings(seals=base / "seals", inside=INSIDE, variables={})

    @contextlib.asynccontextmanager
    async def witness(self) -> AsyncIterator[Coordinator]:
        """The other house, served where it was served before."""
        async with (
            Coordinator(house=self.other.root, settings=replace(self.settings, anchors=()), user="bea") as front,
            served(front, port=self.port) as doors,
        ):
            doors.rates = unlimited()
            self.port = doors.port
            key = await front.witness_key()
            self.settings = replace(self.settings, anchors=(f"witness:{self.url}#{key}",))
            yield front

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/witness"

    def house(self) -> Coordinator:
        return Coordinator(house=self.place.root, settings=self.settings, user="ada")

    async def work(self, times: int = 1) -> None:
        async with self.house() as cuga:
            for _ in range(times):
                await cuga.run("Score Acme", profile="technical")

    async def word(self) -> str:
        async with Coordinator(house=self.place.root, settings=replace(self.settings, anchors=()), user="ada") as cuga:
            await cuga.run("Score Acme", profile="technical")
        async with Coordinator(house=self.place.root, settings=replace(self.settings, anchors=()), user="ada") as cuga:
            sealed = await cuga.sealed()
            assert sealed is not None
            return sealed.key

    def own_anchor(self) -> Path:
        return seals_of(self.place.root, self.settings.seals) / "anchor.note"

    def keep(self, name: str) -> None:
        """A copy of everything on the machine of `a`: what somebody who holds it can put back."""
        shutil.copy(self.place.journal, self.base / f"{name}.db")
        shutil.copy(self.own_anchor(), self.base / f"{name}.note")

    def put(self, name: str) -> None:
        shutil.copy(self.base / f"{name}.db", self.place.journal)
        shutil.copy(self.base / f"{name}.note", self.own_anchor())


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


async def seen(front: Coordinator) -> list[tuple[int, int]]:
    (one,) = await front.witnessed()
    return [(epoch.epoch, epoch.size) for epoch in one.epochs]


async def seal_of(cuga: Coordinator) -> tuple[str, str]:
    """State and words of the finding about the seal, after everything was tried."""
    assembly = await cuga.open()
    assert assembly.sealer is not None
    await assembly.sealer.seal()
    await assembly.sealer.settle()
    found = {one.what: one for one in await cuga.doctor()}["seal"]
    return found.state, found.found


async def test_what_is_sealed_is_kept_by_the_other_house_and_an_auditor_takes_it_from_there(two: Two) -> None:
    word = await two.word()
    async with two.witness() as front:
        origin = await front.trust_origin(word, "Birch Ltd")
        await two.work(2)
        async with two.house() as cuga:
            sealed = await cuga.sealed()
            assert sealed is not None and sealed.trouble == ""
            assert (await seal_of(cuga))[0] == "ok"
        (size,) = [size for _, size in await seen(front)]
        async with httpx2.AsyncClient() as http:
            answer = await http.get(f"{two.url}/{sha256(origin.encode()).hexdigest()}/checkpoint")
        assert answer.status_code == 200 and answer.text == await front.witnessed_note(origin)
        (two.base / "witness.note").write_bytes(answer.content)
    command = [sys.executable, "-I", verify.__file__, str(two.place.journal), "--key", word]
    command += ["--anchor", str(two.base / "witness.note")]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert answer.text.splitlines()[1] == str(size)


async def test_a_journal_that_was_set_back_with_all_that_lay_on_its_machine_is_not_opened(two: Two) -> None:
    word = await two.word()
    async with two.witness() as front:
        await front.trust_origin(word)
        await two.work()
        two.keep("older")
        await two.work()
        two.put("older")
        before = await seen(front)
        with pytest.raises(JournalBehind, match="witness:http") as refused:
            await two.work()
        assert refused.value.facts["kind"] == "rolled_back"
        assert "cuga restore" in refused.value.next_step
        assert await seen(front) == before


async def test_another_history_is_told_from_an_older_one(two: Two) -> None:
    word = await two.word()
    async with two.witness() as front:
        await front.trust_origin(word)
        await two.work()
        two.keep("older")
        await two.work()
        two.put("older")
        honest, two.settings = two.settings, replace(two.settings, anchors=())
        await two.work(3)  # whoever goes on from the older one keeps the witness out of it
        two.settings = honest
        with pytest.raises(JournalBehind) as refused:
            await two.work()
        assert refused.value.facts["kind"] == "forked"


async def test_work_goes_on_without_the_witness_and_it_gets_everything_when_it_is_back(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "AGAIN_S", 0.1)
    word = await two.word()
    async with two.witness() as front:
        await front.trust_origin(word)
        await two.work()
        (first,) = await seen(front)
    async with two.house() as cuga:  # away at the start
        result = await cuga.run("Score Acme", profile="technical")
        assert result.status.value == "parked"
        state, found = await seal_of(cuga)
        assert state == "broken" and two.url in found
        async with two.witness() as front:  # back, and nothing new is appended
            async with asyncio.timeout(20):
                while (await seen(front))[0] == first:
                    await asyncio.sleep(0.05)
            assert (await seal_of(cuga))[0] == "ok"
        await cuga.run("Score Acme", profile="technical")  # away later
        state, found = await seal_of(cuga)
        assert state == "broken" and two.url in found


async def test_a_witness_that_was_kept_away_at_the_start_still_tells(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "AGAIN_S", 0.1)
    word = await two.word()
    async with two.witness() as front:
        await front.trust_origin(word)
        await two.work()
        two.keep("older")
        await two.work(2)
        before = await seen(front)
    two.put("older")
    async with two.house() as cuga, two.witness() as front:
        async with asyncio.timeout(20):
            while "the journal ends before that" not in (await cuga.sealed()).trouble:  # type: ignore[union-attr]
                await asyncio.sleep(0.05)
        assert await seen(front) == before
        assert (await seal_of(cuga))[0] == "broken"


async def test_a_restore_is_acknowledged_and_the_witness_keeps_both_epochs(two: Two) -> None:
    word = await two.word()
    async with two.witness() as front:
        origin = await front.trust_origin(word)
        await two.work()
        two.keep("older")
        await two.work(2)
        ((_, first),) = await seen(front)
        two.put("older")
        with pytest.raises(JournalBehind):
            await two.work()
        assert (await put_back(two.place, None, user="ada")).epoch == 2
        async with two.house() as cuga:
            assert (await cuga.house()).halted
            assert (await seal_of(cuga))[0] == "ok"
        two.keep("restored")
        assert [epoch for epoch, _ in await seen(front)] == [1, 2]
        assert (await seen(front))[0] == (1, first), "what was seen before stays"
        assert f"\n{first}\n" in await front.witnessed_note(origin, epoch=1)
        two.put("older")  # the copy of before the restore
        with pytest.raises(JournalBehind) as refused:
            await two.work()
        assert refused.value.facts["kind"] == "rolled_back"


async def test_whoever_is_not_trusted_is_told_what_to_ask_for(two: Two) -> None:
    word = await two.word()
    async with two.witness() as front:
        async with two.house() as cuga:
            found = {one.what: one for one in await cuga.doctor()}["seal"]  # named a moment ago, and nothing new yet
            assert found.state == "broken" and "cuga witness trust" in found.found and "cuga seal" in found.found
            origin = await front.trust_origin(word)
        async with two.house() as cuga:
            assert (await seal_of(cuga))[0] == "ok"
            await front.distrust_origin(origin)
            await cuga.run("Score Acme", profile="technical")
            assert (await seal_of(cuga))[0] == "broken"
        assert len(await seen(front)) == 1, "what was seen stays"


async def test_an_answer_that_is_not_signed_by_the_witness_that_was_named_is_not_counted(two: Two) -> None:
    word = await two.word()
    async with two.witness() as front:
        await front.trust_origin(word)
        from cuga.orchestrator.keeping.sealing.keys import cosigner_from

        two.settings = replace(two.settings, anchors=(f"witness:{two.url}#{cosigner_from('x/y', b'z' * 32).word}",))
        async with two.house() as cuga:
            await cuga.run("Score Acme", profile="technical")
            state, found = await seal_of(cuga)
            assert state == "broken" and "does not sign with the key" in found


async def test_loopback_is_reached_only_where_it_is_named(two: Two) -> None:
    async with two.witness():
        two.settings = replace(two.settings, inside=())
        async with two.house() as cuga:
            await cuga.run("Score Acme", profile="technical")
            state, found = await seal_of(cuga)
            assert state == "broken" and "only https may be used" in found


@pytest.mark.parametrize(
    "said",
    [
        "witness:",
        "witness:b.example.com",
        "witness:ftp://b",
        "witness:https://b.example.com/api/witness#word",
        "witness:https://ada:secret@b.example.com/api/witness",
    ],
)
async def test_what_names_no_witness_is_refused(said: str, place: Place, tmp_path: Path) -> None:
    settings = Settings(seals=tmp_path / "seals", anchors=(said,), variables={})
    with pytest.raises(BadInput) as refused:
        await Coordinator(house=place.root, settings=settings).open()
    assert "secret" not in str(refused.value)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make(tmp_path / "house")
