"""Periods in a seller's words, reckoned from a date."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.errors import BadInput
from cuga.packs.sales.periods import months_of, period_of

TODAY = date(2017, 11, 15)


@pytest.mark.parametrize(
    ("said", "ahead", "first", "behind"),
    [
        ("Q4", True, "2017-10-01", "2018-01-01"), ("Q4", False, "2017-10-01", "2018-01-01"),
        ("Q1", True, "2018-01-01", "2018-04-01"), ("Q1", False, "2017-01-01", "2017-04-01"),
        ("q4 2016", False, "2016-10-01", "2017-01-01"), ("Q2-18", False, "2018-04-01", "2018-07-01"),
        ("H1", False, "2017-01-01", "2017-07-01"), ("fy18", False, "2018-01-01", "2019-01-01"),
        ("2017", False, "2017-01-01", "2018-01-01"), ("2017-02", False, "2017-02-01", "2017-03-01"),
        ("last quarter", False, "2017-07-01", "2017-10-01"), ("this year", False, "2017-01-01", "2018-01-01"),
        ("next 2 months", True, "2017-12-01", "2018-02-01"), ("last 30 days", False, "2017-10-16", "2017-11-16"),
        ("last week", False, "2017-11-06", "2017-11-13"), ("YTD", False, "2017-01-01", "2017-11-16"),
        ("yesterday", False, "2017-11-14", "2017-11-15"),
    ],
)  # fmt: skip
def test_a_period_is_understood(said, ahead, first, behind):
    found = period_of(said, TODAY, ahead=ahead)
    assert (found.first.isoformat(), found.behind.isoformat()) == (first, behind)


@pytest.mark.parametrize("said", ["", "soon", "Q5", "H3", "2017-13", "last 5000 days"])
def test_what_is_no_period_is_refused(said):
    with pytest.raises(BadInput):
        period_of(said, TODAY)


@given(st.sampled_from(["Q1", "Q2", "Q3", "Q4", "H1", "H2"]), st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_a_part_of_the_year_ahead_is_not_over_and_one_behind_has_begun(said, today):
    ahead, back = period_of(said, today, ahead=True), period_of(said, today)
    assert ahead.behind > today and back.first <= today and len(months_of(ahead)) in (3, 6)
