"""A written name finds its record, or its candidates; it never picks between close ones."""

from hypothesis import given
from hypothesis import strategies as st

from cuga.adapters.capability import lookup

NAMES = [
    ("a1", "Acme Corporation"),
    ("a2", "Acme Cooperation"),
    ("b", "Betasoloin"),
    ("g", "GTX Pro"),
    ("p", "GTX Plus Pro"),
]


def test_an_id_and_an_exact_name_are_found():
    assert lookup("a1", NAMES).found.how == "id"
    assert lookup("betasoloin", NAMES).found.how == "exact"


def test_a_name_with_other_spaces_and_signs_is_the_same_name():
    found = lookup("GTXPro", NAMES).found
    assert (found.id, found.how) == ("g", "respelled")


def test_a_legal_form_does_not_make_another_company():
    assert lookup("Betasoloin, Inc.", NAMES).found.id == "b"


def test_a_near_name_is_found_and_said_to_be_near():
    found = lookup("Betasolin", NAMES).found
    assert (found.id, found.how) == ("b", "near")


def test_between_close_candidates_nothing_is_picked():
    answer = lookup("Acme Corperation", NAMES)
    assert answer.found is None and {c.id for c in answer.candidates} == {"a1", "a2"}


def test_two_records_of_one_name_are_a_question():
    answer = lookup("Isdom", [("1", "Isdom"), ("2", "Isdom")])
    assert answer.found is None and len(answer.candidates) == 2


def test_a_stranger_finds_nothing():
    assert lookup("Wholly Different", NAMES).found is None
    assert lookup("  ", NAMES).candidates == ()


@given(st.text(max_size=40))
def test_any_text_gets_the_same_answer_twice(text):
    assert lookup(text, NAMES) == lookup(text, list(reversed(NAMES)))
