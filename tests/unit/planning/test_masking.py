"""People are hidden before a prompt leaves, and back in the answer; what is no person stays."""

from __future__ import annotations

import time

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


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ("Jo Li", "Write to Jo at Konex, and to Li's team. JO LI, Li Jo, Li, Jo."),
        ("Mary Ann Smith", "Ask Mary Smith, mary ann smith, Mary A. Smith, M. Smith, M.A. Smith, Smith, Mary, or Ann."),
        ("Mary Smith", "Ask Mary Ann Smith, then Mary A. Smith; MARY\nSMITH said so."),
        ("Jan van der Berg", "Jan Berg, J. Berg, Berg, Jan and jan VAN DER berg"),
        ("Ana Müller-Weiß", "Ms Müller and Weiß; Ana Müller-Weiß"),
        ("Bo", "Ask Bo about it."),
    ],
)  # fmt: skip
def test_short_names_middle_names_and_initials_are_hidden(known: str, text: str):
    said = Mask((known,)).hide(text)
    assert not [part for part in (*known.split(), "Ann", "Müller", "Weiß") if part[0].isupper() and part in said], said
    assert "mary" not in said and "smith" not in said.casefold()


@pytest.mark.parametrize(
    "text",
    [
        "Will you draft an email? It will be sent, and I will look.", "We may call in May, by May 5 or until May.",
        "Score it; the art of it. A mark of 5. Bill them. Mark the deal as won.", "May we email Konex?",
        "<li>one</li> by li", "so do we", "Rosebud, Willow and Martin stay.", "in May 2026, and from 3 May",
    ],
)  # fmt: skip
def test_ordinary_words_stay_wherever_they_stand(text: str):
    people = ("Will Art", "May Young", "Art Mark", "Bill Rose", "Jo Li", "Do So", "Art Marsh")
    assert Mask(people).hide(text) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Write to Will about it", "Will"), ("Dear May, hello", "May"), ("Ask Art and Mark.", "Mark"),
        ("Will says that it is fine", "Will"), ("Mr Rose said so", "Rose"), ("Will Art wrote", "Will Art"),
        ("send it to May today", "May"), ("Art, could you look?", "Art"), ("May Young may come in May.", "May Young"),
    ],
)  # fmt: skip
def test_a_word_that_is_written_like_a_name_of_somebody_known_is_hidden(text: str, hidden: str):
    said = Mask(("Will Art", "May Young", "Art Mark", "Bill Rose")).hide(text)
    assert not said.count(hidden) and "[" in said, said


@pytest.mark.parametrize("known", ["Mark Taylor", "Grace Hall", "Frank Miller", "Bill Young", "Will Art"])
def test_a_whole_name_is_hidden_in_any_case_though_its_words_are_of_the_language(known: str):
    for written in (known, known.lower(), known.upper(), f"{known.split()[0].lower()} {known.split()[1]}"):
        assert Mask((known,)).hide(f"write to {written} about it") == "write to [person-1] about it"


def test_what_is_hidden_already_is_not_hidden_again():
    mask = Mask(("First Name", "Person Address"))
    assert mask.hide("First Name and Person Address") == "[person-1] and [person-2]"
    assert mask.show("[person-1] and [person-2]") == "First Name and Person Address"


def test_names_that_look_like_patterns_are_names():
    assert Mask(("A.* (B)", "J+ [x]")).hide("A.* (B), and any J+ [x]") == "[person-1], and any [person-2]"


def test_many_people_and_a_long_text_are_hidden_in_no_time():
    people = [f"Mary{n} Ann{n} Smith{n}" for n in range(300)]
    text = "Mary Ann Smith " * 500 + " ".join(people)
    begun = time.perf_counter()
    assert "Smith299" not in Mask(people).hide(text)
    assert time.perf_counter() - begun < 5
