"""Countries by their ISO 3166-1 alpha-2 codes, and where a company's domain shows: in its address or in its mails.

A name that is spelled nearly like a country is no country here; proposals are made elsewhere.
"""

from __future__ import annotations

import re
from functools import cache

from cuga.adapters.capability import squeeze
from cuga.packs.sales.industries import country_of

# code and usual English name, as `industries.country_of` gives it
_ISO = """
AF Afghanistan|AL Albania|DZ Algeria|AD Andorra|AO Angola|AR Argentina|AM Armenia|AU Australia|AT Austria
AZ Azerbaijan|BS Bahamas|BH Bahrain|BD Bangladesh|BB Barbados|BY Belarus|BE Belgium|BZ Belize|BJ Benin|BT Bhutan
BO Bolivia|BA Bosnia and Herzegovina|BW Botswana|BR Brazil|BN Brunei|BG Bulgaria|BF Burkina Faso|BI Burundi
KH Cambodia|CM Cameroon|CA Canada|TD Chad|CL Chile|CN China|CO Colombia|CR Costa Rica|HR Croatia|CU Cuba|CY Cyprus
CZ Czechia|CZ Czech Republic|DK Denmark|DJ Djibouti|DM Dominica|DO Dominican Republic|EC Ecuador|EG Egypt
SV El Salvador|ER Eritrea|EE Estonia|SZ Eswatini|ET Ethiopia|FJ Fiji|FI Finland|FR France|GA Gabon|GM Gambia
GE Georgia|DE Germany|GH Ghana|GR Greece|GD Grenada|GT Guatemala|GN Guinea|GY Guyana|HT Haiti|HN Honduras|HK Hong Kong
HU Hungary|IS Iceland|IN India|ID Indonesia|IR Iran|IQ Iraq|IE Ireland|IL Israel|IT Italy|CI Ivory Coast|JM Jamaica
JP Japan|JO Jordan|KZ Kazakhstan|KE Kenya|KR South Korea|KR Korea|KP North Korea|XK Kosovo|KW Kuwait|KG Kyrgyzstan
LA Laos|LV Latvia|LB Lebanon|LS Lesotho|LR Liberia|LY Libya|LI Liechtenstein|LT Lithuania|LU Luxembourg|MG Madagascar
MW Malawi|MY Malaysia|MV Maldives|ML Mali|MT Malta|MR Mauritania|MU Mauritius|MX Mexico|MD Moldova|MC Monaco
MN Mongolia|ME Montenegro|MA Morocco|MZ Mozambique|MM Myanmar|NA Namibia|NP Nepal|NL Netherlands|NZ New Zealand
NI Nicaragua|NE Niger|NG Nigeria|MK North Macedonia|NO Norway|OM Oman|PK Pakistan|PA Panama|PG Papua New Guinea
PY Paraguay|PE Peru|PH Philippines|PL Poland|PT Portugal|PR Puerto Rico|QA Qatar|RO Romania|RU Russia|RW Rwanda
WS Samoa|SM San Marino|SA Saudi Arabia|SN Senegal|RS Serbia|SC Seychelles|SG Singapore|SK Slovakia|SI Slovenia
SO Somalia|ZA South Africa|ES Spain|LK Sri Lanka|SD Sudan|SR Suriname|SE Sweden|CH Switzerland|SY Syria|TW Taiwan
TJ Tajikistan|TZ Tanzania|TH Thailand|TG Togo|TO Tonga|TN Tunisia|TR Turkey|TM Turkmenistan|UG Uganda|UA Ukraine
AE United Arab Emirates|GB United Kingdom|US United States|UY Uruguay|UZ Uzbekistan|VE Venezuela|VN Vietnam|YE Yemen
ZM Zambia|ZW Zimbabwe
"""
FREE_MAIL = frozenset(
    {
        "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "yahoo.com", "ymail.com",
        "icloud.com", "me.com", "aol.com", "gmx.com", "gmx.de", "gmx.net", "web.de", "t-online.de", "freenet.de",
        "mail.com", "mail.ru", "yandex.ru", "proton.me", "protonmail.com", "zoho.com", "orange.fr", "free.fr",
        "laposte.net", "libero.it", "btinternet.com", "qq.com", "163.com", "126.com", "hotmail.co.uk", "yahoo.co.uk",
    }
)  # fmt: skip
_HOST = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?(?:[^/@\s]*@)?((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63})", re.I
)
_SHARED_HOSTS = "linkedin.com facebook.com x.com twitter.com instagram.com google.com youtube.com"
_SHARED = frozenset(_SHARED_HOSTS.split())


def iso_of(text: str) -> str:
    """The ISO 3166-1 alpha-2 code of a country's name or code; empty when it is none that is known."""
    plain = text.strip()
    if len(plain) == 2 and plain.upper() in _codes().values():
        return plain.upper()
    return _codes().get(squeeze(country_of(plain) or plain), "")


def domain_of(text: str) -> str:
    """The domain of a web address without `www.`; empty for what is none, or belongs to a page for everybody."""
    found = _HOST.match(text.strip())
    host = found.group(1).casefold().removeprefix("www.") if found and "@" not in text else ""
    return "" if any(host == shared or host.endswith(f".{shared}") for shared in _SHARED) else host


def mail_domain_of(address: str) -> str:
    """The domain of a mail address; empty for no address and for free mail, which says nothing of a company."""
    _, at, host = address.strip().casefold().rpartition("@")
    return host if at and _HOST.fullmatch(host) and host not in FREE_MAIL else ""


@cache
def _codes() -> dict[str, str]:
    entries = (entry.partition(" ") for line in _ISO.strip().splitlines() for entry in line.split("|"))
    return {squeeze(name): code for code, _, name in entries}
