"""Facts on an account from every source at hand, side by side. Which one is right is for a person to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from cuga.adapters.capability import Account, Contact, CrmRead, Enrichment, Filter, squeeze, without_legal_form
from cuga.adapters.capability.enrichment import Asked, Enricher
from cuga.errors import NotDone
from cuga.model.value import MICRO
from cuga.packs.sales.countries import domain_of, iso_of, mail_domain_of
from cuga.packs.sales.importing import values
from cuga.packs.sales.industries import industry_of
from cuga.packs.sales.intelligence.likeness import LIKELY, compare
from cuga.packs.sales.result import Result, find_account, place
from cuga.tools.declare import Slot, ToolContext, capability_missing, tool

RULES = "enrich-1"
OWN, PEOPLE, TWIN = "crm", "contacts", "likely duplicate"  # sources inside the house; others are outside providers
FIELDS = ("industry", "country", "city", "employees", "revenue", "founded", "domain")


class Fact(Result, frozen=True, kw_only=True):
    """What one source says. `source` is file:line, `licence` what it may be used for; empty: not known."""

    value: str
    provider: str
    date: str
    licence: str
    source: str


class FieldFacts(Result, frozen=True, kw_only=True):
    """One field. `state`: agreed (two sources or more), single, differs (all are shown), or unknown."""

    field: str
    state: str
    facts: tuple[Fact, ...]


class Enriched(Result, frozen=True, kw_only=True):
    """`enriched`: whether any source said what the account's own record and its people's addresses do not."""

    account: str
    account_id: str
    enriched: bool
    fields: tuple[FieldFacts, ...]
    unknowns: tuple[str, ...]
    differing: tuple[str, ...]
    coverage: int
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    rules: str = RULES
    as_of: str = ""


@tool(
    domain="intelligence",
    side_effect="read-only",
    cost=0.5,
    keywords=(
        "enrich", "enrichment", "firmographic", "firmographics", "technographic", "fill in company data", "tech stack",
        "company data", "more facts", "complete the record",
    ),
    gives={"facts": "/fields"},
    uses=("crm", "enrichment"),
    optional=("enrichment",),
    guardrails=("changes nothing", "never chooses between sources that disagree", "asks no source that is not allowed"),
)  # fmt: skip
def enrich_account(
    context: ToolContext,
    account: Annotated[str, Slot("account", "name or id of the account")],
    sources: Annotated[tuple[str, ...], Slot("", "allowed sources by name; left out: all that are at hand")] = (),
) -> Enriched:
    """Add firmographic and technographic facts from allowed sources with provenance for each field.

    Sources are the account's own record, imported facts of outside providers, the mail domains of its contacts,
    records that are likely the same company, and the adapter for enrichment that the profile allows: files, or a
    service that is asked by the company's domain. Where none says more, the answer is "not enriched". Two sources that
    disagree are both shown, and none is written back.
    """
    crm: CrmRead = context.capability("crm")
    notes: list[str] = []
    record = find_account(crm, account, notes)
    today = context.as_of.date()
    found: dict[str, list[Fact]] = {field: [] for field in FIELDS}
    for field, fact in (
        *_own(record),
        *_told(crm, record),
        *_people(crm, record),
        *_twins(crm, record),
        *_asked(context, record, notes),
    ):
        if fact.date and fact.date > today.isoformat():
            notes.append(f"a fact of {fact.provider} on {field} is dated {fact.date}, after {today}; left out")
        elif fact.value and (fact.provider == OWN or not sources or fact.provider in sources):
            found.setdefault(field, []).append(fact)
    fields = tuple(FieldFacts(field=f, state=_state(f, facts), facts=tuple(facts)) for f, facts in found.items())
    known = [field for field in fields if field.state != "unknown"]
    is_enriched = any(_adds(field) for field in fields)
    if not is_enriched:
        asked = f" in {', '.join(sources)}" if sources else ""
        notes.append(f"not enriched: no source{asked} says more of {record.name}; facts come in with `cuga import`")
    return Enriched(
        as_of=context.as_of.date().isoformat(),
        account=record.name, account_id=record.id, enriched=is_enriched, fields=fields,
        unknowns=tuple(field.field for field in fields if field.state == "unknown"),
        differing=tuple(field.field for field in fields if field.state == "differs"),
        coverage=100 * sum(field.field in FIELDS for field in known) // len(FIELDS),
        sources=tuple(sorted({fact.provider for field in fields for fact in field.facts})), notes=tuple(notes),
    )  # fmt: skip


def _adds(field: FieldFacts) -> bool:
    """Whether a field holds more than the account's own record and its own people's addresses say."""
    inside = {OWN, PEOPLE} if any(fact.provider == OWN for fact in field.facts) else set[str]()
    return any(fact.provider not in inside for fact in field.facts)


def _own(record: Account, provider: str = OWN) -> Iterator[tuple[str, Fact]]:
    revenue = "" if record.revenue is None else f"{record.revenue / MICRO:.0f} {record.currency}".strip()
    said = {
        "industry": record.industry, "country": record.country, "city": record.city, "revenue": revenue,
        "employees": "" if record.employees is None else str(record.employees),
        "founded": "" if record.founded is None else str(record.founded), "domain": domain_of(record.website),
    }  # fmt: skip
    for field, value in said.items():
        yield field, Fact(value=value, provider=provider, date="", licence="own data", source=place(record))


def _told(crm: CrmRead, record: Account) -> Iterator[tuple[str, Fact]]:
    """What outside providers say, the newest first."""
    for told in crm.query("enrichments", [Filter(field="account_id", value=record.id)], order="-seen", limit=-1):
        if isinstance(told, Enrichment) and told.name:
            seen = told.seen.isoformat() if told.seen else ""
            field = "domain" if squeeze(told.name) == "website" else told.name.casefold().replace(" ", "_")
            provider = told.provider or "not named"
            yield field, Fact(value=told.value, provider=provider, date=seen, licence=told.licence, source=place(told))


def _asked(context: ToolContext, record: Account, notes: list[str]) -> Iterator[tuple[str, Fact]]:
    """What the adapter for enrichment says; it is told the company's name, domain and country, and of no person."""
    if capability_missing(context, "enrichment"):
        return
    source: Enricher = context.capability("enrichment")
    asked = Asked(name=record.name, domain=domain_of(record.website), country=record.country)
    try:
        found = source.facts(asked)
    except NotDone as error:
        notes.append(f"one source could not be asked: {error.detail or error.message}")
        return
    for told in found:
        seen = told.seen.isoformat() if told.seen else ""
        field = "domain" if squeeze(told.field) == "website" else told.field.casefold().replace(" ", "_")
        yield field, Fact(value=told.value, provider=told.provider, date=seen, licence=told.licence, source=told.source)


def _people(crm: CrmRead, record: Account) -> Iterator[tuple[str, Fact]]:
    people = crm.query("contacts", [Filter(field="account_id", value=record.id)], limit=200)
    domains = Counter(d for p in people if isinstance(p, Contact) and (d := mail_domain_of(p.email)))
    for domain, count in sorted(domains.items(), key=lambda found: (-found[1], found[0])):
        source = f"{count} of {len(people)} mail addresses"
        yield "domain", Fact(value=domain, provider=PEOPLE, date="", licence="own data", source=source)


def _twins(crm: CrmRead, record: Account) -> Iterator[tuple[str, Fact]]:
    bare = without_legal_form(record.name)
    like = [Filter(field="name", op="contains", value=bare)] if len(bare) >= 3 else []
    site = [Filter(field="website", op="contains", value=domain)] if (domain := domain_of(record.website)) else []
    alike = {other.id: other for found in (like, site) if found for other in crm.query("accounts", found, limit=50)}
    for other in alike.values():
        pair = compare(record, other) if other.id != record.id else None
        if pair is not None and pair.score >= LIKELY and isinstance(other, Account):
            yield from _own(other, TWIN)


def _state(field: str, facts: list[Fact]) -> str:
    if not facts:
        return "unknown"
    if len({_same(field, fact.value) for fact in facts}) > 1:
        return "differs"
    return "agreed" if len({fact.provider for fact in facts}) > 1 else "single"


def _same(field: str, value: str) -> str:
    """A value as it is compared: synonyms, codes and spellings of one thing are one."""
    if field == "industry":
        return industry_of(value) or value.casefold()
    if field == "country":
        return iso_of(value) or value.casefold()
    if field == "domain":
        return domain_of(value) or value.casefold()
    if field == "revenue" and (amount := values.money(value)) is not None:
        return str(amount[0])
    if field in ("employees", "founded") and (number := values.whole(value)) is not None:
        return str(number)
    return " ".join(value.casefold().split())
