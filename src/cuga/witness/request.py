"""What a house sends to a witness: the size it knew, the proof that the journal goes on from it, the new checkpoint.

The form is that of C2SP tlog-witness, `add-checkpoint`: a line `old N`, the hashes of the proof in base64, an empty
line, and the note.
"""

from __future__ import annotations

import base64
import re

from cuga.errors import BadInput
from cuga.journal.checkpoint import Checkpoint, read_note
from cuga.model.value import Value

MAX_BYTES = 16 << 10  # of a request
MAX_PROOF = 63  # hashes
SIZE_MEDIA = "text/x.tlog.size"  # of the answer that says which size is known
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")
_HASH = re.compile(rb"[A-Za-z0-9+/]{43}=")


class Request(Value, frozen=True, kw_only=True):
    """A request that was read; nothing of it is believed yet."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def body(self) -> bytes:
        """As it is sent."""
        lines = [b"old %d" % self.old, *map(base64.b64encode, self.proof), b""]
        return b"\n".join(lines) + b"\n" + self.note

    def said(self) -> tuple[Checkpoint, dict[bytes, bytes]]:
        """What the note says, and its signatures by key id."""
        said, signatures = read_note(self.note)
        if not (0 < said.size < 1 << 63 and said.size <= said.position < 1 << 63 and 0 < said.epoch < 1 << 63):
            raise BadInput("that is no checkpoint of a journal: its numbers are none")
        return said, signatures


def read_request(body: bytes) -> Request:
    """A request as it came; `BadInput` for anything else."""
    head, gap, note = body.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    old = _OLD.fullmatch(first)
    is_form = old is not None and gap and len(body) <= MAX_BYTES and len(lines) <= MAX_PROOF
    if old is None or not is_form or not all(map(_HASH.fullmatch, lines)):
        raise BadInput("that is no request to a witness", mend="Its form is that of C2SP tlog-witness, add-checkpoint.")
    request = Request(old=int(old[1]), proof=tuple(map(base64.b64decode, lines)), note=note)
    said, _ = request.said()
    if request.old > said.size:
        raise BadInput(f"a checkpoint over {said.size} appends does not go on from {request.old}")
    return request
