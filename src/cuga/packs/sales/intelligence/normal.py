"""One account record in one schema: each field as written, as it is read, how sure that is and why. Rules only, no CRM.

Nothing is overwritten, completed or made up: what cannot be read is unknown, and an id is never invented.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from cuga.adapters.capability import without_legal_form
from cuga.model.value import MICRO
from cuga.packs.sales.countries import domain_of, iso_of, mail_domain_of
from cuga.packs.sales.importing import values
from cuga.packs.sales.importing.mapping import propose
from cuga.packs.sales.importing.report import Column
from cuga.packs.sales.industries import country_of, industry_of, near_country, near_industry
from cuga.packs.sales.result import Result

FIELDS = ("name", "legal_form", "industry", "country", "city", "employees", "revenue", "founded", "domain", "parent")
_LEGAL = re.compile(
    r"[\s,]+((?:inc|corp|ltd|llc|plc|gmbh|ag|sa|sas|s\.?p\.?a|s\.?r\.?l|b\.?v|n\.?v|oy|ab|as|kg|co|limited|incorporated"
    r"|corporation|company|group|holding)\.?(?:\s*&\s*co\.?\s*kg)?)$",
    re.I,
)


class _Add(Protocol):
    """How a rule hands in a field; `of` names the one it was read from."""

    def __call__(self, field: str, after: str, confidence: int, why: str, *, of: str = "") -> None: ...


class Field(Result, frozen=True, kw_only=True):
    """One field. `before` as written, `after` as read ("" when it is not known), `confidence` 0..100."""

    field: str
    column: str
    before: str
    after: str
    changed: bool
    confidence: int
    why: str


class Normal(Result, frozen=True, kw_only=True):
    """One record. `unknowns` are fields that nobody wrote or that cannot be read; `kept` columns that fit no field."""

    id: str
    name: str
    fields: tuple[Field, ...]
    unknowns: tuple[str, ...]
    kept: tuple[str, ...]
    source: str = ""


def normal(raw: Mapping[str, str], *, mapping: Mapping[str, str] | None = None, record_id: str = "") -> Normal:
    """A record in the one schema. `mapping` (column -> field) wins over what the columns' names propose."""
    said = {column: str(text).strip() for column, text in raw.items()}
    columns = {c.field: c for c in propose("accounts", tuple(said)) if c.field}
    for column, field in (mapping or {}).items():
        if column in said:
            columns[field] = Column(column=column, field=field, confidence=100)
    text = {field: "" if values.is_unknown(said[c.column]) else said[c.column] for field, c in columns.items()}
    found: list[Field] = []

    def add(field: str, after: str, confidence: int, why: str, *, of: str = "") -> None:
        origin = of or field
        column = columns[origin].column if origin in columns else ""
        before = text.get(origin, "")
        sure = min(confidence, columns[origin].confidence) if origin in columns else confidence
        found.append(
            Field(field=field, column=column, before=before, after=after, changed=after != before,
                  confidence=sure if after else 0, why=why)
        )  # fmt: skip

    _name(text, add)
    _words(text, add)
    _numbers(text, columns, add)
    _domain(text, said, add)
    given = text.get("id", "")
    known = {field.field for field in found if field.after}
    used = {column.column for column in columns.values()}
    return Normal(
        id=record_id or given, name=next((f.after for f in found if f.field == "name"), ""), fields=tuple(found),
        unknowns=tuple(field for field in FIELDS if field not in known and field != "legal_form"),
        kept=tuple(column for column in said if column not in used and said[column]),
    )  # fmt: skip


def legal_form(name: str) -> tuple[str, str]:
    """(name without its legal form, the legal form as written): "Acme Corp." -> ("Acme", "Corp.")."""
    bare, found = name.strip(), ""
    hit = _LEGAL.search(bare)
    if hit and without_legal_form(bare) and bare[: hit.start()].strip(" ,"):
        bare, found = bare[: hit.start()].strip(" ,"), hit[1]
    return bare, found


def ends(text: str) -> tuple[int, int | None] | None:
    """Both ends of a range of whole numbers: "51-200" -> (51, 200), "500+" -> (500, None); None when it is none."""
    low = values.lower_end(text)
    if low is None:
        return None
    upper = values.whole(re.split(r"-|–|to", text)[-1]) if not text.strip().endswith("+") else None
    return None if upper is not None and upper < low else (low, upper)


def _name(text: Mapping[str, str], add: _Add) -> None:
    if not (name := text.get("name", "")):
        return
    whole = " ".join(name.strip("\"'").split())
    bare, form = legal_form(whole)
    add("name", whole, 100, "white space and quotes" if whole != name else "as written")
    if form:
        add("legal_form", form, 95, f"kept apart; the name without it is {bare!r}", of="name")


def _words(text: Mapping[str, str], add: _Add) -> None:
    if industry := text.get("industry", ""):
        known, (near, score) = industry_of(industry), near_industry(industry)
        if known:
            add("industry", known, 100, "a known name or synonym")
        elif near:
            add("industry", industry_of(near), score, f"spelled like {near!r}: a proposal")
        else:
            add("industry", "", 0, "no industry that is known here")
    if country := text.get("country", ""):
        known, (near, score) = country_of(country), near_country(country)
        if code := iso_of(known or country):
            add("country", code, 100, f"ISO 3166-1 code of {known or country}")
        elif near and iso_of(near):
            add("country", iso_of(near), score, f"spelled like {near!r}: a proposal")
        else:
            add("country", "", 0, "no country that is known here")
    for field in ("city", "parent"):
        if text.get(field):
            add(field, " ".join(text[field].split()), 100, "as written")


def _numbers(text: Mapping[str, str], columns: Mapping[str, Column], add: _Add) -> None:
    if people := text.get("employees", ""):
        if (number := values.whole(people)) is not None and number >= 0:
            add("employees", str(number), 100, "a whole number")
        elif between := ends(people):
            low, high = between
            add("employees", f"{low}-{high}" if high is not None else f"{low}+", 90, "a range, kept as one")
        else:
            add("employees", "", 0, "no whole number and no range")
    if revenue := text.get("revenue", ""):
        unit = columns["revenue"].unit
        amount = values.money(revenue, unit)
        if amount is None:
            add("revenue", "", 0, "no amount that can be read")
        else:
            whole = f"{amount[0] / MICRO:.0f}" if amount[0] % MICRO == 0 else f"{amount[0] / MICRO:.2f}"
            named = amount[1] or text.get("currency", "").upper()
            why = f"read in {unit}" if unit else "an amount" if named else "an amount; its currency is not known"
            add("revenue", f"{whole} {named}".strip(), 100 if named else 70, why)
    if founded := text.get("founded", ""):
        year = values.whole(founded)
        is_year = year is not None and 1000 <= year <= 2200
        add("founded", str(year) if is_year else "", 100, "a year" if is_year else "no year")


def _domain(text: Mapping[str, str], said: Mapping[str, str], add: _Add) -> None:
    if website := text.get("website", ""):
        domain = domain_of(website)
        add("domain", domain, 100, "of the web address" if domain else "no company's web address", of="website")
        if domain:
            return
    mails = [value for column, value in said.items() if "mail" in column.casefold() and "@" in value]
    domains = {domain for mail in mails if (domain := mail_domain_of(mail))}
    if len(domains) == 1:
        add("domain", domains.pop(), 80, "of the mail address, which is no free mail")
