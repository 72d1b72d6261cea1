"""Signed words on the book, what is left of a run without its words, and the faults of a chain: each on a page."""

from __future__ import annotations

import base64
from typing import get_args

import msgspec
import pytest
from tests.golden.stories import specimen
from tests.said import Tell

from cuga.errors import BadInput
from cuga.journal.checkpoint import (
    COSIGNER,
    ED25519,
    Checkpoint,
    cosigned_at,
    cosigned_line,
    key_id,
    read_note,
    read_verifier_key,
    signed,
    signed_part,
    verifier_key,
)
from cuga.journal.codec import PLAIN
from cuga.journal.port import Stored
from cuga.journal.seal import GENESIS, edited, link, prefix_of, verify
from cuga.journal.tombstone import blanked, digest_of, is_tombstone, sum_of, tombstone, without_mark
from cuga.model.event import PlanCreated, RunEvent, name_of
from cuga.model.house_event import HouseEvent
from cuga.model.value import digest_bytes, encode

PUBLIC = bytes(range(32))
NOTE = Checkpoint(origin="house.example/book", size=4, root=bytes(32), epoch=2, position=11)


# --- checkpoints -----------------------------------------------------------------------------------------------------
def sign(text: bytes) -> bytes:
    return bytes.fromhex(digest_bytes(text)) * 2


def test_a_note_says_how_far_a_book_has_come_and_is_read_as_it_was_written(tell: Tell) -> None:
    note = signed(NOTE, "house", PUBLIC, sign)
    tell(note.decode())
    found, signatures = read_note(note)
    assert found == NOTE and signatures == {key_id("house", PUBLIC): sign(NOTE.text().encode())}
    assert signed_part(note) == NOTE.text().encode()
    second = note + signed(NOTE, "other", PUBLIC, sign).partition(b"\n\n")[2]
    assert read_note(second)[1].keys() == {key_id("house", PUBLIC), key_id("other", PUBLIC)}


def spoilt(old: bytes, new: bytes) -> bytes:
    note = signed(NOTE, "house", PUBLIC, sign)
    assert old in note
    return note.replace(old, new, 1)


def test_what_is_no_note_is_refused() -> None:
    for note in (
        b"",
        b"\xff",
        NOTE.text().encode(),
        NOTE.text().encode() + b"\n",
        spoilt(b"\n4\n", b"\nfour\n"),
        spoilt(b"\n4\n", b"\n04\n"),
        spoilt(b"\n4\n", b"\n"),
        spoilt(b"epoch 2", b"epoch  2"),
        spoilt(b"epoch 2", b"2"),
        spoilt(b"events 11", b"11"),
        spoilt(b"events 11\n", b"events 11\nmore\n"),
        spoilt(base64.b64encode(bytes(32)), base64.b64encode(bytes(31))),
        spoilt(base64.b64encode(bytes(32)), b"!" * 44),
        spoilt("— ".encode(), b"- "),
        spoilt("— house ".encode(), "— ".encode()),
        signed(NOTE, "house", PUBLIC, sign)[:-9] + b"!\n",
        spoilt("— house ".encode(), "— house !".encode()),
        spoilt(b"\nepoch", b"!\nepoch"),
        signed(NOTE, "house", PUBLIC, sign) + b"more\n",
    ):
        with pytest.raises(BadInput):
            read_note(note)


def test_a_key_is_one_word_and_is_read_as_it_was_written(tell: Tell) -> None:
    word = verifier_key("house", PUBLIC)
    tell(word)
    assert read_verifier_key(word) == read_verifier_key(f" {word}\n") == ("house", PUBLIC)
    assert read_verifier_key(verifier_key("house", b"+" * 32)) == ("house", b"+" * 32)
    name, hexed, coded = word.split("+", 2)
    other = base64.b64encode(b"\x02" + PUBLIC).decode()
    short = base64.b64encode(ED25519 + PUBLIC[1:]).decode()
    for wrong in ("", "house", f"{name}+{hexed}", f"{name}+{hexed}+!", f"other+{hexed}+{coded}", f"{name}+00+{coded}",
                  f"{name}+{hexed}+{other}", f"{name}+{hexed}+{short}", f"{name}+{hexed}+{coded}é",
                  f"{name}+{hexed}+!{coded}", verifier_key("house", PUBLIC[1:])):  # fmt: skip
        with pytest.raises(BadInput):
            read_verifier_key(wrong)
    second = base64.b64encode(b"\x02" + PUBLIC).decode()
    with pytest.raises(BadInput):
        read_verifier_key(f"house+{key_id('house', PUBLIC).hex()}+{second}")


def test_a_witness_signs_with_a_key_of_another_kind_and_says_when(tell: Tell) -> None:
    word = verifier_key("house/witness", PUBLIC, COSIGNER)
    tell(word)
    assert read_verifier_key(word, COSIGNER) == ("house/witness", PUBLIC)
    for text, kind in ((word, ED25519), (verifier_key("house", PUBLIC), COSIGNER)):
        with pytest.raises(BadInput):
            read_verifier_key(text, kind)
    note, asked = signed(NOTE, "house", PUBLIC, sign), []

    def signs(text: bytes) -> bytes:
        asked.append(text)
        return b"w" * 64

    def holds(public: bytes, signature: bytes, message: bytes) -> bool:
        return (public, signature, message) == (PUBLIC, b"w" * 64, asked[0])

    line = cosigned_line(note, 1_679_315_147, "house/witness", PUBLIC, signs)
    tell(line)
    assert asked == [b"cosignature/v1\ntime 1679315147\n" + NOTE.text().encode()]
    whole = note + line.encode()
    assert cosigned_at(whole, "house/witness", PUBLIC, holds) == 1_679_315_147
    assert signed_part(whole) == signed_part(note) and read_note(whole)[0] == NOTE
    for other, name in ((note, "house/witness"), (whole, "house"), (whole, "another/witness")):
        assert cosigned_at(other, name, PUBLIC, holds) is None
    later = base64.b64decode(line.rpartition(" ")[2])
    moved = base64.b64encode(later[:4] + (1).to_bytes(8, "big") + later[12:]).decode()
    assert cosigned_at(note + f"— house/witness {moved}\n".encode(), "house/witness", PUBLIC, holds) is None
    cut = base64.b64encode(later[:-1]).decode()
    assert cosigned_at(note + f"— house/witness {cut}\n".encode(), "house/witness", PUBLIC, holds) is None


# --- tombstones ------------------------------------------------------------------------------------------------------
def test_of_each_kind_of_event_its_words_are_blanked_and_nothing_else(tell: Tell) -> None:
    for kind in (*get_args(RunEvent), *get_args(HouseEvent)):
        event = specimen(kind)
        left = blanked(event)
        before, after = (msgspec.json.decode(encode(one)) for one in (event, left))
        changed = {name: after.get(name) for name in before if after.get(name) != before[name]}
        tell(f"{name_of(event)}: {encode(changed).decode()}")
        assert blanked(left) == left
    made = specimen(PlanCreated)
    assert isinstance(made, PlanCreated)
    steps = tuple(msgspec.structs.replace(step, for_each=None) for step in made.plan.steps)
    bare = msgspec.structs.replace(made, plan=msgspec.structs.replace(made.plan, steps=steps))
    left = blanked(bare)
    assert isinstance(left, PlanCreated) and [step.for_each for step in left.plan.steps] == [None] * len(steps)


def test_a_tombstone_counts_for_what_was_there_and_is_still_an_event(tell: Tell) -> None:
    for kind in get_args(RunEvent):
        body = PLAIN.encode(specimen(kind))
        left = tombstone(body, specimen(kind))
        assert is_tombstone(left) and not is_tombstone(body) and tombstone(left, specimen(kind)) == left
        assert digest_of(left) == digest_of(body) == bytes.fromhex(digest_bytes(body))
        assert PLAIN.decode(without_mark(left)) == blanked(specimen(kind)) and without_mark(body) == body
    words = b'{"type":"annotation","at":"2026-01-05T09:00:00Z","by":"sealed1:abc","text":"x"}'
    tell(tombstone(words, PLAIN.decode(words)).decode())
    tell(sum_of([b"a", b"b"]))
    odd = b'{"was":"' + b"z" * 64 + b'","type":"annotation"}'
    assert digest_of(odd) == bytes.fromhex(digest_bytes(odd)) and is_tombstone(odd)
    assert without_mark(odd) == b'{"type":"annotation"}'


# --- the chain -------------------------------------------------------------------------------------------------------
def chain(*appends: tuple[bytes, ...], stream: str = "r1") -> list[Stored]:
    found: list[Stored] = []
    before = GENESIS
    for bodies in appends:
        at = len(found)
        before = link(prefix_of(stream), at, before, bodies)
        found += [
            Stored(position=at + n, stream=stream, seq=at + n, body=body, hash=before)
            for n, body in enumerate(bodies, 1)
        ]
    return found


def test_a_chain_that_holds_has_no_fault_and_any_other_has_one(tell: Tell) -> None:
    whole = chain((b"a", b"b"), (b"c",), (b"d", b"e", b"f"))
    a, b, c, d, e, f = whole
    assert (
        verify("r1", [])
        is verify("r1", whole)
        is verify("r1", whole, length=6)
        is verify("r1", whole, length=5)
        is None
    )
    assert verify("r1", [c, d, e, f], after=2, before=b.hash) is None
    assert verify("r1", [], length=0) is None
    for name, events, how in (
        ("short", whole, {"length": 8}),
        ("nothing", [], {"length": 1}),
        ("of another", [a, msgspec.structs.replace(b, stream="r2")], {}),
        ("one edited", [a, msgspec.structs.replace(b, body=b"x"), c], {}),
        ("a lone one edited", [a, b, msgspec.structs.replace(c, body=b"x")], {}),
        ("another hash", [a, b, c, *(msgspec.structs.replace(one, hash=GENESIS) for one in (d, e, f))], {}),
        ("one gone", [a, b, d, e, f], {}),
        ("the first gone", [b, c], {}),
        ("one twice", [a, b, c, c, d, e, f], {}),
        ("two turned", [b, a, c], {}),
        ("later turned", [d, c, e, f], {"after": 2, "before": b.hash}),
        ("later gone", [c, e, f], {"after": 2, "before": b.hash}),
        ("not from there", [c, d, e, f], {"after": 2}),
        ("under another name", whole, {"stream": "r2"}),
    ):
        options: dict[str, object] = dict(how)
        tell(verify(str(options.pop("stream", "r1")), events, **options), name)  # type: ignore[arg-type]
    tell([edited("r", 4, 5).where, edited("r", 4, 6).where, edited("r", 4, 4).where])
