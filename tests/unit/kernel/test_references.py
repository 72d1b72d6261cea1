"""Pointers into outputs: what a list may be asked for, and nothing that trips over itself."""

from __future__ import annotations

import msgspec
import pytest

from cuga.kernel.references import ITEMS, MAX_ARGUMENTS, Unresolved, extracted, filled, inside_of, pointed, within_calls
from cuga.model.plan import ITEM, REFERENCE, Reference
from cuga.testing.story import raw


@pytest.mark.parametrize(
    "token", ["\u00b2", "\u0663", "1" * 5_000, "9" * 10, "00", "01", "-1", "+1", " 1", "1_0", "", "3"]
)
def test_what_is_no_plain_index_of_a_list_points_at_nothing(token):
    with pytest.raises(Unresolved, match="nothing at"):
        pointed({"items": [1, 2, 3]}, f"/items/{token}")


def test_an_index_of_a_list_points_at_its_value():
    assert [pointed(list(range(12)), f"/{at}") for at in (0, 9, 11)] == [0, 9, 11]


def test_odd_digits_are_names_like_any_other_in_an_object():
    assert pointed({"\u00b2": 1, "007": 2}, "/\u00b2") == 1
    assert pointed({"\u00b2": 1, "007": 2}, "/007") == 2


def test_a_pointer_into_one_result_of_a_list_is_told_from_any_other():
    inside = {path: inside_of(path) for path in (
        f"{ITEMS}/0", f"{ITEMS}/12/buyer/0", f"{ITEMS}/999", f"{ITEMS}/7/", f"{ITEMS}/1000", f"{ITEMS}/x",
        f"{ITEMS}/-1",
        f"{ITEMS}/\u0663", f"{ITEMS}/", ITEMS, f"{ITEMS}s/1", "/0", "", f"/other{ITEMS}/1",
    )}  # fmt: skip
    assert {path: found for path, found in inside.items() if found is not None} == {
        f"{ITEMS}/0": (0, ""),
        f"{ITEMS}/12/buyer/0": (12, "/buyer/0"),
        f"{ITEMS}/999": (999, ""),
        f"{ITEMS}/7/": (7, "/"),
    }
    assert within_calls([f"{ITEMS}/3/buyer", "/count", f"{ITEMS}/3"]) == ["/buyer", "", ""]


def test_what_points_at_something_is_taken_out_once_and_the_rest_is_left():
    document = raw({"a/b": {"~": [1, None]}, "n": {}})
    found = extracted(document, ["/a~1b/~0/1", "/none", "/n", "", "/n", "/a~1b/~0/2"])
    assert {path: bytes(value) for path, value in found.items()} == {
        "/a~1b/~0/1": b"null",
        "/n": b"{}",
        "": b'{"a/b":{"~":[1,null]},"n":{}}',
    }
    assert pointed({"~1": 5}, "/~01") == 5 and pointed(3, "") == 3
    with pytest.raises(Unresolved, match=f"^nothing at '/{'x' * 199}'$"):
        pointed({}, "/" + "x" * 300)


def test_an_input_is_filled_wherever_something_stands_for_another_value_and_what_came_in_is_left():
    body = raw(
        {
            "to": {REFERENCE: {"step": "a", "path": "/b"}},
            "all": [{REFERENCE: {"step": "a"}}, {ITEM: "/x"}, 1],
            "not": {REFERENCE: {"step": "a"}, "more": 1},
            "nor": {ITEM: "", "more": 1},
        }
    )

    def look_up(reference: Reference) -> object:
        return {"again": {REFERENCE: {"step": "never"}}, "of": [reference.step, reference.path]}

    again = {"again": {REFERENCE: {"step": "never"}}}
    plain = {
        "to": {**again, "of": ["a", "/b"]},
        "all": [{**again, "of": ["a", ""]}, {ITEM: "/x"}, 1],
        "not": {REFERENCE: {"step": "a"}, "more": 1},
        "nor": {ITEM: "", "more": 1},
    }
    assert msgspec.json.decode(filled(body, look_up)) == plain
    plain["all"][1] = 9
    assert msgspec.json.decode(filled(body, look_up, {"x": 9})) == plain
    assert msgspec.json.decode(filled(raw([{ITEM: ""}]), look_up, None)) == [None]
    with pytest.raises(Unresolved, match="nothing at '/x'"):
        filled(body, look_up, {"y": 9})


def test_arguments_have_a_largest_size():
    def value(size: int) -> msgspec.Raw:
        return filled(raw({REFERENCE: {"step": "a"}}), lambda _: "x" * size)

    assert len(value(MAX_ARGUMENTS - 2)) == MAX_ARGUMENTS
    with pytest.raises(Unresolved, match=f"the arguments would be {MAX_ARGUMENTS + 1:,} bytes; {MAX_ARGUMENTS:,} is"):
        value(MAX_ARGUMENTS - 1)
