"""The last word counts: said again it stands where it was said last."""

from __future__ import annotations

import pytest

from cuga.orchestrator.llm.thinking import last_words


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (("friendlier", "more formal", "friendlier", "friendlier"), ["more formal", "friendlier"]),
        (("a@x.example", "to b@x.example", "to b@x.example"), ["a@x.example", "to b@x.example"]),
        (("Konex", "shorter", "Konex"), ["shorter", "Konex"]),
        (("", ""), []),
    ],
)
def test_the_last_word_is_the_last(said, told):
    assert last_words(said) == told
