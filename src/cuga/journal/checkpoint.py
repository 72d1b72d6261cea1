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
COSIGNER = b"\x04"  # the kind of a witness's key, tlog-cosignature "Format"
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


def key_id(name: str, public: bytes, kind: bytes = ED25519) -> bytes:
    """The four bytes by which a note names a key: SHA-256(name, newline, kind, public key), its beginning."""
    return sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def verifier_key(name: str, public: bytes, kind: bytes = ED25519) -> str:
    """A public key as one word: name+id+key, as the note tools of C2SP write it."""
    return f"{name}+{key_id(name, public, kind).hex()}+{base64.b64encode(kind + public).decode()}"


def read_verifier_key(text: str, kind: bytes = ED25519) -> tuple[str, bytes]:
    """Name and public key; `BadInput` for anything else, a wrong id or another kind of key included."""
    name, _, rest = text.strip().partition("+")
    hexed, _, coded = rest.partition("+")
    try:
        raw = base64.b64decode(coded, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 33 or raw[:1] != kind or key_id(name, raw[1:], kind).hex() != hexed:
        whose, shown_by = ("a seal", "cuga seal") if kind == ED25519 else ("a witness", "cuga witness")
        raise BadInput(
            f"that is no public key of {whose}", mend=f"It is one word: name+8 hex digits+base64; see `{shown_by}`."
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


def cosigned_line(note: bytes, at: int, name: str, public: bytes, sign: Callable[[bytes], bytes]) -> str:
    """The line by which a witness says that it has seen the checkpoint of a note, at a time in seconds since 1970: a
    cosignature/v1, as tlog-cosignature has it."""
    signature = sign(_cosigned_part(note, at))
    coded = base64.b64encode(key_id(name, public, COSIGNER) + at.to_bytes(8, "big") + signature).decode()
    return f"{_DASH}{name} {coded}\n"


def cosigned_at(note: bytes, name: str, public: bytes, holds: Callable[[bytes, bytes, bytes], bool]) -> int | None:
    """When the witness of this key saw the checkpoint of a note that has its line; None: it has not, or it does not
    hold. `holds` says so of a key, a signature and a message."""
    raw = read_note(note)[1].get(key_id(name, public, COSIGNER), b"")
    if len(raw) != 72:
        return None
    at = int.from_bytes(raw[:8], "big")
    return at if holds(public, raw[8:], _cosigned_part(note, at)) else None


def _cosigned_part(note: bytes, at: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % at + signed_part(note)
