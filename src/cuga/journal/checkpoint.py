"""A signed word on how far a journal has come: its size and its root, as text that anybody can keep.

The form is a C2SP signed note (tlog-checkpoint, signed-note): origin, size, root in base64, two lines of ours, an
empty line, and one line a signature. The Ed25519 key never lies here.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from hashlib import sha256

from cuga.errors import BadInput
from cuga.model.value import Value

ED25519 = b"\x01"  # the kind of key in a note, signed-note "Signature types"
_DASH = "— "


class Checkpoint(Value, frozen=True, kw_only=True):
    """What a note says. `size` counts appends, `position` events; `epoch` is one more after each restore."""

    origin: str
    size: int
    root: bytes
    epoch: int
    position: int

    def text(self) -> str:
        """The signed part, with its last line end."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\nepoch {self.epoch}\nevents {self.position}\n"


class Kept(Value, frozen=True, kw_only=True):
    """A checkpoint as the journal keeps it, with the peaks from which its tree can go on."""

    size: int
    position: int
    note: bytes
    peaks: tuple[bytes, ...]


def key_id(name: str, public: bytes) -> bytes:
    """The four bytes by which a note names a key: SHA-256(name, newline, kind, public key), its beginning."""
    return sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


def verifier_key(name: str, public: bytes) -> str:
    """A public key as one word: name+id+key, as the note tools of C2SP write it."""
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(ED25519 + public).decode()}"


def read_verifier_key(text: str) -> tuple[str, bytes]:
    """Name and public key; `BadInput` for anything else, a wrong id included."""
    name, _, rest = text.strip().partition("+")
    hexed, _, coded = rest.partition("+")
    try:
        raw = base64.b64decode(coded, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 33 or raw[:1] != ED25519 or key_id(name, raw[1:]).hex() != hexed:
        raise BadInput(
            "that is no public key of a seal", mend="It is one word: name+8 hex digits+base64; see `cuga seal`."
        )
    return name, raw[1:]


def signed(checkpoint: Checkpoint, name: str, public: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """The note of a checkpoint with one signature."""
    text = checkpoint.text()
    coded = base64.b64encode(key_id(name, public) + sign(text.encode())).decode()
    return f"{text}\n{_DASH}{name} {coded}\n".encode()


def read_note(note: bytes) -> tuple[Checkpoint, dict[bytes, bytes]]:
    """What a note says, and its signatures by key id. Says nothing about whether they hold; `BadInput` for no note."""
    try:
        text, _, tail = note.decode().partition("\n\n")
        origin, size, root, epoch, events = text.split("\n")
        signatures = {}
        for line in tail.splitlines():
            mark, _, coded = line.removeprefix(_DASH).rpartition(" ")
            if not line.startswith(_DASH) or not mark:
                raise ValueError(line)
            raw = base64.b64decode(coded, validate=True)
            signatures[raw[:4]] = raw[4:]
        checkpoint = Checkpoint(
            origin=origin,
            size=int(size),
            root=base64.b64decode(root),
            epoch=int(epoch.removeprefix("epoch ")),
            position=int(events.removeprefix("events ")),
        )
    except ValueError as error:
        raise BadInput("that is no checkpoint of a journal") from error
    if checkpoint.text() != text + "\n" or len(checkpoint.root) != 32 or not signatures:
        raise BadInput("that is no checkpoint of a journal")
    return checkpoint, signatures


def signed_part(note: bytes) -> bytes:
    """The bytes that the signatures of a note are over."""
    text, _, _ = note.partition(b"\n\n")
    return text + b"\n"
