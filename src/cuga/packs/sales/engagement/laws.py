"""The law on messages to people who did not ask for them, by the recipient's country, as data.

What stands here is the short form that a seller's tool can check; it is no legal advice. A country that is not listed,
or not known, is held to all of it at once: the strictest of the set.
"""

from __future__ import annotations

from typing import Literal

from cuga.model.value import Value

RULES = "compliance-2"
Basis = Literal["consent", "customer", "bought", "inquiry", "published", "refused"]
Who = Literal["nobody", "individuals", "everybody"]


class Law(Value, frozen=True, kw_only=True):
    """One country's rules for first messages.

    `asks` is whose consent is needed before; `instead` are other bases that do, with the days they last (0: no end).
    `carries` are the parts that a message must have. `objects` is the rule that makes an objection final.
    """

    country: str
    name: str
    consent: str  # act and section that asks for consent, or says that none is needed
    asks: Who
    instead: dict[str, int] = {}
    carries: dict[str, str] = {}  # part of the message -> act and section
    objects: str
    calls: str


_US_CARRIES = {
    "subject": "CAN-SPAM Act, 15 U.S.C. 7704(a)(2)",
    "opt_out": "CAN-SPAM Act, 15 U.S.C. 7704(a)(3) and (5)(A)(ii)",
    "postal_address": "CAN-SPAM Act, 15 U.S.C. 7704(a)(5)(A)(iii)",
    "identity": "CAN-SPAM Act, 15 U.S.C. 7704(a)(1)",
}
_EU_CARRIES = {
    "subject": "Directive 2002/58/EC art. 13(4)",
    "opt_out": "Directive 2002/58/EC art. 13(4); GDPR art. 21(4)",
    "identity": "Directive 2002/58/EC art. 13(4); GDPR art. 14(1)(a)",
}
_OBJECTION = "GDPR art. 21(2) and (3)"
# a customer whose address came with a sale, for similar products, told at collection: Directive 2002/58/EC art. 13(2);
# a won deal alone ("bought") does not show that
_CUSTOMER = {"customer": 0}
US = Law(
    country="United States",
    name="CAN-SPAM Act, 15 U.S.C. 7701-7713",
    consent="CAN-SPAM Act: no consent is asked for, opting out is",
    asks="nobody",
    carries=_US_CARRIES,
    objects="CAN-SPAM Act, 15 U.S.C. 7704(a)(4): within 10 business days",
    calls="TCPA, 47 CFR 64.1200(c): 8 to 21 h local time, do-not-call registry",
)
UK = Law(
    country="United Kingdom",
    name="PECR 2003 and UK GDPR",
    consent="PECR reg. 22: individuals, sole traders and partnerships; not companies",
    asks="individuals",
    instead=_CUSTOMER,
    carries={"subject": "PECR reg. 23", "opt_out": "PECR reg. 23; UK GDPR art. 21(4)", "identity": "PECR reg. 23"},
    objects="UK GDPR art. 21(2) and (3)",
    calls="PECR reg. 21: numbers on the TPS or CTPS are not called",
)
CANADA = Law(
    country="Canada",
    name="CASL, S.C. 2010, c. 23",
    consent="CASL s. 6(1)(a), s. 10",
    asks="everybody",
    instead={"customer": 730, "bought": 730, "inquiry": 183, "published": 0},  # s. 10(9)(a), (9)(b), (10)(a), (10)(e)
    carries={
        "subject": "Competition Act s. 74.011(1) and (2)",
        "opt_out": "CASL s. 6(2)(c), s. 11: working for 60 days",
        "postal_address": "CASL s. 6(2)(b); SOR/2012-36 s. 2(1)(d)",
        "identity": "CASL s. 6(2)(a)",
    },
    objects="CASL s. 11(3): within 10 business days",
    calls="Unsolicited Telecommunications Rules, CRTC: National Do Not Call List",
)


def _member(country: str, consent: str, asks: Who, calls: str = "", **instead: int) -> Law:
    return Law(
        country=country,
        name=f"GDPR and the e-mail law of {country}",
        consent=consent,
        asks=asks,
        instead={**_CUSTOMER, **instead},
        carries=_EU_CARRIES,
        objects=_OBJECTION,
        calls=calls or "Directive 2002/58/EC art. 13(3): the national rule on calls",
    )


_MEMBERS = (
    _member("Germany", "UWG s. 7(2) no. 2 and (3): consent, also of firms", "everybody",
            "UWG s. 7(2) no. 1: firms only with presumed consent"),
    _member("Austria", "TKG 2021 s. 174(3): consent, also of firms", "everybody", "TKG 2021 s. 174(1): consent"),
    _member("Netherlands", "Telecommunicatiewet art. 11.7: consent, also of firms", "everybody", published=0),
    _member("Italy", "Codice privacy art. 130: consent, also of firms", "everybody"),
    _member("Spain", "LSSI art. 21: consent, also of firms", "everybody"),
    _member("Poland", "Prawo komunikacji elektronicznej art. 398: consent, also of firms", "everybody"),
    _member("Belgium", "Code of Economic Law art. XII.13: consent, but for impersonal addresses of firms", "everybody"),
    _member("Denmark", "Markedsføringsloven s. 10: consent, also of firms", "everybody"),
    _member("Czechia", "Act 480/2004 s. 7: consent, also of firms", "everybody"),
    _member("France", "CPCE art. L34-5: consent of individuals; of firms none when it concerns their work",
            "individuals"),
    _member("Sweden", "Marknadsföringslagen s. 19: consent of individuals", "individuals"),
    _member("Finland", "Act 917/2014 s. 200 and 202: consent of individuals", "individuals"),
    _member("Ireland", "S.I. 336/2011 reg. 13: consent of individuals", "individuals"),
    _member("Portugal", "Lei 41/2004 art. 13-A: consent of individuals", "individuals"),
)  # fmt: skip
LAWS: dict[str, Law] = {law.country: law for law in (US, UK, CANADA, *_MEMBERS)}
STRICTEST = Law(
    country="",
    name="the strictest of the set",
    consent="consent of everybody, as UWG s. 7(2) no. 2 and CASL s. 6(1)(a) ask for",
    asks="everybody",
    carries={**_EU_CARRIES, "postal_address": "CAN-SPAM Act, 15 U.S.C. 7704(a)(5)(A)(iii); CASL s. 6(2)(b)"},
    objects=f"{_OBJECTION}; CAN-SPAM Act, 15 U.S.C. 7704(a)(4); CASL s. 11(3)",
    calls="do-not-call lists and the national rule on calls",
)
BASES = {  # how CRMs word the ground of GDPR art. 6(1) on which a person's data are kept -> the letter, its usual name
    "consent": ("(a)", "consent"),
    "contract": ("(b)", "performance of a contract"),
    "legitimate interest": ("(f)", "legitimate interests"),
}
BASIS_RULE = "GDPR art. 6(1): data of a person are used on a ground that somebody has noted"
PROOF_RULE = {"Canada": "CASL s. 13: who says that there was consent must prove it"}
PROOF = "GDPR art. 7(1): consent must be shown, so when and where it was given is kept"
ADVERTISEMENT = "CAN-SPAM Act, 15 U.S.C. 7704(a)(5)(A)(i); not where they agreed before: (a)(5)(B)"
GDPR_LAND = frozenset(law.country for law in _MEMBERS) | {"United Kingdom", ""}
SOURCE_RULE = "GDPR art. 14(3): the source of the data is told with the first message, at the latest within a month"
BULK = 5_000  # messages a day from which large mailbox hosts want SPF, DKIM, DMARC and RFC 8058 (one-click)


def basis_of(said: str) -> str:
    """The ground of GDPR art. 6(1) that a CRM's word means: a key of `BASES`, or the empty text."""
    low = " ".join(said.casefold().replace("_", " ").split())
    if not low or low.startswith(("no ", "not ", "none")):
        return ""
    return next((name for name in BASES if name in low), "")


def law_of(country: str) -> Law:
    """The law of a country by its usual English name; the strictest when the country is not known or not listed."""
    return LAWS.get(country, STRICTEST)
