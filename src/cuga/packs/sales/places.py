"""Where somebody works: the country, its region and its clocks, and the hour that suits there.

Zones come from the machine's own zone files, business days from `business_days`. A place that is not known has neither
here: it is said, not guessed.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from cuga.errors import BadInput
from cuga.model.value import Value
from cuga.packs.sales.business_days import Calendar
from cuga.packs.sales.industries import country_of

_PLACES = {  # country -> ISO code and its zones, the most peopled first
    "United States": "US America/New_York America/Chicago America/Denver America/Los_Angeles",
    "Canada": "CA America/Toronto America/Winnipeg America/Edmonton America/Vancouver America/Halifax",
    "Australia": "AU Australia/Sydney Australia/Brisbane Australia/Adelaide Australia/Perth",
    "Brazil": "BR America/Sao_Paulo America/Manaus", "Mexico": "MX America/Mexico_City America/Tijuana",
    "Russia": "RU Europe/Moscow Asia/Yekaterinburg Asia/Novosibirsk Asia/Vladivostok",
    "United Kingdom": "GB Europe/London", "Ireland": "IE Europe/Dublin", "Germany": "DE Europe/Berlin",
    "Austria": "AT Europe/Vienna", "Switzerland": "CH Europe/Zurich", "France": "FR Europe/Paris",
    "Netherlands": "NL Europe/Amsterdam", "Belgium": "BE Europe/Brussels", "Luxembourg": "LU Europe/Luxembourg",
    "Italy": "IT Europe/Rome", "Spain": "ES Europe/Madrid", "Portugal": "PT Europe/Lisbon",
    "Denmark": "DK Europe/Copenhagen", "Sweden": "SE Europe/Stockholm", "Norway": "NO Europe/Oslo",
    "Finland": "FI Europe/Helsinki", "Iceland": "IS Atlantic/Reykjavik", "Poland": "PL Europe/Warsaw",
    "Czechia": "CZ Europe/Prague", "Czech Republic": "CZ Europe/Prague", "Slovakia": "SK Europe/Bratislava",
    "Hungary": "HU Europe/Budapest", "Romania": "RO Europe/Bucharest", "Bulgaria": "BG Europe/Sofia",
    "Greece": "GR Europe/Athens", "Croatia": "HR Europe/Zagreb", "Slovenia": "SI Europe/Ljubljana",
    "Estonia": "EE Europe/Tallinn", "Latvia": "LV Europe/Riga", "Lithuania": "LT Europe/Vilnius",
    "Ukraine": "UA Europe/Kyiv", "Turkey": "TR Europe/Istanbul", "Israel": "IL Asia/Jerusalem",
    "United Arab Emirates": "AE Asia/Dubai", "Saudi Arabia": "SA Asia/Riyadh", "Qatar": "QA Asia/Qatar",
    "Kuwait": "KW Asia/Kuwait", "Jordan": "JO Asia/Amman", "Egypt": "EG Africa/Cairo",
    "South Africa": "ZA Africa/Johannesburg", "Kenya": "KE Africa/Nairobi", "Nigeria": "NG Africa/Lagos",
    "India": "IN Asia/Kolkata", "Singapore": "SG Asia/Singapore", "Malaysia": "MY Asia/Kuala_Lumpur",
    "Thailand": "TH Asia/Bangkok", "Vietnam": "VN Asia/Ho_Chi_Minh", "Philippines": "PH Asia/Manila",
    "Indonesia": "ID Asia/Jakarta", "China": "CN Asia/Shanghai", "Hong Kong": "HK Asia/Hong_Kong",
    "Taiwan": "TW Asia/Taipei", "Japan": "JP Asia/Tokyo", "South Korea": "KR Asia/Seoul",
    "New Zealand": "NZ Pacific/Auckland", "Argentina": "AR America/Argentina/Buenos_Aires",
    "Chile": "CL America/Santiago", "Colombia": "CO America/Bogota", "Peru": "PE America/Lima",
    "Panama": "PA America/Panama", "Jamaica": "JM America/Jamaica",
}  # fmt: skip
_REGION_ZONES = {  # ISO 3166-2 regions of countries with several zones, by zone; others lie in the first
    "America/Chicago": "US-AL US-AR US-IL US-IA US-LA US-MN US-MS US-MO US-OK US-TX US-WI",
    "America/Denver": "US-CO US-MT US-NM US-UT US-WY",
    "America/Los_Angeles": "US-CA US-NV US-OR US-WA", "America/Phoenix": "US-AZ", "America/Anchorage": "US-AK",
    "Pacific/Honolulu": "US-HI",
    "America/New_York": "US-NY US-MA US-NJ US-PA US-GA US-NC US-SC US-VA US-MD US-CT US-DE US-ME US-NH US-VT US-RI"
    " US-OH US-WV US-DC",
    "America/Toronto": "CA-ON CA-QC", "America/Winnipeg": "CA-MB", "America/Regina": "CA-SK",
    "America/Edmonton": "CA-AB", "America/Vancouver": "CA-BC", "America/Halifax": "CA-NS CA-NB CA-PE",
    "America/St_Johns": "CA-NL",
    "Australia/Sydney": "AU-NSW AU-ACT AU-VIC", "Australia/Brisbane": "AU-QLD", "Australia/Adelaide": "AU-SA",
    "Australia/Perth": "AU-WA", "Australia/Hobart": "AU-TAS", "Australia/Darwin": "AU-NT",
}  # fmt: skip


class Place(Value, frozen=True, kw_only=True):
    """Where somebody works. `zones` holds more than one while nobody knows in which part of the country."""

    country: str
    code: str
    region: str = ""
    zones: tuple[str, ...]


def place_of(country: str, region: str = "", zone: str = "") -> Place | None:
    """The place that a country's name (and a region such as `BY` or `US-CA`, and a zone) means; None: not known.

    `BadInput` for a zone that there is none of, and for a region that the country does not have.
    """
    name = country_of(country)
    if name not in _PLACES:
        return None
    code, *zones = _PLACES[name].split()
    part = region.strip().upper().removeprefix(f"{code}-")
    if part and part not in _regions(code):
        raise BadInput(f"{name} has no region {region!r}", mend="write it as in ISO 3166-2, e.g. BY or US-CA")
    if zone:
        zones = [_checked(zone)]
    elif part and len(zones) > 1:
        zones = [known for known, parts in _REGION_ZONES.items() if f"{code}-{part}" in parts.split()][:1] or zones
    return Place(country=name, code=code, region=part, zones=tuple(zones))


def why_closed(place: Place, day: date) -> str:
    """The weekend or holiday that a day is there; empty for a business day."""
    return Calendar(place.code, place.region).why_closed(day)


def business_day(place: Place | None, start: date, days: int = 0) -> tuple[date, tuple[str, ...]]:
    """The day that lies a number of business days after another (0: that day, or the next one that is worked on), and
    the holidays that were passed over. Without a place Monday to Friday count."""
    day, left, calendar = start, days, Calendar(place.code, place.region) if place else Calendar()
    passed: list[str] = []
    while True:
        closed = calendar.why_closed(day)
        if not closed and not left:
            return day, tuple(passed)
        if closed and place and day.weekday() < 5:
            passed.append(f"{day} {closed}")
        left -= not closed
        day += timedelta(days=1)


def common_hour(place: Place, day: date, hour: int, minute: int, latest: int) -> tuple[datetime, str]:
    """A moment that lies at or after `hour:minute`, and before `latest`, on the clocks of all zones of a place, and
    the zone it was reckoned in. With one zone that is just the hour."""
    moments = [datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone)) for zone in place.zones]
    moment = max(moments, key=lambda one: one.timestamp())
    first = moment.astimezone(ZoneInfo(place.zones[0]))
    if any(moment.astimezone(ZoneInfo(zone)).hour >= latest for zone in place.zones):
        first = moments[0]  # no hour is inside everywhere: the first zone's is taken, and the caller says so
    return first, place.zones[0]


@cache
def _regions(code: str) -> frozenset[str]:
    import holidays

    return frozenset(holidays.list_supported_countries().get(code, ()))


def _checked(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError) as error:
        raise BadInput(f"there is no time zone {zone!r}", mend="write it as Europe/Berlin") from error
    return zone
