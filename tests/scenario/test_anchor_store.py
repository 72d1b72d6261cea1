"""An object store as an anchor, against a real S3 server on this machine."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from moto.s3.models import s3_backends
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer
from tests.tlog import Log

from cuga.errors import BadInput, JournalBehind
from cuga.journal.checkpoint import read_note
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import Place, make
from cuga.orchestrator.keeping.restoring import put_back
from cuga.orchestrator.keeping.sealing import copies, read_anchors, seals_of
from cuga.orchestrator.keeping.sealing.stored import StoreAnchor, name_of
from cuga.settings import Settings

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1"}
BUCKET = "audit"
SIGNED = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}


class Bucket:
    """The store: it can be away, and is looked into as an auditor does, with somebody else's tool."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = boto3.client("s3", "eu-central-1", endpoint_url=self.url, **SIGNED)
        self.client.create_bucket(
            Bucket=BUCKET,
            ObjectLockEnabledForBucket=True,
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        )

    def names(self, prefix: str = "a/") -> list[str]:
        """As a listing gives them: at most a thousand, in their order."""
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", ())]

    def put(self, name: str, body: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=name, Body=body)

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        """Again, at the same address, with what was there."""
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()


@pytest.fixture
def store() -> Iterator[Bucket]:
    s3_backends.reset()  # all stores of a process share what they hold
    one = Bucket()
    yield one
    one.stop()
    s3_backends.reset()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make(tmp_path / "house")


@pytest.fixture
def settings(tmp_path: Path, store: Bucket) -> Settings:
    return Settings(
        seals=tmp_path / "seals",
        anchors=(f"s3://{BUCKET}/a",),
        inside=("127.0.0.1",),
        variables={**KEYS, "AWS_ENDPOINT_URL": store.url},
    )


async def work(place: Place, settings: Settings, times: int = 1) -> None:
    async with Coordinator(house=place.root, settings=settings, user="ada") as cuga:
        for _ in range(times):
            await cuga.run("Score Acme", profile="technical")


def anchor_of(settings: Settings) -> StoreAnchor:
    (found,) = read_anchors(settings)
    assert isinstance(found, StoreAnchor)
    return found


async def no_proof(_old: int) -> list[bytes]:
    raise AssertionError("an object store asks for no proof")


async def seal_of(cuga: Coordinator) -> tuple[str, str]:
    assembly = await cuga.open()
    assert assembly.sealer is not None
    await assembly.sealer.seal()
    await assembly.sealer.settle()
    found = {one.what: one for one in await cuga.doctor()}["seal"]
    return found.state, found.found


async def test_each_note_is_an_object_of_its_own_and_the_newest_comes_first(
    place: Place, settings: Settings, store: Bucket
) -> None:
    await work(place, settings)
    before = store.names()
    await work(place, settings)
    names = store.names()
    assert set(before) < set(names), "nothing is written over"
    body = store.client.get_object(Bucket=BUCKET, Key=names[0])["Body"].read()
    assert body == (seals_of(place.root, settings.seals) / "anchor.note").read_bytes()
    assert f"size-{read_note(body)[0].size}.note" in names[0]
    async with Coordinator(house=place.root, settings=settings, user="ada") as cuga:
        assert (await seal_of(cuga))[0] == "ok"


async def test_a_journal_that_was_set_back_with_its_own_anchor_is_not_opened(
    place: Place, settings: Settings, tmp_path: Path, store: Bucket
) -> None:
    await work(place, settings)
    own = seals_of(place.root, settings.seals) / "anchor.note"
    shutil.copy(place.journal, tmp_path / "older.db")
    shutil.copy(own, tmp_path / "older.note")
    await work(place, settings)
    shutil.copy(tmp_path / "older.db", place.journal)
    shutil.copy(tmp_path / "older.note", own)
    with pytest.raises(JournalBehind, match=f"s3://{BUCKET}/a") as refused:
        await work(place, settings)
    assert refused.value.facts["kind"] == "rolled_back"
    restored = await put_back(place, None, user="ada")
    async with Coordinator(house=place.root, settings=settings, user="ada") as cuga:
        assert restored.epoch == 2 and (await cuga.house()).halted
        assert (await seal_of(cuga))[0] == "ok"
    assert "epoch-2" in store.names()[0], "an epoch goes before its number of appends"


async def test_another_record_of_the_same_size_is_told_and_the_first_one_stays(settings: Settings) -> None:
    anchor, log = anchor_of(settings), Log().grow(5)
    await anchor.keep(log.note(), no_proof)
    await anchor.keep(log.note(), no_proof)  # the same again is no news
    with pytest.raises(JournalBehind) as refused:
        await anchor.keep(Log().grow(4).grow(1, salt=1).note(), no_proof)
    assert refused.value.facts["kind"] == "forked"
    assert await anchor.newest("") == log.note()


async def test_the_newest_of_many_notes_is_found_on_the_first_page(
    settings: Settings, store: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log().grow(1)
    said = read_note(log.note())[0]
    for size in range(1, 1301):
        store.put(f"a/{name_of(type(said)(**{**_fields(said), 'size': size}))}", b"older")
    newest = type(said)(**{**_fields(said), "size": 99_999, "position": 99_999})
    store.put(f"a/{name_of(newest)}", b"newest")
    store.put("a/0000-notes-on-this-bucket.txt", b"somebody's")
    store.put("b/00000000-000000000000000.epoch-1.size-1.note", b"another house's")
    anchor = anchor_of(settings)
    asked: list[str] = []
    listed = S3Response.list_objects_v2

    def counted(self: S3Response):
        asked.append("a page")
        return listed(self)

    monkeypatch.setattr(S3Response, "list_objects_v2", counted)
    assert await anchor.newest("") == b"newest"
    assert asked == ["a page"]


def _fields(said) -> dict[str, object]:
    return {name: getattr(said, name) for name in said.__struct_fields__}


async def test_work_goes_on_without_the_store_and_it_gets_the_newest_when_it_is_back(
    place: Place, settings: Settings, store: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "AGAIN_S", 0.1)
    monkeypatch.setattr(StoreAnchor, "pace_s", 0.1)
    store.stop()
    async with Coordinator(house=place.root, settings=settings, user="ada") as cuga:  # away at the start
        result = await cuga.run("Score Acme", profile="technical")
        assert result.status.value == "parked"
        state, found = await seal_of(cuga)
        assert state == "broken" and f"s3://{BUCKET}/a" in found
        store.start()
        async with asyncio.timeout(20):
            while not store.names():
                await asyncio.sleep(0.1)
        assert (await seal_of(cuga))[0] == "ok"
        store.stop()  # away later
        await cuga.run("Score Acme", profile="technical")
        state, found = await seal_of(cuga)
        assert state == "broken" and f"s3://{BUCKET}/a" in found
        store.start()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"anchors": ("s3://another-bucket/a",)}, "there is no such bucket (NoSuchBucket)"),
        ({"inside": ()}, "only https may be used"),
        ({"variables": {}}, "no AWS_ACCESS_KEY_ID is set"),
    ],
)
async def test_what_is_wrong_with_the_place_is_said_in_words(
    place: Place, settings: Settings, change: dict[str, object], words: str
) -> None:
    if change == {"variables": {}}:
        change = {"variables": {"AWS_ENDPOINT_URL": settings.variables["AWS_ENDPOINT_URL"]}}
    async with Coordinator(house=place.root, settings=replace(settings, **change), user="ada") as cuga:
        await cuga.run("Score Acme", profile="technical")
        state, found = await seal_of(cuga)
        assert state == "broken" and words in found
        assert "secret" not in found and "RetryError" not in found


@pytest.mark.parametrize("said", ["s3://", "s3://A", "s3://a_b/c", "s3://x"])
def test_a_word_that_names_no_bucket_is_refused(said: str, settings: Settings) -> None:
    with pytest.raises(BadInput, match="names no bucket"):
        read_anchors(replace(settings, anchors=(said,)))


def test_without_the_extra_it_is_said_what_to_install(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cuga.orchestrator.keeping.sealing.s3", raising=False)
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(BadInput) as refused:
        read_anchors(settings)
    assert refused.value.next_step == "pip install 'cugar[s3]'"


def test_a_metadata_address_is_asked_for_keys_only_where_it_is_named(settings: Settings) -> None:
    bare = replace(settings, variables={"AWS_ENDPOINT_URL": settings.variables["AWS_ENDPOINT_URL"]})
    assert not anchor_of(bare)._store._has_keys  # type: ignore[attr-defined]
    assert anchor_of(replace(bare, inside=(*bare.inside, "169.254.169.254")))._store._has_keys  # type: ignore[attr-defined]
