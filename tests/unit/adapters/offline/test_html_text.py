"""The words of an HTML mail, in a time that grows with its size and no faster."""

import time

import pytest

from cuga.adapters.offline.html_text import MOST, as_text


@pytest.mark.parametrize("piece", ["<", "<br ", "<blockquote ", "</p <", "<div gmail_quote", "&#", "<!--", "<script "])
def test_a_mail_of_nothing_but_beginnings_takes_no_longer_than_any_other(piece):
    began = time.process_time()
    as_text(piece * (MOST // len(piece)))
    assert time.process_time() - began < 2


def test_tags_go_and_words_stay():
    assert as_text("<p>Not <b>now</b>, 3 < 4</p>") == "Not now , 3 < 4\n"
