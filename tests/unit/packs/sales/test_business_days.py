"""Business days: weekends and holidays of a country; where it is not known, weekends only, and it is said."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.packs.sales.business_days import Calendar

DAYS = st.dates(date(2020, 1, 1), date(2028, 12, 31))


@pytest.mark.parametrize(
    ("country", "region", "after", "expected"),
    [
        ("Germany", "", date(2025, 12, 24), date(2025, 12, 29)),
        ("DE", "", date(2025, 12, 24), date(2025, 12, 29)),
        ("United States", "", date(2025, 12, 24), date(2025, 12, 26)),
        ("", "", date(2025, 12, 24), date(2025, 12, 25)),
        ("Germany", "BY", date(2026, 1, 5), date(2026, 1, 7)),
        ("Germany", "", date(2026, 1, 5), date(2026, 1, 6)),
    ],
)
def test_the_next_business_day_heeds_the_country_and_its_region(country, region, after, expected):
    assert Calendar(country, region).moved(after, 1) == expected


@pytest.mark.parametrize(
    ("country", "region", "said"),
    [("", "", "country is not known"), ("Atlantis", "", "no holidays of 'Atlantis'"), ("DE", "ZZ", "no region 'ZZ'"),
     ("DE", "", ""), ("Atlantis", "X", "no holidays")],
)  # fmt: skip
def test_what_is_left_out_of_account_is_said(country, region, said):
    note = Calendar(country, region).note
    assert said in note and bool(said) == bool(note)


@given(DAYS, st.integers(1, 60), st.sampled_from(["", "Germany", "United States"]))
def test_counting_forward_back_and_between_agree(day, number, country):
    calendar = Calendar(country)
    later = calendar.moved(day, number)
    assert calendar.is_business_day(later) and calendar.between(day, later) == number
    assert calendar.between(later, day) == -number
    assert calendar.moved(day, number + 1) > later
    start = calendar.on_or_after(day)
    assert calendar.moved(calendar.moved(start, number), -number) == start


@given(DAYS)
def test_the_nearest_business_days_embrace_a_day(day):
    calendar = Calendar("France")
    before, after = calendar.on_or_before(day), calendar.on_or_after(day)
    assert before <= day <= after and (before == after) == calendar.is_business_day(day)
    assert calendar.moved(day, 0) == day and after - before < timedelta(days=10)
