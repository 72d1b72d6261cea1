"""Business days and clocks where somebody works: holidays of the region, summer time, several zones."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.errors import BadInput
from cuga.packs.sales.places import _PLACES, business_day, common_hour, place_of, why_closed


def test_a_holiday_of_one_region_is_none_of_another():
    day = date(2026, 1, 6)
    assert why_closed(place_of("Germany", "BY"), day) == "Epiphany"
    assert why_closed(place_of("Germany", "DE-HH"), day) == "" and why_closed(place_of("Germany"), day) == ""
    assert why_closed(place_of("USA"), date(2026, 7, 3))  # Independence Day on a Saturday is kept on Friday


def test_days_are_counted_where_they_are_worked_on():
    germany, emirates = place_of("Germany"), place_of("Saudi Arabia")
    assert business_day(germany, date(2026, 4, 2), 1)[0] == date(2026, 4, 7)
    assert business_day(germany, date(2026, 4, 2), 1)[1] == ("2026-04-03 Good Friday", "2026-04-06 Easter Monday")
    assert business_day(emirates, date(2026, 3, 6))[0] == date(2026, 3, 8)  # a Sunday
    assert business_day(None, date(2026, 1, 3))[0] == date(2026, 1, 5)


def test_what_is_not_known_is_not_guessed():
    assert place_of("Atlantis") is None and place_of("") is None
    with pytest.raises(BadInput, match="no region"):
        place_of("Germany", "XX")
    with pytest.raises(BadInput, match="no time zone"):
        place_of("Germany", zone="Europe/Atlantis")


def test_a_region_narrows_the_zones_down():
    assert place_of("US", "US-CA").zones == ("America/Los_Angeles",)
    assert len(place_of("US").zones) == 4 and place_of("US", zone="America/Boise").zones == ("America/Boise",)


def test_an_hour_for_several_zones_lies_inside_the_window_of_all():
    moment, zone = common_hour(place_of("US"), date(2026, 1, 7), 9, 0, 17)
    assert zone == "America/New_York" and moment.hour == 12
    assert moment.astimezone(ZoneInfo("America/Los_Angeles")).hour == 9


@pytest.mark.parametrize("name", [name for name in _PLACES if name != "Ukraine"])  # keeps none under martial law
def test_every_place_has_holidays_and_zones_that_this_machine_knows(name):
    place = place_of(name) or place_of("Czechia")
    assert all(ZoneInfo(zone) for zone in place.zones)
    assert any(why_closed(place, date(2026, 1, 1) + timedelta(days=n)) not in ("", "Friday", "Saturday", "Sunday")
               for n in range(365))  # fmt: skip


days = st.dates(date(2025, 1, 1), date(2027, 12, 31))


@given(country=st.sampled_from(["Germany", "US", "Japan", "Egypt"]), start=days, count=st.integers(0, 30))
def test_a_business_day_is_one_and_more_days_come_later(country, start, count):
    place = place_of(country)
    day, _ = business_day(place, start, count)
    assert not why_closed(place, day) and day >= start
    assert business_day(place, start, count + 1)[0] > day


@given(day=days, hour=st.integers(8, 16))
def test_the_hour_on_the_wall_is_what_was_asked_for_on_both_sides_of_summer_time(day, hour):
    moment, _ = common_hour(place_of("Germany"), day, hour, 30, 18)
    assert (moment.hour, moment.minute, moment.date()) == (hour, 30, day)
    assert moment == datetime(day.year, day.month, day.day, hour, 30, tzinfo=ZoneInfo("Europe/Berlin"))
