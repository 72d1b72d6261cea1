"""Whatever a tool answers becomes JSON bytes."""

from __future__ import annotations

import json
import math
from collections import OrderedDict, UserDict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.contract.journals import AT

from cuga.journal import envelope
from cuga.journal.envelope import encode_result
from cuga.journal.port import MAX_BLOB
from cuga.model.value import digest_bytes
from cuga.redact import Redactor


def shown(value: object) -> Any:
    body, _ = encode_result(value)
    return json.loads(body)


class Color(Enum):
    RED = "red"


class Name(str):
    pass


class Level(int):
    pass


class Share(float):
    pass


class Point(msgspec.Struct, rename={"y": "why"}):
    x: int
    y: object = None


class Tagged(msgspec.Struct, tag="t"):
    raw: msgspec.Raw


@dataclass
class Person:
    name: str
    tags: set[str]


class Deal(BaseModel):
    amount: Decimal
    closes: date


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(2**53) + 1,
        1.5,
        "",
        "é \U0001f600 \x00",
        [],
        {},
        {"a": [1, {"b": None}]},
        {"$int": 1, "b": 2},
        {"é": 1, "b": 2},
        {"a": "é", "b": 2},
        {"a": None, "b": True, "c": 2},
    ],
)
def test_plain_json_goes_through_untouched(value: object) -> None:
    assert encode_result(value) == (msgspec.json.encode(value), "")
    assert shown(value) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, 2), [1, 2]),
        (AT, "2026-01-05T09:00:00Z"),
        (timedelta(minutes=1), "PT60S"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("a/b"), "a/b"),
        (Color.RED, "red"),
        (Name("é"), "é"),
        (Level(3), 3),
        (Share(0.5), 0.5),
        (OrderedDict(a=1), {"a": 1}),
        (UserDict(a=1), {"a": 1}),
        (Point(1, Point(2)), {"x": 1, "why": {"x": 2, "why": None}}),
        (Tagged(msgspec.Raw(b'{"a": 1}')), {"type": "t", "raw": {"a": 1}}),
        (Deal(amount=Decimal("2.5"), closes=date(2026, 1, 5)), {"amount": "2.5", "closes": "2026-01-05"}),
    ],
)
def test_what_has_a_usual_json_form_gets_it_without_a_note(value: object, expected: object) -> None:
    assert shown(value) == expected
    assert encode_result(value)[1] == ""


@pytest.mark.parametrize(
    ("value", "expected", "note"),
    [
        (2**53, {"$int": "9007199254740992"}, "$int"),
        (-(2**53), {"$int": "-9007199254740992"}, "$int"),
        (Level(2**60), {"$int": str(2**60)}, "$int"),
        (float("nan"), {"$float": "nan"}, "$float"),
        (float("-inf"), {"$float": "-inf"}, "$float"),
        ("a\ud800", {"$text": "a\\ud800"}, "$text"),
        (Name("\ud800"), {"$text": "\\ud800"}, "$text"),
        (b"\x00\x01", {"$bytes": "AAE="}, "$bytes"),
        (bytearray(b"\x00\x01"), {"$bytes": "AAE="}, "$bytes"),
        ({3, 1, 2}, {"$set": [1, 2, 3]}, "$set"),
        (frozenset(), {"$set": []}, "$set"),
        ({1: "a"}, {"$map": [[1, "a"]]}, "$map"),
        ({"\ud800": 1}, {"$map": [[{"$text": "\\ud800"}, 1]]}, "$map, $text"),
        ({"a": 2**53, "b": 1}, {"a": {"$int": "9007199254740992"}, "b": 1}, "$int"),
        ({"a": "\ud800", "b": 1}, {"a": {"$text": "\\ud800"}, "b": 1}, "$text"),
        ({"a": float("nan"), "b": 1}, {"a": {"$float": "nan"}, "b": 1}, "$float"),
        ({"$int": "5"}, {"$map": [["$int", "5"]]}, "$map"),
        (Person("ada", {"x"}), {"name": "ada", "tags": {"$set": ["x"]}}, "$set"),
        (Point(2**53), {"x": {"$int": "9007199254740992"}, "why": None}, "$int"),
    ],
)
def test_what_json_cannot_carry_is_tagged_and_noted(value: object, expected: object, note: str) -> None:
    assert shown(value) == expected
    assert encode_result(value)[1] == f"replaced: {note}"


def test_an_integer_of_many_thousand_digits_is_shown_in_hex() -> None:
    assert shown(1 << 40_000) == {"$int": hex(1 << 40_000)}
    first = 1 << 12_999
    assert [shown(one) for one in (first - 1, first)] == [{"$int": str(first - 1)}, {"$int": hex(first)}]


def test_a_value_inside_itself_is_cut_where_it_comes_again() -> None:
    loop: dict[str, Any] = {"a": 1}
    loop["self"] = [loop]
    assert shown(loop) == {"a": 1, "self": [{"$cycle": True}]}


def test_the_same_value_twice_side_by_side_is_no_cycle() -> None:
    twin = {"a": 1}
    assert shown([twin, twin]) == [twin, twin]


def test_a_value_that_is_too_deep_is_cut_at_the_limit() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    body, note = encode_result(deep)
    assert body == b"[" * 33 + b'{"$deep":"list"}' + b"]" * 33
    assert note == "replaced: $deep"


def test_every_kind_of_container_is_one_level_deep() -> None:
    for wrap, opens in (
        (lambda inner: {"a": inner, "b": 1}, '{"a":'),
        (lambda inner: {1: inner}, '{"$map":[[1,'),
        (lambda inner: Around(inner), '{"inner":'),
    ):
        deep: Any = "end"
        for _ in range(40):
            deep = wrap(deep)
        assert encode_result(deep)[0].decode().split('"$deep"')[0].count(opens) == 33
    for dress in (lambda inner: Enum("Dressed", {"A": inner})["A"], Dumped):
        deep = "end"
        for _ in range(40):
            deep = dress([deep])
        assert encode_result(deep)[0] == b"[" * 16 + b'{"$deep":"list"}' + b"]" * 16, "what is inside is deeper by one"
    key: Any = "end"
    for _ in range(40):
        key = (key,)
    assert encode_result({key: 1})[0].startswith(b'{"$map":[[' + b"[" * 32 + b'{"$deep":"tuple"}')


class Dumped:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def model_dump(self) -> Any:
        return self.inner


@dataclass
class Around:
    inner: Any


def test_a_small_value_that_describes_an_endless_one_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "MAX_NODES", 2_000)
    many: Any = "x"
    for _ in range(30):
        many = [many, many]
    for told in (many, {"a": many}, [0] * 2_001):
        body, note = encode_result(told)
        assert json.loads(body) == {"$too_large": {"values": "more than 2000"}}
        assert note == "too large to keep: more than 2000 values"
    assert encode_result([[0] * 999, {key: [] for key in map(str, range(999))}])[1] == ""


def test_a_result_beyond_the_limit_is_described_by_size_and_digest() -> None:
    text = "x" * (MAX_BLOB - 2)
    assert encode_result(text) == (b'"' + text.encode() + b'"', "")
    body, note = encode_result(text + "x")
    digest = digest_bytes(b'"' + text.encode() + b'x"')
    assert json.loads(body) == {"$too_large": {"size": MAX_BLOB + 1, "sha256": digest}}
    assert note == f"too large to keep: {MAX_BLOB + 1} bytes"


def test_anything_else_is_named_and_shown() -> None:
    endless = iter(int, 1)
    assert shown(endless)["$object"] == "builtins.callable_iterator"
    assert shown(SimpleNamespace(a="\ud800"))["$object"] == "types.SimpleNamespace"
    for kind in (Person, Deal, Color):
        assert kind.__name__ in shown(kind)["text"]
    assert shown([len])[0]["text"] == "<built-in function len>"
    odd = type("Odd", (), {"__module__": "half\ud800", "__repr__": lambda self: "odd"})
    assert shown(odd()) == {"$object": "half\\ud800.Odd", "text": "odd"}
    assert encode_result([len])[1] == "replaced: $object"


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    def model_dump(self) -> object:
        raise RuntimeError("no")


class Liar(dict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("no")


class Wrong:
    @property
    def __class__(self) -> Any:
        raise RuntimeError("no")


def test_an_object_that_fights_back_is_named_and_its_neighbours_are_kept() -> None:
    first, hostile, liar, wrong, last = shown([1, Hostile(), Liar(a=1), Wrong(), 2])
    assert (first, last) == (1, 2)
    assert hostile["$object"].endswith("Hostile") and hostile["text"] == ""
    assert liar["$object"].endswith("Liar")
    assert wrong["$object"].endswith("Wrong")


def test_what_cannot_even_be_encoded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, value: object, depth: int) -> object:
        raise MemoryError

    monkeypatch.setattr(envelope._Walk, "clean", refuse)
    assert encode_result([1]) == (b'{"$object":"builtins.list","text":""}', "could not be read: MemoryError")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=3) | st.integers(), inner, max_size=4)
        | st.tuples(inner, inner)
        | st.frozensets(st.integers() | st.text(max_size=2), max_size=3)
    ),
    max_leaves=20,
)


@given(anything)
def test_every_value_becomes_json_that_is_its_own_envelope(value: object) -> None:
    body, _ = encode_result(value)
    read = msgspec.json.decode(body)
    assert not any(isinstance(one, float) and math.isnan(one) for one in [read])
    assert json.loads(body) == read
    assert encode_result(value)[0] == body


def test_a_result_of_plain_fields_loses_its_secrets_as_any_other():
    redactor = Redactor(["hunter2x"])
    told = {"note": "it is hunter2x", "ok": True}
    assert encode_result(told, redactor) == (b'{"note":"it is [redacted]","ok":true}', "")
    assert encode_result({"api_key": "abc", "ok": True}, redactor) == (b'{"api_key":"[redacted]","ok":true}', "")


def test_a_key_that_breaks_when_it_is_compared_breaks_nothing():
    class Touchy(str):
        def __hash__(self):
            if self.asked:
                raise RuntimeError("do not ask me")
            return 1

        asked = False

    key = Touchy("a")
    value = {key: 1, "b": 2}
    key.asked = True
    assert encode_result(value)[1] == "could not be read: RuntimeError"


def test_an_object_that_is_nothing_else_is_told_by_its_name_and_the_beginning_of_its_text() -> None:
    class Long:
        def __repr__(self) -> str:
            return "x" * 199 + "\ud800yz"

    body, note = encode_result(Long())
    name = f"{__name__}.{Long.__qualname__}"
    assert json.loads(body) == {"$object": name, "text": "x" * 199 + "\\ud800"} and note == "replaced: $object"
