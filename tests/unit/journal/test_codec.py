"""Events to stored bytes and back."""

from __future__ import annotations

import msgspec
import pytest
from tests.contract.journals import AT, said

from cuga.errors import EventUnreadable, JournalFailed
from cuga.journal.codec import PLAIN, Codec, Fields, events_of
from cuga.model.event import Annotation, RunParked, ToolCallComplete
from cuga.model.house_event import Halted


def test_an_event_comes_back_as_it_went_in() -> None:
    for event in (*said("a"), Halted(at=AT, by="ada", reason="stop")):
        assert PLAIN.decode(PLAIN.encode(event)) == event


def test_payload_bytes_are_stored_as_they_are() -> None:
    event = ToolCallComplete(at=AT, step="s1", attempt=1, result=msgspec.Raw(b'{"b":1.50, "a":[ ]}'))
    body = PLAIN.encode(event)
    assert b'{"b":1.50, "a":[ ]}' in body
    read = PLAIN.decode(body)
    assert isinstance(read, ToolCallComplete) and bytes(read.result) == b'{"b":1.50, "a":[ ]}'


def test_a_lone_surrogate_is_written_with_its_escape_wherever_it_is() -> None:
    event = ToolCallComplete(
        at=AT, step="\ud800", attempt=1, result=msgspec.Raw(b"[1]"), carried={"/\udfff": msgspec.Raw(b"1")}
    )
    parked = RunParked(at=AT, reason="", needs=("\ud800", "b"))
    assert PLAIN.decode(PLAIN.encode(parked)) == RunParked(at=AT, reason="", needs=("\\ud800", "b"))
    read = PLAIN.decode(PLAIN.encode(event))
    assert isinstance(read, ToolCallComplete)
    assert (read.step, list(read.carried), bytes(read.result)) == ("\\ud800", ["/\\udfff"], b"[1]")
    assert [bytes(one) for one in read.carried.values()] == [b"1"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"at":1}', b'{"type":3}', b'{"type":"annotation","v":"x"}', b"\xff"]
)
def test_bytes_that_are_no_event_are_unreadable(body: bytes) -> None:
    with pytest.raises(EventUnreadable):
        PLAIN.decode(body)


def test_an_unknown_name_is_unreadable_and_named() -> None:
    with pytest.raises(EventUnreadable, match="tea_was_served, version 1"):
        PLAIN.decode(b'{"type":"tea_was_served","at":"2026-01-05T09:00:00Z"}')


def test_an_unknown_field_and_a_newer_version_are_unreadable() -> None:
    with pytest.raises(EventUnreadable, match="annotation, version 1"):
        PLAIN.decode(b'{"type":"annotation","at":"2026-01-05T09:00:00Z","text":"a","extra":1}')
    with pytest.raises(EventUnreadable, match="annotation, version 2"):
        PLAIN.decode(b'{"type":"annotation","at":"2026-01-05T09:00:00Z","text":"a","v":2}')


def renamed(fields: Fields) -> Fields:
    return {"text" if name == "remark" else name: value for name, value in fields.items()}


def louder(fields: Fields) -> Fields:
    return fields | {"text": msgspec.Raw(msgspec.json.encode(msgspec.json.decode(fields["text"], type=str) + "!"))}


def test_older_shapes_are_lifted_step_by_step_and_new_ones_say_their_version() -> None:
    codec = Codec(lifts={("annotation", 1): renamed, ("annotation", 2): louder})
    oldest = codec.decode(b'{"type":"annotation","at":"2026-01-05T09:00:00Z","remark":"a"}')
    older = codec.decode(b'{"type":"annotation","at":"2026-01-05T09:00:00Z","text":"a","v":2}')
    still_read = codec.decode(b'{"type":"annotation","at":"2026-01-05T09:00:00Z","text":"a"}')
    assert oldest == older == still_read == Annotation(at=AT, text="a!", v=3)
    body = codec.encode(said("a")[0])
    assert b'"v":3' in body
    assert codec.decode(body) == Annotation(at=AT, text="a", v=3)
    halted = Halted(at=AT)
    assert codec.decode(codec.encode(halted)) == halted


def test_a_lift_that_makes_no_event_is_told() -> None:
    codec = Codec(lifts={("annotation", 1): lambda fields: {"type": fields["type"]}})
    with pytest.raises(EventUnreadable, match="lifted to version 2"):
        codec.decode(b'{"type":"annotation","at":"2026-01-05T09:00:00Z","text":"a"}')


def test_secrets_are_replaced_in_the_stored_bytes() -> None:
    codec = Codec(scrub=lambda body: body.replace(b"hunter2", b"***"))
    assert codec.decode(codec.encode(said("hunter2")[0])) == said("***")[0]
    assert codec.decode(codec.encode(said("nothing")[0])) == said("nothing")[0]


def test_what_looks_like_a_secret_only_where_two_events_meet_is_none() -> None:
    codec = Codec(scrub=lambda body: body.replace(b"},{", b"***"))
    assert codec.encode_all(said("a", "b")) == PLAIN.encode_all(said("a", "b"))


def test_a_replacement_that_breaks_the_event_is_not_stored() -> None:
    codec = Codec(scrub=lambda body: body.replace(b"annotation", b"***"))
    with pytest.raises(JournalFailed, match="annotation"):
        codec.encode(said("a")[0])


def test_what_a_journal_gave_becomes_events() -> None:
    assert events_of([]) == []
