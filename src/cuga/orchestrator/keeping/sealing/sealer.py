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

from cuga.errors import BadInput, CugaError, JournalBehind
from cuga.journal.checkpoint import Checkpoint, Kept, read_note, signed, signed_part
from cuga.journal.port import Journal
from cuga.journal.tree import Tree, leaf_of
from cuga.model.event import ApprovalReceived, DoubtResolved, Event, RunFinished
from cuga.model.value import Value
from cuga.orchestrator.keeping.sealing.anchors import Anchor
from cuga.orchestrator.keeping.sealing.keys import PUBLIC, SealKey, holds, key_of, public_keys

EVERY_S = 1.0  # under load
PAGE = 2_000  # appends that the tree takes in one turn of the loop: about 3 ms
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
        self.anchors = list(anchors)
        self.origin = ""
        self.trouble = ""
        self._sound_at = time.monotonic()
        self._tree = Tree()
        self._position = 0
        self._note = b""
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
            self._tree = await self._tree_of(kept.size) or self._tree
        notes = {note: anchor for anchor in self.anchors if (note := await asyncio.to_thread(anchor.newest))}
        if set(notes) == {self._note} and _fits(self._note, self._tree):
            return  # the usual case: nothing has to be computed
        keys = public_keys(self.directory)
        for note, anchor in notes.items():
            await self._hold_against(note, anchor.name, keys)

    async def _hold_against(self, note: bytes, name: str, keys: dict[bytes, bytes]) -> None:
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
        tree = await self._tree_of(said.size)
        if said.epoch > self._epoch or tree is None:
            raise _refusal(name, f"{said.position} events were sealed, the journal ends before that", "rolled_back")
        if tree.root() != said.root:
            raise _refusal(name, f"another record than this one was sealed at event {said.position}", "forked")

    async def _tree_of(self, size: int) -> Tree | None:
        """The tree when it had so many leaves; None: it never had."""
        kept = await self._journal.checkpoint(size)
        tree, after = Tree(), 0
        if kept is not None and kept.size.bit_count() == len(kept.peaks):
            known = Tree(kept.size, kept.peaks)
            if _fits(kept.note, known):  # else a bit of them has turned over: the links tell what they were
                tree, after = known, kept.position
        while tree.size < size:
            page = await self._journal.links(after, min(PAGE, size - tree.size))
            if not page:
                return None
            for after, link in page:
                tree.add(leaf_of(after, link))
            await asyncio.sleep(0)
        return tree

    async def seal(self) -> None:
        """Sign the journal as it is now, unless that is done; an anchor that cannot be written is told in `trouble`."""
        async with self._turn:
            while page := await self._journal.links(self._position, PAGE):
                if not self.origin:
                    self.origin = f"cuga/{page[0][1].hex()[:16]}"
                for self._position, link in page:
                    self._tree.add(leaf_of(self._position, link))
                await asyncio.sleep(0)
            if self._tree.size == self._sealed:
                self._is_sound()
                return
            checkpoint, key = self._checkpoint(), await asyncio.to_thread(self.key)
            self._note = signed(checkpoint, key.name, key.public, key.sign)
            kept = Kept(
                size=checkpoint.size, position=checkpoint.position, note=self._note, peaks=tuple(self._tree.peaks)
            )
            await self._journal.keep_checkpoint(kept)
            self._sealed = kept.size
            self.trouble = await asyncio.to_thread(self._anchor, self._note)
            self._is_sound()

    def _is_sound(self) -> None:
        if not self.trouble:
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

    def _anchor(self, note: bytes) -> str:
        troubles = []
        for anchor in self.anchors:
            try:
                anchor.keep(note)
            except OSError as error:
                troubles.append(f"{anchor.name}: {error.strerror or error}")
        return "; ".join(troubles)

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

    async def _seal_or_tell(self) -> None:
        before = self.trouble
        try:
            await self.seal()
        except (CugaError, OSError) as error:  # work goes on: `cuga doctor` tells, and the next second tries again
            self.trouble = str(error)
        if bool(self.trouble) != bool(before):
            log.log(*((logging.WARNING, "seal_troubled") if self.trouble else (logging.INFO, "seal_mended")))

    async def close(self) -> None:
        """Seal what is left, and stop."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
            await self._seal_or_tell()

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
            anchors=tuple(anchor.name for anchor in self.anchors),
            trouble=self.trouble,
            age_s=time.monotonic() - self._sound_at,
        )


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


def _fits(note: bytes, tree: Tree) -> bool:
    """Whether a tree is the one that a note is about."""
    try:
        return read_note(note)[0].root == tree.root()
    except BadInput:
        return False


def _refusal(name: str, why: str, kind: str) -> JournalBehind:
    return JournalBehind(
        f"{name}: {why}",
        kind=kind,
        mend="`cuga verify` names what differs. Find out who changed it, put a backup back with `cuga restore PATH`, "
        "or take the journal as it lies there with `cuga restore --as-it-is`: both begin a new epoch, and nothing runs "
        "before a person has acknowledged that.",
    )
