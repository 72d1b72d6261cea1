"""An object store as an anchor: each note is an object of its own, and none is ever written over.

That suits a bucket whose objects cannot be changed for a time (object lock), where not even an administrator takes a
note away. The names count down, so that a listing begins with the newest note, however many there are.
"""

from __future__ import annotations

import re
from typing import Protocol

from cuga.errors import BadInput, JournalBehind
from cuga.journal.checkpoint import Checkpoint, read_note, signed_part
from cuga.orchestrator.keeping.sealing.anchors import Prove
from cuga.settings import Settings

_EPOCHS, _SIZES = 10**8 - 1, 10**15 - 1  # what names count down from
_NAME = re.compile(r"[0-9]{8}-[0-9]{15}\.epoch-[0-9]+\.size-[0-9]+\.note")


class Store(Protocol):
    """What is asked of an object store. What it raises is an `OSError` whose words are for a person."""

    async def put_new(self, name: str, body: bytes) -> bool:
        """Put an object under a name, durably; false when there is one already, which stays."""
        ...

    async def first(self, pattern: re.Pattern[str]) -> str:
        """The first name in the order of the alphabet that fits; empty when there is none."""
        ...

    async def get(self, name: str) -> bytes:
        """An object."""
        ...


class StoreAnchor:
    """Notes of one house in an object store."""

    pace_s = 10.0  # objects stay: a note each second would be millions in a month
    patience_s: float | None = 5.0

    def __init__(self, name: str, store: Store) -> None:
        self.name = name
        self._store = store

    async def keep(self, note: bytes, prove: Prove) -> None:
        name = name_of(read_note(note)[0])
        if await self._store.put_new(name, note):
            return
        if signed_part(await self._store.get(name)) != signed_part(note):
            why = f"another record than this one was sealed there: {name}"
            raise JournalBehind(f"{self.name}: {why}", kind="forked")

    async def newest(self, origin: str) -> bytes:
        name = await self._store.first(_NAME)
        return await self._store.get(name) if name else b""


def name_of(said: Checkpoint) -> str:
    """The name of a note: newer ones come first, by epoch and size."""
    if said.epoch > _EPOCHS or said.size > _SIZES:
        raise BadInput(f"no name for epoch {said.epoch} with {said.size} appends")
    down = f"{_EPOCHS - said.epoch:08d}-{_SIZES - said.size:015d}"
    return f"{down}.epoch-{said.epoch}.size-{said.size}.note"


def store_named(said: str, settings: Settings) -> StoreAnchor:
    """The anchor of `s3://BUCKET/PREFIX`; `BadInput` for another word, or without the extra `s3`."""
    bucket, _, prefix = said.removeprefix("s3://").partition("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        raise BadInput(f"CUGA_ANCHORS: {said!r} names no bucket", mend="Write s3://BUCKET/PREFIX.")
    try:
        from cuga.orchestrator.keeping.sealing.s3 import S3
    except ModuleNotFoundError as missing:
        if missing.name != "obstore":
            raise
        raise BadInput(
            "CUGA_ANCHORS names an object store, and what speaks to one is not installed",
            mend="pip install 'cugar[s3]'",
        ) from missing
    return StoreAnchor(said.rstrip("/"), S3(bucket, prefix.strip("/"), settings))
