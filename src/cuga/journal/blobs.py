"""Bytes kept out of line, addressed by what they are.

A blob's name is the SHA-256 of its bytes, so the same bytes are kept once and altered bytes are found out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cuga.errors import BadInput, JournalCorrupt
from cuga.journal.port import MAX_BLOB
from cuga.model.value import digest_bytes


def unnamed(digests: Collection[str], bodies: Iterable[bytes]) -> list[str]:
    """Those of some digests that stand in none of these bodies."""
    left = dict.fromkeys(digests)
    for body in bodies if left else ():
        for digest in [digest for digest in left if digest.encode() in body]:
            del left[digest]
    return list(left)


def addressed(bodies: Iterable[bytes]) -> dict[str, bytes]:
    """The bytes by their digest; `BadInput` when one of them is too large to keep."""
    found = {}
    for body in bodies:
        if len(body) > MAX_BLOB:
            raise BadInput(f"{len(body)} bytes are too many", mend=f"Keep at most {MAX_BLOB}, or size and digest.")
        found[digest_bytes(body)] = body
    return found


def intact(digest: str, body: bytes) -> bytes:
    """The same bytes, or `JournalCorrupt` when they are not what their name says."""
    if digest_bytes(body) != digest:
        raise JournalCorrupt(f"blob {digest}: its bytes were changed")
    return body
