"""The hash chain of a stream, and what is wrong with one that does not hold.

One link an append: SHA-256(tag and format version, length of the stream's id, the id, the version it was decided on,
the hash of the append before, the SHA-256 of each event's stored bytes). The digests stand for the bytes, so a chain
can be checked where some of them are withheld. It sees an edit, a gap and a change of order; a lost tail only when
told how long the stream must be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import groupby
from operator import attrgetter

from cuga.journal.port import Stored
from cuga.journal.tombstone import digest_of
from cuga.model.value import Value

TAG = b"cuga.journal\x00\x01"  # domain and format version of the preimage
GENESIS = bytes(32)  # what the first append is chained to


class Fault(Value, frozen=True, kw_only=True):
    """One thing that is wrong. `kind` is a machine's word, `where` names the record, `detail` says what was found.

    Kinds of a chain: edited, missing, duplicated, reordered, truncated, swapped. Kinds of a whole file besides:
    unreadable, blob_missing, blob_altered, snapshot_missing, claims_differ, file_damaged.
    """

    kind: str
    where: str
    detail: str = ""


def prefix_of(stream: str) -> bytes:
    """The part of the preimage that all appends to a stream share."""
    name = stream.encode()
    return TAG + len(name).to_bytes(2) + name


def link(prefix: bytes, expected: int, before: bytes, bodies: Iterable[bytes]) -> bytes:
    """The hash of an append at the version `expected`, whose last append has the hash `before`."""
    digests = b"".join([sha256(body).digest() for body in bodies])
    return sha256(prefix + expected.to_bytes(8) + before + digests).digest()


def link_of_kept(prefix: bytes, expected: int, before: bytes, bodies: Iterable[bytes]) -> bytes:
    """The same over what is kept of an append: a tombstone counts for the event that it stands for."""
    digests = b"".join([digest_of(body) for body in bodies])
    return sha256(prefix + expected.to_bytes(8) + before + digests).digest()


def verify(
    stream: str, events: Sequence[Stored], *, after: int = 0, before: bytes = GENESIS, length: int | None = None
) -> Fault | None:
    """The first fault of the events that follow version `after`, whose hash is `before`; None: they hold.

    They begin with an append and are whole appends. With `length` the stream must end at that version.
    """
    prefix = prefix_of(stream)
    seq = after
    for hash, append in groupby(events, attrgetter("hash")):
        expected, bodies = seq, []
        for event in append:
            seq += 1
            if event.stream != stream:
                return Fault(kind="swapped", where=f"{stream} #{seq}", detail=f"this record belongs to {event.stream}")
            if event.seq != seq:
                return _out_of_order(stream, seq, [one.seq for one in events], after)
            bodies.append(event.body)
        if link_of_kept(prefix, expected, before, bodies) != hash:
            return edited(stream, expected, seq)
        before = hash
    if length is not None and seq < length:
        return Fault(kind="truncated", where=f"{stream} #{seq + 1}", detail=f"it ends at {seq}, {length} were written")
    return None


def edited(stream: str, expected: int, version: int) -> Fault:
    """The fault of an append whose bytes or hash are not what was written: one of its events, or all of them."""
    where = f"{stream} #{expected + 1}" + (f"-{version}" if version > expected + 1 else "")
    return Fault(kind="edited", where=where, detail="its bytes or its hash were changed")


def _out_of_order(stream: str, seq: int, found: list[int], after: int) -> Fault:
    where = f"{stream} #{seq}"
    twice = sorted(number for number, times in Counter(found).items() if times > 1)
    if twice:
        return Fault(kind="duplicated", where=where, detail=f"record {twice[0]} is there more than once")
    if sorted(found) == list(range(after + 1, after + 1 + len(found))):
        return Fault(kind="reordered", where=where, detail="all records are there, in another order")
    return Fault(kind="missing", where=where, detail="this record is gone")
