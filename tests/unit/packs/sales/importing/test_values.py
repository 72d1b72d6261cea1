"""Values are read when they are certain, and not otherwise."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.packs.sales.importing import values


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [
        ("1100.04", "in millions of USD", (1_100_040_000, "USD")),
        ("$1.5M", "", (1_500_000, "USD")),
        ("EUR 2 bn", "", (2_000_000_000, "EUR")),
        ("1.234,50 €", "", (1234.5, "EUR")),
        ("1,234.50", "", (1234.5, "")),
        ("1,234", "", (1234, "")),
        ("12.5k", "", (12_500, "")),
        ("(300)", "", (-300, "")),
        ("5", "$k", (5_000, "USD")),
        ("1'000'000 CHF", "", (1_000_000, "CHF")),
        ("1.234.567", "", (1_234_567, "")),
    ],
)
def test_money_is_read_with_its_unit(text, unit, amount):
    assert values.money(text, unit) == (round(amount[0] * 1_000_000), amount[1])


@pytest.mark.parametrize("text", ["", "ask Ben", "12 apples", "1e5", "--", "9" * 30, "1,2,3.4.5"])
def test_what_is_no_amount_is_not_read_as_one(text):
    assert values.money(text) is None


@pytest.mark.parametrize(
    ("text", "days_first", "found"),
    [
        ("2017-01-02", False, date(2017, 1, 2)),
        ("2017/01/02", False, date(2017, 1, 2)),
        ("20170102", False, date(2017, 1, 2)),
        ("2017-01-02T09:30:00Z", False, date(2017, 1, 2)),
        ("02.01.2017", False, date(2017, 1, 2)),
        ("1/2/2017", False, date(2017, 1, 2)),
        ("1/2/2017", True, date(2017, 2, 1)),
        ("2 Jan 2017", False, date(2017, 1, 2)),
        ("January 2nd, 2017", False, date(2017, 1, 2)),
        ("1/2/17", False, date(2017, 1, 2)),
        ("42737", False, date(2017, 1, 2)),
        ("31/02/2025", True, None),
        ("2 Foo 2017", False, None),
        ("soon", False, None),
    ],
)
def test_dates_come_in_the_usual_forms(text, days_first, found):
    assert values.day(text, days_first=days_first) == found


def test_a_column_tells_which_comes_first():
    assert values.day_first(["01/02/2024", "13/02/2024"]) is True
    assert values.day_first(["01/02/2024", "02/13/2024"]) is False
    assert values.day_first(["01/02/2024", ""]) is None


def test_whole_numbers_ranges_and_yes_or_no():
    assert values.whole("1,016") == 1016 and values.whole("2 500") == 2500 and values.whole("2.5") is None
    assert values.lower_end("51-200") == 51 and values.lower_end("500+") == 500 and values.lower_end("many") is None
    assert values.yes("Yes") is True and values.yes("") is False and values.yes("maybe") is None
    assert values.is_unknown("N/A") and not values.is_unknown("0")


@given(st.text(max_size=30))
def test_no_text_breaks_a_reader(text):
    values.money(text)
    values.day(text)
    values.whole(text)
    values.lower_end(text)


@given(st.dates(date(1950, 1, 1), date(2150, 1, 1)))
def test_every_date_is_read_back(day):
    assert (
        values.day(day.isoformat())
        == day
        == values.day(f"{day:%d.%m.%Y}")
        == values.day(f"{day:%B} {day.day}, {day.year}")
    )
