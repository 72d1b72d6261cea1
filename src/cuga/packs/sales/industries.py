"""The industries that the house knows, with the words that people use for them, and the countries of the world.

Compared word by word, never by substring: "retail" is not found in "retailored". A near spelling is a proposal only.
"""

from __future__ import annotations

from functools import cache

from cuga.adapters.capability import squeeze

# industry -> (sector it belongs to, other names)
INDUSTRIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "technology": ("technology", ("tech", "information technology", "it", "high tech", "hardware", "electronics")),
    "software": ("technology", ("saas", "software as a service", "cloud", "internet", "it services",
    "computer software")),
    "telecommunications": ("technology", ("telecom", "telco", "telecoms", "communications", "carriers")),
    "medical": ("health", ("healthcare", "health care", "health", "hospitals", "medical devices", "pharma",
    "pharmaceuticals", "biotech", "life sciences", "medtech")),
    "finance": ("finance", ("financial services", "banking", "bank", "banks", "insurance", "fintech",
    "capital markets", "investment")),
    "retail": ("consumer", ("ecommerce", "e-commerce", "consumer goods", "wholesale", "stores", "fashion", "grocery")),
    "entertainment": ("media", ("media", "games", "gaming", "film", "music", "publishing", "broadcasting")),
    "marketing": ("services", ("advertising", "agency", "agencies", "public relations", "market research")),
    "employment": ("services", ("staffing", "recruiting", "human resources", "hr", "personnel")),
    "services": ("services", ("professional services", "business services", "consulting", "legal services")),
    "manufacturing": ("industry", ("industrial", "machinery", "automotive", "engineering", "chemicals", "aerospace")),
    "energy": ("industry", ("utilities", "oil and gas", "oil & gas", "renewables", "power")),
    "construction": ("industry", ("building", "building materials", "real estate construction")),
    "logistics": ("industry", ("transport", "transportation", "shipping", "freight", "supply chain")),
    "hospitality": ("consumer", ("hotels", "restaurants", "travel", "tourism", "leisure")),
    "food": ("consumer", ("food and beverage", "food & beverage", "beverages", "agriculture", "farming")),
    "real estate": ("property", ("property", "facilities", "facility management")),
    "education": ("public", ("schools", "universities", "higher education", "edtech", "training")),
    "government": ("public", ("public sector", "federal", "municipal", "defense", "defence")),
    "nonprofit": ("public", ("non-profit", "ngo", "charity", "foundation")),
}  # fmt: skip

_COUNTRIES = """
Afghanistan Albania Algeria Andorra Angola Argentina Armenia Australia Austria Azerbaijan Bahamas Bahrain
Bangladesh
Barbados Belarus Belgium Belize Benin Bhutan Bolivia Botswana Brazil Brunei Bulgaria Burundi Cambodia Cameroon
Canada
Chad Chile China Colombia Croatia Cuba Cyprus Czechia Denmark Djibouti Dominica Ecuador Egypt Eritrea Estonia
Eswatini
Ethiopia Fiji Finland France Gabon Gambia Georgia Germany Ghana Greece Grenada Guatemala Guinea Guyana Haiti
Honduras
Hungary Iceland India Indonesia Iran Iraq Ireland Israel Italy Jamaica Japan Jordan Kazakhstan Kenya Korea
Kosovo Kuwait
Kyrgyzstan Laos Latvia Lebanon Lesotho Liberia Libya Liechtenstein Lithuania Luxembourg Madagascar Malawi
Malaysia
Maldives Mali Malta Mauritania Mauritius Mexico Moldova Monaco Mongolia Montenegro Morocco Mozambique Myanmar
Namibia
Nepal Netherlands Nicaragua Niger Nigeria Norway Oman Pakistan Panama Paraguay Peru Philippines Poland Portugal
Qatar
Romania Russia Rwanda Samoa Senegal Serbia Seychelles Singapore Slovakia Slovenia Somalia Spain Sudan Suriname
Sweden
Switzerland Syria Taiwan Tajikistan Tanzania Thailand Togo Tonga Tunisia Turkey Turkmenistan Uganda Ukraine
Uruguay
Uzbekistan Venezuela Vietnam Yemen Zambia Zimbabwe
"""
_LONG_COUNTRIES = (
    "United States", "United Kingdom", "United Arab Emirates", "South Korea", "North Korea", "South Africa",
    "New Zealand",
    "Costa Rica", "El Salvador", "Dominican Republic", "Saudi Arabia", "Sri Lanka", "Hong Kong", "Puerto Rico",
    "Ivory Coast",
    "Czech Republic", "Bosnia and Herzegovina", "Burkina Faso", "North Macedonia", "Papua New Guinea", "San Marino",
)  # fmt: skip
COUNTRIES = frozenset((*_COUNTRIES.split(), *_LONG_COUNTRIES))
_COUNTRY_NAMES = {
    "us": "United States", "usa": "United States", "unitedstatesofamerica": "United States", "uk": "United Kingdom",
    "greatbritain": "United Kingdom", "england": "United Kingdom", "uae": "United Arab Emirates",
    "deutschland": "Germany",
    "holland": "Netherlands", "thenetherlands": "Netherlands", "republicofkorea": "South Korea", "de": "Germany",
    "fr": "France", "gb": "United Kingdom", "ch": "Switzerland", "at": "Austria", "schweiz": "Switzerland",
}  # fmt: skip


@cache
def industry_of(text: str) -> str:
    """The industry that a text names, by its name or a synonym; the empty text when none does."""
    return _words().get(squeeze(text), "")


@cache
def sector_of(text: str) -> str:
    """The wider sector of an industry's name or synonym; the empty text when it is not known."""
    return INDUSTRIES[found][0] if (found := industry_of(text)) else ""


@cache
def near_industry(text: str) -> tuple[str, int]:
    """The known industry word that a text resembles, and how much of 100; ("", 0) when none comes close."""
    return _near(text, [name for names in ([k, *v[1]] for k, v in INDUSTRIES.items()) for name in names], 84)


@cache
def country_of(text: str) -> str:
    """A country's usual English name; the empty text when it is not known."""
    plain = squeeze(text)
    return _COUNTRY_NAMES.get(plain) or next((name for name in sorted(COUNTRIES) if squeeze(name) == plain), "")


@cache
def near_country(text: str) -> tuple[str, int]:
    """The country that a text resembles, and how much of 100; ("", 0) when none comes close."""
    return _near(text, sorted(COUNTRIES), 86)


@cache
def _words() -> dict[str, str]:
    return {squeeze(word): name for name, (_, others) in INDUSTRIES.items() for word in (name, *others)}


def _near(text: str, known: list[str], sure: int) -> tuple[str, int]:
    from rapidfuzz import fuzz, process, utils

    if len(text) < 4:
        return "", 0
    hits = process.extract(text, known, scorer=fuzz.ratio, processor=utils.default_process, limit=2, score_cutoff=sure)
    if not hits or (len(hits) > 1 and hits[0][1] - hits[1][1] < 3):
        return "", 0
    return hits[0][0], round(hits[0][1])
