"""Sealing a journal: grow the tree by what was appended, sign its root, keep that beside the book and elsewhere.

A decision and an end are sealed at once after a pause, under load everything is once a second. Nobody's append waits.
At the start the journal is held against every anchor that can be asked.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from cuga.errors import BadInput, CugaError, JournalBehind, JournalFailed
from cuga.journal.checkpoint import Checkpoint, Kept, read_note, signed, signed_part
from cuga.journal.port import Journal
from cuga.journal.tree import Tree, leaf_of
from cuga.model.event import ApprovalReceived, DoubtResolved, Event, RunFinished
from cuga.model.value import Value
from cuga.orchestrator.keeping.sealing.anchors import Anchor, SyslogAnchor
from cuga.orchestrator.keeping.sealing.copies import Copy
from cuga.orchestrator.keeping.sealing.keys import (
    PUBLIC,
    SealKey,
    cosigner_from,
    cosigner_key,
    holds,
    key_of,
    public_keys,
)
from cuga.orchestrator.keeping.sealing.proving import PAGE, fits, proof_between, tree_of
from cuga.witness import Cosigner

EVERY_S = 1.0  # under load
ANCHOR = "anchor.note"
log = logging.getLogger("cuga.seal")
log.addHandler(logging.NullHandler())  # silent unless somebody logs
_SEALED_AT_ONCE = frozenset({ApprovalReceived, DoubtResolved, RunFinished})


class Sealed(Value, frozen=True, kw_only=True):
    """How a house is sealed. `key` is the word that an auditor needs; `trouble` what last went wrong."""

    origin: str
    epoch: int
    size: int
    position: int
    root: str
    key: str
    directory: str
    anchors: tuple[str, ...]
    trouble: str = ""
    age_s: float = 0.0  # since everything was last found sealed, or was sealed


class Sealer:
    """Seals one journal. `directory` holds the key; made when the first checkpoint is signed."""

    def __init__(self, journal: Journal, epoch: int, directory: Path, anchors: Sequence[Anchor]) -> None:
        self._journal = journal
        self._epoch = epoch
        self.directory = directory
        self.copies = [Copy(anchor, self._hold_against, self._proof) for anchor in anchors]
        self.origin = ""
        self._trouble = ""  # with the signing itself
        self._was_troubled = False  # as it was last logged
        self._sound_at = time.monotonic()
        self._tree = Tree()
        self._position = 0
        self._note = b""
        self._is_ours = True  # whether a key of this directory has signed the note; each machine of a house has its own
        self._sealed = 0  # the size that was last signed
        self._key: SealKey | None = None
        self._turn = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Find out how far the journal is sealed, and hold it against the anchors; `JournalBehind`."""
        first = await self._journal.links(0, 1)
        self.origin = f"cuga/{first[0][1].hex()[:16]}" if first else ""
        if (kept := await self._journal.checkpoint()) is not None:
            self._position, self._note, self._sealed = kept.position, kept.note, kept.size
            self._is_ours = not public_keys(self.directory).keys().isdisjoint(_signers(kept.note))
            self._tree = (await tree_of(self._journal, kept.size) or (self._tree, 0))[0]
        troubles = await asyncio.gather(*(copy.ask(self.origin) for copy in self.copies))
        for copy, trouble in zip(self.copies, troubles, strict=True):
            copy.begin(self._note, trouble)
        notes = {copy.found: copy.anchor.name for copy in self.copies if copy.found}
        if {signed_part(note) for note in notes} == {signed_part(self._note)} and fits(self._note, self._tree):
            return  # the usual case: nothing has to be computed
        for note, name in notes.items():
            await self._hold_against(note, name)

    async def _hold_against(self, note: bytes, name: str) -> None:
        keys = public_keys(self.directory)
        try:
            said, signatures = read_note(note)
        except BadInput:
            raise _refusal(name, "it holds no checkpoint", "bad_signature") from None
        if said.origin != self.origin:
            raise _refusal(
                name, f"it is of the journal {said.origin}, and this one is {self.origin or 'empty'}", "swapped"
            )
        known = [holds(keys[one], signature, signed_part(note)) for one, signature in signatures.items() if one in keys]
        if not known or not all(known):
            why = "its signature does not hold" if known else f"no key in {self.directory / PUBLIC} has signed it"
            raise _refusal(name, why, "bad_signature")
        if said.epoch < self._epoch:
            return  # a restore since then, which the house's stream tells and a person acknowledges
        found = await tree_of(self._journal, said.size)
        if said.epoch > self._epoch or found is None:
            raise _refusal(name, f"{said.position} events were sealed, the journal ends before that", "rolled_back")
        if found[0].root() != said.root:
            raise _refusal(name, f"another record than this one was sealed at event {said.position}", "forked")

    async def _proof(self, old: int, new: int) -> list[bytes]:
        """That the journal goes on from what a place knows of it."""
        proof = await proof_between(self._journal, old, new) if old <= new else None
        if proof is None:
            raise JournalFailed(f"there is nothing to prove between {old} and {new} appends")
        return proof

    async def look(self) -> dict[str, str]:
        """Ask every place now: what cannot be asked, or holds nothing though something is sealed, and why."""
        asked = [Copy(copy.anchor, self._hold_against, self._proof) for copy in self.copies]
        said = await asyncio.gather(*(copy.ask(self.origin) for copy in asked))
        return {
            copy.anchor.name: why or f"{copy.anchor.name} holds nothing"
            for copy, why in zip(asked, said, strict=True)
            if why or (self._sealed and not copy.found and copy.anchor.name != SyslogAnchor.name)
        }

    async def seal(self, *, is_last: bool = False) -> None:
        """Sign the journal as it is now, unless that is done, and hand it on; `settle` waits for the places. One that
        cannot be written is told in `trouble`."""
        async with self._turn:
            while page := await self._journal.links(self._position, PAGE):
                if not self.origin:
                    self.origin = f"cuga/{page[0][1].hex()[:16]}"
                for self._position, link in page:
                    self._tree.add(leaf_of(self._position, link))
                await asyncio.sleep(0)
            if self._tree.size == self._sealed and self._is_ours:
                self._hand_on(is_last=is_last)
                return
            checkpoint, key = self._checkpoint(), await asyncio.to_thread(self.key)
            self._note, self._is_ours = signed(checkpoint, key.name, key.public, key.sign), True
            kept = Kept(
                size=checkpoint.size, position=checkpoint.position, note=self._note, peaks=tuple(self._tree.peaks)
            )
            await self._journal.keep_checkpoint(kept)
            self._sealed = kept.size
            self._hand_on(is_last=is_last)

    def _hand_on(self, *, is_last: bool) -> None:
        """Give every place the newest note, unless it has it; nobody waits for that here."""
        self._trouble = ""
        if self._note:
            for copy in self.copies:
                copy.offer(self._note, self.origin, is_last=is_last)

    async def settle(self) -> None:
        """Wait a little until every place has what it was given."""
        await asyncio.gather(*(copy.settle(self.origin) for copy in self.copies))
        self._is_sound()

    @property
    def trouble(self) -> str:
        """What is wrong now, with the signing or with a place; empty: nothing."""
        return "; ".join(filter(None, (self._trouble, *(copy.trouble for copy in self.copies))))

    def _is_sound(self) -> None:
        if not self.trouble and all(copy.is_current for copy in self.copies):
            self._sound_at = time.monotonic()

    @property
    def note(self) -> bytes:
        """The newest checkpoint; empty before the first."""
        return self._note

    def key(self) -> SealKey:
        """The key of this house, made when there is none."""
        if self._key is None:
            self._key = key_of(self.directory, self.origin)
        return self._key

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(
            origin=self.origin,
            size=self._tree.size,
            root=self._tree.root(),
            epoch=self._epoch,
            position=self._position,
        )

    def start(self) -> None:
        """Seal from here on, until `close`."""
        self._task = asyncio.get_running_loop().create_task(self._go_on())

    def hear(self, _run_id: str, events: Sequence[Event]) -> None:
        """Facts became durable: a decision or an end is sealed now, or within a second of the last time."""
        if not _SEALED_AT_ONCE.isdisjoint(map(type, events)):
            self._wanted.set()

    async def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time() - EVERY_S
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._wanted.wait()
            await asyncio.sleep(last + EVERY_S - loop.time())  # at once when that has passed
            self._wanted.clear()
            last = loop.time()
            await self._seal_or_tell()

    async def _seal_or_tell(self, *, is_last: bool = False) -> None:
        try:
            await self.seal(is_last=is_last)
        except (CugaError, OSError) as error:  # work goes on: `cuga doctor` tells, and the next second tries again
            self._trouble = str(error)
        if is_last:
            await self.settle()
        self._is_sound()
        if bool(self.trouble) != self._was_troubled:
            self._was_troubled = bool(self.trouble)
            log.log(*((logging.WARNING, "seal_troubled") if self.trouble else (logging.INFO, "seal_mended")))

    async def close(self) -> None:
        """Seal what is left, and stop."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
            await self._seal_or_tell(is_last=True)
        for copy in self.copies:
            await copy.close()

    def now(self) -> Sealed:
        """How the house is sealed at this moment."""
        try:
            word = (self.directory / PUBLIC).read_text("ascii").split()[-1]
        except (OSError, IndexError):
            word = ""
        return Sealed(
            origin=self.origin,
            epoch=self._epoch,
            size=self._sealed,
            position=self._position,
            root=self._tree.root().hex(),
            key=word,
            directory=str(self.directory),
            anchors=tuple(copy.anchor.name for copy in self.copies),
            trouble=self.trouble,
            age_s=time.monotonic() - self._sound_at,
        )


def _signers(note: bytes) -> set[bytes]:
    """The ids of the keys that a note is signed with; of what is no note nobody's."""
    try:
        return set(read_note(note)[1])
    except BadInput:
        return set()


def cosigner_of(sealer: Sealer | None) -> Cosigner:
    """The key by which the house of a sealer is a witness of others; without a sealer one that is kept nowhere."""
    if sealer is None:
        return cosigner_from("cuga/memory/witness", os.urandom(32))
    return cosigner_key(sealer.directory, f"{sealer.origin}/witness")


def seals_of(root: Path, named: Path | None) -> Path:
    """Where the key and the first anchor of a house lie: below `CUGA_SEALS`, else in the user's own state directory."""
    base = named or Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "cuga" / "seals"
    return base / sha256(os.fsencode(root.resolve())).hexdigest()[:16]


def set_aside(root: Path, named: Path | None) -> Path | None:
    """Put the seals of a house that is gone out of the way of a new one in its place, and keep them; where they lie
    then, None where there were none. Anchors elsewhere stay, and still refuse what is not the journal they know."""
    directory = seals_of(root, named)
    if not directory.exists():
        return None
    number = 1
    while (kept := directory.with_name(f"{directory.name}.before-{number}")).exists():
        number += 1
    return directory.rename(kept)


def _refusal(name: str, why: str, kind: str) -> JournalBehind:
    return JournalBehind(
        f"{name}: {why}",
        kind=kind,
        mend="`cuga verify` names what differs. Find out who changed it, put a backup back with `cuga restore PATH`, "
        "or take the journal as it lies there with `cuga restore --as-it-is`: both begin a new epoch, and nothing runs "
        "before a person has acknowledged that.",
    )
