"""People are hidden before a prompt leaves, and back in the answer; what is no person stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.planning.masking import Mask, NoMask

PEOPLE = ("Ottoline Brackenridge", "José Müller-Weiß", "X")
NAMES = ("Ottoline Brackenridge", "ottoline", "BRACKENRIDGE", "José", "Müller-Weiß")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_and_its_parts_are_hidden_however_they_are_written(name: str):
    said = Mask(PEOPLE).hide(f"Ask {name}'s team, then {name}.")
    assert name not in said and said.count("[") == 2


@pytest.mark.parametrize(
    "text",
    [
        "o.b@kestrel.example", "O'Brien@mail.kestrel.example", "+44 20 7946 0018", "0049 30 1234567",
        "030 1234 5678", "+1 (555) 010-9999",
    ],
)  # fmt: skip
def test_addresses_and_numbers_are_hidden_by_their_form(text: str):
    assert text not in Mask().hide(f"Reach them at {text}, please.")


@pytest.mark.parametrize(
    "text",
    [
        "Score Kestrel Works", "420 people since 2026-01-05", "{\"$from\": {\"step\": \"s1\", \"path\": \"/message\"}}",
        "opportunity D-2026-0042", "$1,250,000 of 3.5 million", "10:30 to 11:00", "Brackenridges",
    ],
)  # fmt: skip
def test_what_is_no_person_stays(text: str):
    assert Mask(PEOPLE).hide(text) == text


def test_the_same_is_hidden_the_same_way_and_comes_back_as_it_was_written():
    mask = Mask(PEOPLE)
    said = mask.hide("Ottoline Brackenridge, ottoline, Ottoline Brackenridge <o.b@kestrel.example>")
    assert said == "[person-2], [first-name-3], [person-2] <[address-1]>" and mask.hidden == 3
    answer = {"to": "[address-1]", "text": ["Dear [person-2]", 3, None], "unknown": "[person-9]"}
    assert mask.show(answer) == {
        "to": "o.b@kestrel.example", "text": ["Dear Ottoline Brackenridge", 3, None], "unknown": "[person-9]",
    }  # fmt: skip


@given(st.text(max_size=200), st.lists(st.sampled_from(NAMES), max_size=5))
def test_nothing_is_lost_on_the_way_out_and_back(text: str, names: list[str]):
    whole = f"{text} {' '.join(names)}".replace("[", "(")
    mask = Mask(PEOPLE)
    assert mask.show(mask.hide(whole)) == whole


def test_accents_count_however_they_are_made_of():
    assert Mask(("José Tamm",)).hide("Jose\u0301 Tamm and JOSE\u0301") == "[person-1] and [first-name-2]"


def test_a_model_in_the_house_is_told_everything():
    assert NoMask(PEOPLE).hide("Ottoline Brackenridge o@b.example") == "Ottoline Brackenridge o@b.example"
