"""The hash chain of a stream."""

from __future__ import annotations

from hashlib import sha256

import pytest

from cuga.journal.port import Stored
from cuga.journal.seal import GENESIS, link, prefix_of, verify


def chain(stream: str, *appends: int) -> list[Stored]:
    """A stream of appends with so many events each."""
    before, found = GENESIS, []
    for count in appends:
        version = len(found)
        bodies = [f"event {version + nth}".encode() for nth in range(1, count + 1)]
        before = link(prefix_of(stream), version, before, bodies)
        for seq, body in enumerate(bodies, version + 1):
            found.append(Stored(position=seq, stream=stream, seq=seq, body=body, hash=before))
    return found


def but(event: Stored, **changes: object) -> Stored:
    fields: dict[str, object] = {name: getattr(event, name) for name in event.__struct_fields__}
    return Stored(**(fields | changes))  # type: ignore[arg-type]


def test_the_link_is_what_the_reference_says() -> None:
    digests = sha256(b"one").digest() + sha256(b"two").digest()
    preimage = b"cuga.journal\x00\x01" + b"\x00\x02r1" + (7).to_bytes(8, "big") + GENESIS + digests
    assert link(prefix_of("r1"), 7, GENESIS, [b"one", b"two"]) == sha256(preimage).digest()


def test_a_chain_holds_as_a_whole_and_from_any_version_on() -> None:
    events = chain("r1", 2, 1, 3)
    assert verify("r1", events, length=6) is None
    assert verify("r1", events[2:], after=2, before=events[1].hash) is None
    assert verify("r1", events[3:], after=3, before=events[2].hash) is None
    assert verify("r1", []) is None


def test_where_one_append_ends_and_the_next_begins_is_sealed() -> None:
    assert len({one.hash for one in (*chain("r1", 4), *chain("r1", 1, 3), *chain("r1", 2, 2))}) == 5


@pytest.mark.parametrize(
    ("kind", "where", "spoil"),
    [
        ("edited", "r1 #3", lambda e: [*e[:2], but(e[2], body=b"event 9"), *e[3:]]),
        ("edited", "r1 #3", lambda e: [*e[:2], but(e[2], hash=bytes(32)), *e[3:]]),
        ("missing", "r1 #3", lambda e: [*e[:2], *e[3:]]),
        ("missing", "r1 #1", lambda e: e[1:]),
        ("duplicated", "r1 #4", lambda e: [*e[:3], e[2], *e[3:]]),
        ("reordered", "r1 #2", lambda e: [e[0], e[2], e[1], *e[3:]]),
        ("truncated", "r1 #4", lambda e: e[:3]),
        ("swapped", "r1 #3", lambda e: [*e[:2], chain("r2", 1, 1, 1)[2], *e[3:]]),
        ("edited", "r1 #3", lambda e: [*e[:2], but(chain("r2", 1, 1, 1)[2], stream="r1"), *e[3:]]),
    ],
)
def test_the_first_bad_record_and_its_fault_are_named(kind: str, where: str, spoil: object) -> None:
    assert callable(spoil)
    fault = verify("r1", spoil(chain("r1", 1, 1, 1, 1, 1)), length=5)
    assert fault is not None
    assert (fault.kind, fault.where) == (kind, where)


@pytest.mark.parametrize(
    ("kind", "where", "spoil"),
    [
        ("edited", "r1 #2-4", lambda e: [*e[:2], but(e[2], body=b"event 9"), *e[3:]]),
        ("edited", "r1 #2-4", lambda e: [e[0], *(but(one, hash=bytes(32)) for one in e[1:4]), *e[4:]]),
        ("edited", "r1 #2", lambda e: [e[0], but(e[1], hash=bytes(32)), *e[2:]]),
        ("edited", "r1 #2-3", lambda e: e[:3]),
        ("missing", "r1 #3", lambda e: [*e[:2], *e[3:]]),
        ("missing", "r1 #2", lambda e: [e[0], e[4]]),
        ("duplicated", "r1 #4", lambda e: [*e[:3], e[2], *e[3:]]),
        ("reordered", "r1 #2", lambda e: [e[0], e[2], e[1], *e[3:]]),
        ("truncated", "r1 #5", lambda e: e[:4]),
    ],
)
def test_of_several_events_in_one_append_the_append_is_named(kind: str, where: str, spoil: object) -> None:
    assert callable(spoil)
    fault = verify("r1", spoil(chain("r1", 1, 3, 1)), length=5)
    assert fault is not None
    assert (fault.kind, fault.where) == (kind, where)


def test_a_chain_of_another_stream_does_not_hold_under_this_name() -> None:
    stolen = [but(event, stream="r1") for event in chain("r2", 1, 1)]
    fault = verify("r1", stolen)
    assert fault is not None and fault.kind == "edited"
