"""The judgement of a witness: whether a checkpoint goes on from the one it knows, and its word on that.

It believes only signatures of keys that it was told of. What it answers with a signature it has kept before. Each epoch
of a journal is a line of its own: a house that was restored begins a new one, and the old one ends for good.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cuga.errors import CheckpointForked, CheckpointStale, NotAllowed, NotFound
from cuga.journal.checkpoint import (
    COSIGNER,
    Checkpoint,
    cosigned_line,
    key_id,
    read_verifier_key,
    signed_part,
    verifier_key,
)
from cuga.journal.tree import goes_on
from cuga.witness.request import Request
from cuga.witness.shelf import Seen, Shelf

Holds = Callable[[bytes, bytes, bytes], bool]  # key, signature, message


@dataclass(frozen=True)
class Cosigner:
    """The key of a witness, with both halves; a key of its own, which signs nothing else."""

    name: str
    public: bytes
    sign: Callable[[bytes], bytes]

    @property
    def word(self) -> str:
        """The public half as one word."""
        return verifier_key(self.name, self.public, COSIGNER)


class Witness:
    """Judges and keeps. `keys_of` gives the public keys, as words, that a journal may be signed with."""

    def __init__(self, shelf: Shelf, cosigner: Cosigner, keys_of: Callable[[str], Iterable[str]], holds: Holds) -> None:
        self._shelf = shelf
        self._cosigner = cosigner
        self._keys_of = keys_of
        self._holds = holds
        self._turn = threading.Lock()  # between threads of this process; the shelf sees to others

    def add(self, request: Request, now: int) -> str:
        """Judge and keep, at a time in seconds since 1970; the line of the cosignature.

        `NotFound`: nobody told of this journal. `NotAllowed`: no trusted key has signed. `CheckpointStale`: another
        size is known, in the fact `size`, or the epoch is over. `CheckpointForked`: it does not go on from what is
        known.
        """
        said, signatures = request.said()
        signed_by = self._signatures_that_hold(said, signatures, request.note)
        with self._turn:
            before = self._shelf.newest(said.origin)
            self._must_go_on(request, said, before)
            line = cosigned_line(request.note, now, self._cosigner.name, self._cosigner.public, self._cosigner.sign)
            note = b"\n".join([signed_part(request.note), *signed_by, b""]) + line.encode()
            is_same_line = before is not None and before.epoch == said.epoch
            since = before.since if before is not None and is_same_line else now
            if not self._shelf.move(before, Seen(said.origin, said.epoch, said.size, note, since, now)):
                known = self._shelf.newest(said.origin)
                raise CheckpointStale("somebody else was faster", size=known.size if known is not None else 0)
        return line

    def _signatures_that_hold(self, said: Checkpoint, signatures: dict[bytes, bytes], note: bytes) -> list[bytes]:
        """The lines of a note that are signed with keys of its journal; keys that nobody knows are not looked at."""
        by_id = {key_id(*key): key[1] for key in map(read_verifier_key, self._keys_of(said.origin))}
        if not by_id:
            raise NotFound(f"nobody told this house of the journal {said.origin}", mend=_TRUST)
        known = {one: signature for one, signature in signatures.items() if one in by_id}
        message = signed_part(note)
        if not known or not all(self._holds(by_id[one], signature, message) for one, signature in known.items()):
            raise NotAllowed(f"no key that is trusted for {said.origin} has signed this", mend=_TRUST)
        return [line for line in note.partition(b"\n\n")[2].splitlines() if _id_of(line) in known]

    def _must_go_on(self, request: Request, said: Checkpoint, before: Seen | None) -> None:
        if before is not None and said.epoch < before.epoch:
            raise CheckpointStale(f"epoch {said.epoch} is over: {before.epoch} has begun")
        known = before if before is not None and before.epoch == said.epoch else None
        size = known.size if known is not None else 0
        if request.old != size:
            raise CheckpointStale(f"{size} appends are known, not {request.old}", size=size)
        root = known.said().root if known is not None else b""
        if not goes_on(size, said.size, root, said.root, request.proof):
            raise CheckpointForked(f"{size} appends are known, and this is another record", same_size=size == said.size)


_TRUST = "Its admin gives `cuga witness trust WORD`; `cuga seal` shows the word."


def _id_of(line: bytes) -> bytes:
    import base64

    return base64.b64decode(line.rpartition(b" ")[2])[:4]
