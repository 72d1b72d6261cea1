"""Pointers into outputs: what a list may be asked for, and nothing that trips over itself."""

from __future__ import annotations

import pytest

from cuga.kernel.references import Unresolved, pointed


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
