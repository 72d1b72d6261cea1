"""A journal of somebody else, as a witness sees it: signed checkpoints and proofs, and lies when they are wanted."""

from __future__ import annotations

from cuga.journal.checkpoint import Checkpoint, signed, verifier_key
from cuga.journal.tree import consistency_spans, leaf_of, root_of
from cuga.orchestrator.keeping.sealing.keys import SealKey, public_of
from cuga.witness import Request

ORIGIN = "cuga/0123456789abcdef"


class Log:
    """Appends, and what a house says of them. `salt` makes another history."""

    def __init__(self, origin: str = ORIGIN, *, seed: bytes = b"k" * 32, epoch: int = 1) -> None:
        self.key = SealKey(origin, seed, public_of(seed))
        self.origin = origin
        self.epoch = epoch
        self.leaves: list[bytes] = []

    @property
    def word(self) -> str:
        return verifier_key(self.origin, self.key.public)

    def grow(self, appends: int, salt: int = 0) -> Log:
        for _ in range(appends):
            self.leaves.append(leaf_of(len(self.leaves) + 1, bytes([salt]) * 32))
        return self

    def note(self, size: int | None = None, **other: object) -> bytes:
        size = len(self.leaves) if size is None else size
        said = {"origin": self.origin, "size": size, "root": root_of(self.leaves[:size]), "epoch": self.epoch,
                "position": size, **other}  # fmt: skip
        return signed(Checkpoint(**said), self.origin, self.key.public, self.key.sign)  # type: ignore[arg-type]

    def proof(self, old: int, new: int | None = None) -> tuple[bytes, ...]:
        new = len(self.leaves) if new is None else new
        return tuple(root_of(self.leaves[start:end]) for start, end in consistency_spans(old, new))

    def request(self, old: int, new: int | None = None) -> Request:
        return Request(old=old, proof=self.proof(old, new), note=self.note(new))
