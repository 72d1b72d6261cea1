"""JSON from outside, read strictly."""

from __future__ import annotations

import pytest

from cuga.errors import BadInput
from cuga.journal.strict import parse_strict


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, -2.5, true, null, "\xc3\xa9 \\u0000"]}', {"a": [1, -2.5, True, None, "é \0"]}),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ("9007199254740991", 2**53 - 1),
        ("-9007199254740991", -(2**53) + 1),
        ('"plain"', "plain"),
        ("[" * 32 + "]" * 32, None),
    ],
)
def test_plain_json_is_read(text: bytes | str, value: object) -> None:
    assert parse_strict(text) == value or value is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' is there twice"),
        ('{"a": 1, "b": 2, "b": 2}', "the key 'b' is there twice"),
        ("1" + "0" * 50 + "e999", "the number 1" + "0" * 39 + " is too large"),
        ("[NaN]", "NaN is not a JSON number"),
        ("-Infinity", "-Infinity is not a JSON number"),
        ("1e999", "1e999 is too large"),
        ("9007199254740992", "beyond 2^53"),
        ("-9007199254740992", "beyond 2^53"),
        ("1" * 5000, "beyond 2^53"),
        ('{"a": ["\\ud800"]}', "lone surrogate) at /a/0"),
        ('{"a": {"\\ud800": 1}}', "lone surrogate) at /a"),
        ('"\\udfff"', "lone surrogate) at /"),
        ("[" * 33 + "]" * 33, "more than 32 levels deep at /0/0"),
        ("[" * 100_000, "more than 32 levels deep"),
        (b"[1,\n2 3]", "not JSON at line 2, column 3"),
        (b"", "not JSON at line 1, column 1"),
        (b"[\xff]", "byte 1 is not UTF-8"),
        (" " * (1 << 20) + "1", "1048577 bytes"),
    ],
)
def test_what_two_readers_could_take_differently_is_refused_with_its_place(text: bytes | str, told: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse_strict(text)
    assert told in refusal.value.message
    assert refusal.value.next_step


def test_the_limits_can_be_set_lower() -> None:
    assert parse_strict("[[1]]", depth=2) == [[1]] and parse_strict("[1]", limit=3) == [1]
    with pytest.raises(BadInput, match="more than 1 levels deep"):
        parse_strict("[[1]]", depth=1)
    with pytest.raises(BadInput, match="5 bytes"):
        parse_strict("[1,2]", limit=3)
