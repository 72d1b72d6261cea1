"""Who should take a lead: the account's owner if there is one, else the first rule that fits, else whoever has least.

It proposes; the CRM is not changed.
"""

from __future__ import annotations

from typing import Annotated

from cuga.adapters.capability import CrmRead
from cuga.errors import BadInput
from cuga.model.value import Value
from cuga.packs.sales.industries import country_of, industry_of
from cuga.packs.sales.result import Report, Result
from cuga.packs.sales.territory.book import Book
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "route-1"
FIELDS = ("country", "industry", "employees", "source")


class Lead(Value, frozen=True, kw_only=True):
    """A lead as it came in; what is not known stays empty."""

    name: str = ""
    company: str = ""
    country: str = ""
    industry: str = ""
    employees: int | None = None
    source: str = ""


class RouteRule(Value, frozen=True, kw_only=True):
    """One rule. `equals` compares texts without case, `at_least` and `below` numbers of people; the first that fits
    wins. `to` is a person, a manager or a region."""

    name: str
    field: str
    to: str
    equals: str = ""
    at_least: int | None = None
    below: int | None = None


class Candidate(Result, frozen=True, kw_only=True):
    """A person who could take it, with their hours a year and accounts now."""

    rep: str
    hours: int
    accounts: int


class Routing(Report, frozen=True, kw_only=True):
    """`owner` is proposed; `rule` is why; `considered` are all who could take it, the emptiest book first."""

    lead: str
    owner: str
    rule: str
    runner_up: str
    account_id: str
    considered: tuple[Candidate, ...]
    unknowns: tuple[str, ...]


@tool(
    domain="territory",
    side_effect="propose",
    cost=0.4,
    keywords=("route", "assign lead", "who owns", "owner", "lead routing", "new lead", "inbound lead"),
    gives={"routing": "", "owner": "/owner"},
    uses=("crm",),
    guardrails=("an existing owner wins", "a rule on a value that is not known does not fit", "assigns nothing"),
)  # fmt: skip
def route_lead(
    context: ToolContext,
    company: Annotated[str, Slot("account", "the lead's company")] = "",
    lead: Annotated[Lead | None, Slot("lead_fields", "the lead with its fields")] = None,
    rules: Annotated[tuple[RouteRule, ...], Slot("rules", "rules in order; the first that fits wins")] = (),
    region: Annotated[str, Slot("region", "only people of this region or manager")] = "",
) -> Routing:
    """Propose the owner for a new lead from rules region and load.

    The owner of the company's account wins over every rule. Equal candidates are told apart by hours, then by name.
    """
    lead = lead or Lead(company=company)
    company = lead.company or company or lead.name
    if not company:
        raise BadInput("the lead names no company", mend="give its company, or the lead with its fields")
    if wrong := [rule.field for rule in rules if rule.field not in FIELDS]:
        raise BadInput(f"a rule asks {wrong[0]!r}", mend=f"rules can ask {', '.join(FIELDS)}")
    crm: CrmRead = context.capability("crm")
    book = Book(crm, context.as_of.date())
    found = crm.lookup("accounts", company).found
    held = book.holdings.get(found.id) if found else None
    unknowns: list[str] = []
    people = book.who(region) if region else book.reps()
    why = "no rule fits: the smallest load"
    if held and found and held.owner and held.owner in set(book.reps()):
        named = "its owner" if held.account.owner else "the main seller of its deals"
        why = f"the account {held.account.name} exists: {named}"
        if found.how == "near":
            book.notes.append(f"{company!r} was read as the account {found.name!r}")
        ranked = [held.owner, *(rep for rep in _by_load(book, people) if rep != held.owner)]
    else:
        if held:
            book.notes.append(f"the account {held.account.name} has no owner in the team")
            lead = _completed(lead, held.account.country, held.account.industry, held.account.employees)
        for rule in rules:
            fits = _fits(rule, lead)
            if fits is None:
                unknowns.append(rule.field)
            elif fits:
                people, why = book.who(rule.to), f"rule {rule.name!r}: {rule.field} goes to {rule.to}"
                break
        ranked = _by_load(book, people)
    if not ranked:
        raise BadInput("there is nobody to route to", mend="import a team, or name another region")
    loads = {load.rep: load for load in book.loads(book.owners(), ranked)}
    return Routing(
        headline=f"{company} goes to {ranked[0]} ({why})" + (f"; next would be {ranked[1]}." if ranked[1:] else "."),
        as_of=book.today.isoformat(),
        notes=tuple(book.notes),
        assumptions=tuple(book.assumptions),
        rules=RULES,
        lead=company,
        owner=ranked[0],
        rule=why,
        runner_up=ranked[1] if ranked[1:] else "",
        account_id=held.account.id if held else "",
        considered=tuple(
            Candidate(rep=rep, hours=loads[rep].hours, accounts=loads[rep].accounts) for rep in ranked[:10]
        ),
        unknowns=tuple(dict.fromkeys(unknowns)),
    )


def _by_load(book: Book, people: list[str]) -> list[str]:
    return [load.rep for load in sorted(book.loads(book.owners(), people), key=lambda load: (load.hours, load.rep))]


def _completed(lead: Lead, country: str, industry: str, employees: int | None) -> Lead:
    return Lead(
        name=lead.name,
        company=lead.company,
        country=lead.country or country,
        industry=lead.industry or industry,
        employees=lead.employees if lead.employees is not None else employees,
        source=lead.source,
    )


def _fits(rule: RouteRule, lead: Lead) -> bool | None:
    """Whether a rule fits; None when the lead does not say what it asks."""
    if rule.field == "employees":
        if lead.employees is None:
            return None
        return (rule.at_least is None or lead.employees >= rule.at_least) and (
            rule.below is None or lead.employees < rule.below
        )
    said = {"country": lead.country, "industry": lead.industry, "source": lead.source}[rule.field]
    if not said:
        return None
    same = {"country": country_of, "industry": industry_of}.get(rule.field, str)
    return (same(said) or said).casefold() == (same(rule.equals) or rule.equals).casefold()
