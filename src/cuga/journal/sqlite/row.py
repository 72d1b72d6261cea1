"""An append as a row of the file: its events in one JSON array, and what is read back of it.

A row is what a commit adds and what the chain links, so it is written, read and checked as a whole. Whoever edits by
hand may leave anything where bytes were: that comes back as bytes no hash fits, which names the fault.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cuga.journal.port import Stored

_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


def joined(bodies: Sequence[bytes]) -> bytes:
    """What lies in the row: the bytes of the events, exactly, as a JSON array."""
    return b"[" + b",".join(bodies) + b"]"


def bodies_of(events: object, count: int) -> list[bytes]:
    """The bytes of each event of a row that is said to hold so many; of an altered row, its bytes as one."""
    kept = as_bytes(events)
    try:
        bodies = [bytes(body) for body in _split(kept)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [kept]
    return bodies if len(bodies) == count and joined(bodies) == kept else [kept]


def stored_of(stream: str, position: int, expected: int, version: int, events: object, hash: object) -> list[Stored]:
    """The events of a row, one by one."""
    before, link = position - version, as_bytes(hash)
    return [
        Stored(position=before + seq, stream=stream, seq=seq, body=body, hash=link)
        for seq, body in enumerate(bodies_of(events, version - expected), expected + 1)
    ]


def as_bytes(value: object) -> bytes:
    """A column that should hold bytes; anything else as bytes that no hash of ours fits."""
    return value if isinstance(value, bytes) else repr(value).encode()
