"""What is asked of CRM data, rule by rule, as data: missing, invalid, orphan, inconsistent, stale.

A rule looks at one record and what it needs to know of the others; without a day to reason from, the stale ones
are not asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

from cuga.adapters.capability import (
    LOST,
    OPEN,
    WON,
    Account,
    Activity,
    Contact,
    CrmRead,
    Enrichment,
    Note,
    Opportunity,
    Product,
    Record,
    TeamMember,
)
from cuga.packs.sales.countries import iso_of
from cuga.packs.sales.industries import industry_of

RULES = "quality-1"
QUIET_DAYS, OLD_DAYS, FACT_DAYS = 90, 365, 730
KINDS = ("accounts", "contacts", "products", "opportunities", "activities", "notes", "teams", "enrichments")


@dataclass(slots=True)
class Around:
    """What a rule may know beside its record: the day (None: not known), the team, when a deal was last touched."""

    today: date | None = None
    members: frozenset[str] = frozenset()
    touched: dict[str, date] = field(default_factory=dict)
    has_activities: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """`sort`: missing, invalid, orphan, inconsistent or stale. `applies` says which records are asked at all."""

    id: str
    kind: str
    sort: str
    says: str
    fix: str
    is_broken: Callable[[Record, Around], bool]
    applies: Callable[[Record, Around], bool] = lambda record, around: True


def around(crm: CrmRead, today: date | None) -> Around:
    """What the rules need to know of the whole."""
    touched: dict[str, date] = {}
    number = 0
    for record in crm.each("activities"):
        number += 1
        if isinstance(record, Activity) and record.opportunity_id and record.happened:
            last = touched.get(record.opportunity_id, record.happened)
            touched[record.opportunity_id] = max(last, record.happened)
    names = {text.casefold() for pair in crm.names("teams") for text in pair if text}
    return Around(
        today=today, members=frozenset(names), touched=touched, has_activities=number > 0
    )  # fmt: skip


def counts(crm: CrmRead, today: date | None = None) -> dict[str, int]:
    """How many records break each rule."""
    known, found = around(crm, today), Counter[str]()
    for rule, _, is_broken in asked(crm, KINDS, known):
        found[rule.id] += is_broken
    return dict(found)


def asked(crm: CrmRead, kinds: tuple[str, ...], known: Around, file: str = "") -> Iterator[tuple[Rule, Record, bool]]:
    """(rule, record, whether it is broken) for every rule and every record to which it applies.

    With a file, only records that were imported from it: its name, with or without sheet and ending.
    """
    for kind in kinds:
        rules = [rule for rule in ALL if rule.kind == kind]
        for record in crm.each(kind):
            own = record.source.file.casefold()
            if file and file not in (own, own.split("#")[0], own.split("#")[0].rsplit(".", 1)[0]):
                continue
            for rule in rules:
                if rule.applies(record, known):
                    yield rule, record, rule.is_broken(record, known)


_CALLED = {"closes": "close date", "happened": "date"}


def _missing(kind: str, name: str, fix: str, applies: Callable[[Record, Around], bool] | None = None) -> Rule:
    def is_broken(record: Record, around: Around) -> bool:
        return getattr(record, name) in ("", None)

    says = f"{_CALLED.get(name, name.replace('_', ' '))} is not known"
    made = Rule(f"{kind}.{name}.missing", kind, "missing", says, fix, is_broken)
    return made if applies is None else Rule(made.id, kind, "missing", says, fix, is_broken, applies)


def _is(status: str) -> Callable[[Record, Around], bool]:
    return lambda record, around: isinstance(record, Opportunity) and record.status == status


def _closed(record: Record, around: Around) -> bool:
    return isinstance(record, Opportunity) and record.status in (WON, LOST)


def _named(record: Record, around: Around) -> bool:
    return bool(getattr(record, "account", ""))


def _dated(record: Record, around: Around) -> bool:
    return around.today is not None


def _bad_mail(record: Record, around: Around) -> bool:
    address = getattr(record, "email", "")
    raw = [text for column, text in record.raw.items() if "mail" in column.casefold() and text.strip()]
    return not address and bool(raw) and isinstance(record, Contact)


def _is_wanted(record: Record, around: Around) -> bool:
    """Whether more should be known of a person; of somebody who wants no mail the address is enough."""
    return isinstance(record, Contact) and not record.unsubscribed


def _quiet(record: Record, around: Around) -> bool:
    if around.today is None or not isinstance(record, Opportunity):
        return False
    last = max(filter(None, (around.touched.get(record.id), record.opened)), default=None)
    return last is not None and (around.today - last).days > QUIET_DAYS


def _is_open_and_dated(record: Record, around: Around) -> bool:
    return around.today is not None and around.has_activities and _is(OPEN)(record, around)


def _passed(record: Record, around: Around) -> bool:
    return isinstance(record, Opportunity) and bool(record.closes and around.today and record.closes < around.today)


def _old(record: Record, around: Around) -> bool:
    if around.today is None or not isinstance(record, Opportunity) or record.opened is None:
        return False
    return (around.today - record.opened).days > OLD_DAYS


def _in_future(record: Record, around: Around) -> bool:
    happened = record.happened if isinstance(record, Activity) else record.written if isinstance(record, Note) else None
    return bool(happened and around.today and happened > around.today)


def _old_fact(record: Record, around: Around) -> bool:
    return isinstance(record, Enrichment) and bool(
        record.seen and around.today and (around.today - record.seen).days > FACT_DAYS
    )


_O, _A, _C = "opportunities", "accounts", "contacts"
ALL: tuple[Rule, ...] = (
    _missing(_A, "industry", "fill it in; fit and collateral depend on it"),
    _missing(_A, "country", "fill it in; the law on outreach depends on it"),
    _missing(_A, "employees", "fill it in, or import an enrichment"),
    _missing(_A, "revenue", "fill it in, or import an enrichment"),
    _missing(_A, "website", "fill it in; duplicates are found by it"),
    _missing(_A, "owner", "name an owner"),
    _missing(_C, "email", "ask for it; it is never guessed", lambda r, a: not _bad_mail(r, a) and _is_wanted(r, a)),
    _missing(_C, "title", "ask for it; the buying committee is read off it", _is_wanted),
    _missing(_C, "account", "name the company", _is_wanted),
    _missing(_O, "owner", "name an owner"),
    _missing(_O, "stage", "give it a stage"),
    _missing(_O, "account", "name the account", _is(OPEN)),
    _missing(_O, "product", "name the product"),
    _missing(_O, "closes", "give an expected close date", _is(OPEN)),
    _missing(_O, "next_step", "write the next step", _is(OPEN)),
    _missing(_O, "amount", "give an amount, or an estimate said to be one", _is(OPEN)),
    _missing("products", "price", "give a list price"),
    _missing("activities", "happened", "give its date"),
    _missing("enrichments", "licence", "say what the fact may be used for"),
    Rule(f"{_A}.industry.invalid", _A, "invalid", "no industry that is known here", "use a common name",
         lambda r, a: not industry_of(getattr(r, "industry", "")), lambda r, a: bool(getattr(r, "industry", ""))),
    Rule(f"{_A}.country.invalid", _A, "invalid", "no country of ISO 3166-1", "correct the name",
         lambda r, a: not iso_of(getattr(r, "country", "")), lambda r, a: bool(getattr(r, "country", ""))),
    Rule(f"{_A}.size.invalid", _A, "invalid", "employees or revenue are zero or below", "correct the number",
         lambda r, a: isinstance(r, Account) and any(n is not None and n <= 0 for n in (r.employees, r.revenue))),
    Rule(f"{_A}.founded.invalid", _A, "invalid", "founded before 1000 or after today", "correct the year",
         lambda r, a: isinstance(r, Account) and r.founded is not None
         and (r.founded < 1000 or bool(a.today and r.founded > a.today.year))),
    Rule(f"{_C}.email.invalid", _C, "invalid", "the address cannot be read", "correct the address", _bad_mail),
    Rule(f"{_O}.amount.invalid", _O, "invalid", "the amount is below zero", "check the sign",
         lambda r, a: isinstance(r, Opportunity) and r.amount is not None and r.amount < 0),
    Rule("products.price.invalid", "products", "invalid", "the price is below zero", "check the sign",
         lambda r, a: isinstance(r, Product) and r.price is not None and r.price < 0),
    Rule(f"{_A}.parent.orphan", _A, "orphan", "its parent is not among the accounts", "import or correct it",
         lambda r, a: isinstance(r, Account) and not r.parent_id, lambda r, a: bool(getattr(r, "parent", ""))),
    *(Rule(f"{kind}.account.orphan", kind, "orphan", "its account is not among the accounts",
           "import the account, or correct the name", lambda r, a: not getattr(r, "account_id", ""), _named)
      for kind in (_C, _O, "activities", "notes", "enrichments")),
    Rule(f"{_O}.product.orphan", _O, "orphan", "its product is not among the products", "correct the name",
         lambda r, a: isinstance(r, Opportunity) and not r.product_id, lambda r, a: bool(getattr(r, "product", ""))),
    Rule(f"{_O}.owner.orphan", _O, "orphan", "its owner is not in the team", "add the person, or hand the deal over",
         lambda r, a: isinstance(r, Opportunity) and r.owner.casefold() not in a.members,
         lambda r, a: bool(a.members) and bool(getattr(r, "owner", ""))),
    Rule(f"{_O}.dates.inconsistent", _O, "inconsistent", "it was closed before it was opened", "correct a date",
         lambda r, a: isinstance(r, Opportunity) and bool(r.opened and r.closes and r.closes < r.opened)),
    Rule(f"{_O}.closed.inconsistent", _O, "inconsistent", "it is closed and has no close date", "give the date",
         lambda r, a: isinstance(r, Opportunity) and r.closes is None, _closed),
    Rule(f"{_O}.won.inconsistent", _O, "inconsistent", "it is won without an amount", "give the amount",
         lambda r, a: isinstance(r, Opportunity) and not r.amount, _is(WON)),
    Rule(f"{_O}.close_date.stale", _O, "stale", "it is open and its close date has passed", "move the date or close it",
         _passed, lambda r, a: _dated(r, a) and _is(OPEN)(r, a)),
    Rule(f"{_O}.activity.stale", _O, "stale", f"nothing happened for more than {QUIET_DAYS} days",
         "get in touch, or close it", _quiet, _is_open_and_dated),
    Rule(f"{_O}.age.stale", _O, "stale", f"it has been open for more than {OLD_DAYS} days", "close it, or say why not",
         _old, lambda r, a: _dated(r, a) and _is(OPEN)(r, a)),
    *(Rule(f"{kind}.date.inconsistent", kind, "inconsistent", "it is dated after today", "correct the date",
           _in_future, _dated) for kind in ("activities", "notes")),
    Rule("enrichments.seen.stale", "enrichments", "stale", f"the fact is older than {FACT_DAYS} days", "ask again",
         _old_fact, _dated),
    Rule("teams.manager.missing", "teams", "missing", "manager is not known", "name the manager",
         lambda r, a: isinstance(r, TeamMember) and not r.manager),
)  # fmt: skip
