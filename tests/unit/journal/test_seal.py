"""The hash chain of a stream."""

from __future__ import annotations

from hashlib import sha256

import pytest

from cuga.journal.port import Stored
from cuga.journal.seal import GENESIS, link, prefix_of, verify


def chain(stream: str, count: int) -> list[Stored]:
    before, found = GENESIS, []
    for seq in range(1, count + 1):
        body = f"event {seq}".encode()
        before = link(prefix_of(stream), seq, before, body)
        found.append(Stored(position=seq, stream=stream, seq=seq, body=body, hash=before))
    return found


def but(event: Stored, **changes: object) -> Stored:
    fields: dict[str, object] = {name: getattr(event, name) for name in event.__struct_fields__}
    return Stored(**(fields | changes))  # type: ignore[arg-type]


def test_the_link_is_what_the_reference_says() -> None:
    preimage = b"cuga.journal\x00\x01" + b"\x00\x02r1" + (7).to_bytes(8, "big") + GENESIS + sha256(b"body").digest()
    assert link(prefix_of("r1"), 7, GENESIS, b"body") == sha256(preimage).digest()


def test_a_chain_holds_as_a_whole_and_from_any_version_on() -> None:
    events = chain("r1", 5)
    assert verify("r1", events, length=5) is None
    assert verify("r1", events[2:], after=2, before=events[1].hash) is None
    assert verify("r1", []) is None


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
        ("swapped", "r1 #3", lambda e: [*e[:2], chain("r2", 3)[2], *e[3:]]),
        ("edited", "r1 #3", lambda e: [*e[:2], but(chain("r2", 3)[2], stream="r1"), *e[3:]]),
    ],
)
def test_the_first_bad_record_and_its_fault_are_named(kind: str, where: str, spoil: object) -> None:
    assert callable(spoil)
    fault = verify("r1", spoil(chain("r1", 5)), length=5)
    assert fault is not None
    assert (fault.kind, fault.where) == (kind, where)


def test_a_chain_of_another_stream_does_not_hold_under_this_name() -> None:
    stolen = [but(event, stream="r1") for event in chain("r2", 2)]
    fault = verify("r1", stolen)
    assert fault is not None and fault.kind == "edited"
