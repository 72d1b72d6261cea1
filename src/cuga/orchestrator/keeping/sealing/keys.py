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
from cuga.journal.checkpoint import COSIGNER, ED25519, key_id, read_verifier_key, verifier_key
from cuga.witness import Cosigner

PRIVATE, PUBLIC = "seal.key", "seal.pub"
WITNESS_PRIVATE, WITNESS_PUBLIC = "witness.key", "witness.pub"  # for checkpoints of others, and for nothing else


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
    return SealKey(*_key_of(directory, name, ED25519, PRIVATE, PUBLIC))


def cosigner_key(directory: Path, name: str) -> Cosigner:
    """The key by which a house is a witness, likewise."""
    return cosigner_from(*_key_of(directory, name, COSIGNER, WITNESS_PRIVATE, WITNESS_PUBLIC)[:2])


def cosigner_from(name: str, seed: bytes) -> Cosigner:
    """A witness's key of 32 bytes."""
    return Cosigner(name, public_of(seed), SealKey(name, seed, b"").sign)


def _key_of(directory: Path, name: str, kind: bytes, private: str, public: str) -> tuple[str, bytes, bytes]:
    """Name, seed and public half."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = directory / private
    try:
        text = file.read_text("ascii")
    except FileNotFoundError:
        return _make(file, directory / public, name, kind)
    except (OSError, ValueError) as error:
        raise _unreadable(file) from error
    try:
        head, kept, _id, coded = text.strip().removeprefix("PRIVATE+").split("+", 3)
        raw = base64.b64decode(coded, validate=True)
    except ValueError:
        raise _unreadable(file) from None
    if head != "KEY" or len(raw) != 33 or raw[:1] != kind:
        raise _unreadable(file)
    return kept, raw[1:], public_of(raw[1:])


def public_keys(directory: Path) -> dict[bytes, bytes]:
    """The public keys that notes may be signed with: id -> key. Older ones stay in the file, a line each."""
    try:
        lines = (directory / PUBLIC).read_text("ascii").split()
    except (FileNotFoundError, ValueError):
        return {}
    return {key_id(*key): key[1] for key in map(read_verifier_key, lines)}


def _make(private: Path, public: Path, name: str, kind: bytes) -> tuple[str, bytes, bytes]:
    seed = os.urandom(32)
    key = public_of(seed)
    coded = base64.b64encode(kind + seed).decode()
    _write(private, f"PRIVATE+KEY+{name}+{key_id(name, key, kind).hex()}+{coded}\n", 0o600)
    _write(public, f"{verifier_key(name, key, kind)}\n", 0o644)
    return name, seed, key


def public_of(seed: bytes) -> bytes:
    """The public half of a key of 32 bytes."""
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
