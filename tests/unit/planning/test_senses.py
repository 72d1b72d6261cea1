"""The sense of words, learned from examples."""

from __future__ import annotations

import pytest

from cuga.planning.senses import NOTHING, Senses, senses
from cuga.planning.words import tokens

SMALL = Senses([("weather", "will it rain", 1.0), ("weather", "rain tomorrow", 1.0), ("food", "cook rice", 1.0)])


def test_words_and_their_pieces_say_what_is_meant():
    assert SMALL.of(tokens("rain in may")).best == "weather"
    assert SMALL.of(tokens("cooking")).best == "food"
    assert SMALL.of(tokens("zzz")).sure == {} and SMALL.of(tokens("zzz")).best == NOTHING


def test_the_words_that_say_so_are_named_with_their_share():
    told = SMALL.of(tokens("rain or zzz")).words
    assert "rain" in told and sum(told.values()) <= 1.001


def test_a_word_speaks_for_a_concept_only_where_it_is_at_home():
    assert senses().speaks_for("draft", "draft")
    assert not senses().speaks_for("the", "draft") and not senses().speaks_for("draft", "no such concept")


@pytest.mark.parametrize("said", ["book me a flight", "what is the weather like", "tell me a joke"])
def test_what_nobody_here_does_is_a_sense_of_its_own(said: str):
    assert senses().of(tokens(said)).best == NOTHING


def test_no_line_of_the_phrasings_names_a_tool_or_stands_twice():
    from importlib.resources import files

    from cuga.packs.sales.pack import TOOLS
    from cuga.tools.declare import contract_of

    lines = files("cuga.planning").joinpath("phrasings.txt").read_text("utf-8").splitlines()
    assert not [line for line in lines if any(contract_of(tool).name in line for tool in TOOLS)]
    said = [line for line in lines if line and line[0] not in "#=~"]
    assert len(said) > 1500 and len(said) - len(set(said)) < 20
