"""Personal data is kept from tools that tell others what they are asked; order numbers are not personal data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.tools.mcp.egress import personal_in


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"q": "write to ada.byron@example.co.uk please"}, "a mail address"),
        ({"ada@example.com": 1}, "a mail address"),
        ([{"deep": ["4111 1111 1111 1111"]}], "a card number"),
        ({"n": 4111111111111111}, "a card number"),
        ("GB82 WEST 1234 5698 7654 32", "a bank account"),
        ("call +44 20 7946 0958", "a phone number"),
    ],
)
def test_it_is_found_wherever_it_stands(value, kind):
    assert personal_in(value) == kind


@pytest.mark.parametrize(
    "value",
    [
        "order 4111111111111112",
        "0000 0000 0000 0000",
        "GB82 WEST 1234 5698 7654 33",
        "version 1.2.3",
        "a @ b",
        "+5",
        "",
        None,
        1.5,
        True,
    ],
)
def test_what_only_looks_like_it_is_not(value):
    assert personal_in({"x": value}) == ""


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_json_is_looked_through(value):
    assert personal_in(value) in ("", "a mail address", "a card number", "a bank account", "a phone number")
