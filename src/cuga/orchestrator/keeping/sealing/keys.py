"""The key that signs checkpoints: made once for a house, kept in a directory outside it, never in the journal.

The files hold the forms of C2SP's note tools: `seal.key` the private key, for its owner's eyes only, `seal.pub` the
public one, one word that an auditor is given.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path

from cuga.errors import BadInput
from cuga.journal.checkpoint import ED25519, key_id, read_verifier_key, verifier_key

PRIVATE, PUBLIC = "seal.key", "seal.pub"


@dataclass(frozen=True)
class SealKey:
    """A key with both halves. `name` is the origin of the journal it signs for."""

    name: str
    seed: bytes
    public: bytes

    @property
    def word(self) -> str:
        """The public half as one word."""
        return verifier_key(self.name, self.public)

    def sign(self, message: bytes) -> bytes:
        """64 bytes of Ed25519 (RFC 8032); about 25 us."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)


def holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is that of the key over the message."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_of(directory: Path, name: str) -> SealKey:
    """The key of a directory, made when there is none. `BadInput` for files that hold no such key."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = directory / PRIVATE
    try:
        text = file.read_text("ascii")
    except FileNotFoundError:
        return _make(directory, name)
    except (OSError, ValueError) as error:
        raise _unreadable(file) from error
    try:
        head, kept, _id, coded = text.strip().removeprefix("PRIVATE+").split("+", 3)
        raw = base64.b64decode(coded, validate=True)
    except ValueError:
        raise _unreadable(file) from None
    if head != "KEY" or len(raw) != 33 or raw[:1] != ED25519:
        raise _unreadable(file)
    return SealKey(kept, raw[1:], _public_of(raw[1:]))


def public_keys(directory: Path) -> dict[bytes, bytes]:
    """The public keys that notes may be signed with: id -> key. Older ones stay in the file, a line each."""
    try:
        lines = (directory / PUBLIC).read_text("ascii").split()
    except (FileNotFoundError, ValueError):
        return {}
    found = dict(map(read_verifier_key, lines))
    return {key_id(name, public): public for name, public in found.items()}


def _make(directory: Path, name: str) -> SealKey:
    seed = os.urandom(32)
    key = SealKey(name, seed, _public_of(seed))
    coded = base64.b64encode(ED25519 + seed).decode()
    _write(directory / PRIVATE, f"PRIVATE+KEY+{name}+{key_id(name, key.public).hex()}+{coded}\n", 0o600)
    _write(directory / PUBLIC, f"{key.word}\n", 0o644)
    return key


def _public_of(seed: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _write(file: Path, text: str, mode: int) -> None:
    """Durable before anything is signed with it; a public key that is there already keeps its line."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unreadable(file: Path) -> BadInput:
    return BadInput(
        f"{file} holds no key of a seal",
        mend="Put the key back from where you keep it, or set the file aside: a new one is made then.",
    )
