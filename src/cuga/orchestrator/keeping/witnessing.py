"""A house as a witness of others, at the front door: whom it was told of, what it has seen, and its word on it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from hashlib import sha256

from cuga.errors import BadInput, NotFound
from cuga.journal.checkpoint import read_verifier_key
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.value import Value
from cuga.orchestrator.changing.switching import Switching
from cuga.witness import read_request

_THEN = datetime.min.replace(tzinfo=UTC)  # `change` sets the time


class Epoch(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What was seen of a journal in one of its epochs; the next one begins when it is restored."""

    epoch: int
    size: int
    position: int
    since: datetime
    at: datetime


class Witnessed(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A journal that this house knows of. `keys` are trusted now; without one nothing more is taken. `hash` is the
    name under which its newest checkpoint is handed out."""

    origin: str
    hash: str
    label: str = ""
    keys: tuple[str, ...] = ()
    epochs: tuple[Epoch, ...] = ()


class Witnessing(Switching):
    """Being a witness, at the front door."""

    async def trust_origin(self, key: str, label: str = "", by: Principal | None = None) -> str:
        """Keep checkpoints that are signed with this key, one word as `cuga seal` shows it; the journal's name."""
        word = key.strip()
        origin, _ = read_verifier_key(word)
        if not origin or len(origin) > 200 or not origin.isprintable():
            raise BadInput("that is no public key of a seal: its name is none")
        await self.change(h.OriginTrusted(at=_THEN, origin=origin, key=word, label=label[:200]), by)
        return origin

    async def distrust_origin(self, origin: str, by: Principal | None = None) -> None:
        """Take no further checkpoint of a journal. What was seen of it stays."""
        await self.change(h.OriginDistrusted(at=_THEN, origin=origin), by)

    async def witness_key(self) -> str:
        """The public key of this house's own signatures under checkpoints of others, one word."""
        return (await (await self.open()).witness().cosigner()).word

    async def witnessed(self) -> list[Witnessed]:
        """Every journal that this house was told of or has seen, with all its epochs."""
        assembly = await self.open()
        seen = await asyncio.to_thread(assembly.witness().shelf().all)
        trusted = assembly.state.origins
        return [
            Witnessed(
                origin=origin,
                hash=sha256(origin.encode()).hexdigest(),
                label=next((one.label for one in reversed(trusted.get(origin, ())) if one.label), ""),
                keys=tuple(one.key for one in trusted.get(origin, ())),
                epochs=tuple(
                    Epoch(
                        epoch=one.epoch,
                        size=one.size,
                        position=one.said().position,
                        since=datetime.fromtimestamp(one.since, UTC),
                        at=datetime.fromtimestamp(one.at, UTC),
                    )
                    for one in seen
                    if one.origin == origin
                ),
            )
            for origin in sorted({*trusted, *(one.origin for one in seen)})
        ]

    async def witnessed_note(self, which: str, epoch: int = 0) -> str:
        """The newest checkpoint that was seen of a journal, by its name or the hash of that; of one epoch if it is
        named. `NotFound`."""
        seen = await asyncio.to_thread((await self.open()).witness().shelf().all)
        found = [
            one
            for one in seen
            if which in (one.origin, sha256(one.origin.encode()).hexdigest()) and epoch in (0, one.epoch)
        ]
        if not found:
            raise NotFound(f"no checkpoint of {which[:80]} was seen here")
        return found[-1].note.decode()

    async def cosign(self, body: bytes) -> str:
        """Judge what a house sends, keep it, and sign that it was seen; raises what `Witness.add` does."""
        request = read_request(body)
        assembly = await self.open()
        witness = await assembly.witness().judge()
        return await asyncio.to_thread(witness.add, request, int(assembly.clock.now().timestamp()))
