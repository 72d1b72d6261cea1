"""Who a message would reach, as far as the records say: the person, the company, the country, and what permits it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

from cuga.adapters.capability import WON, Account, Activity, Contact, CrmRead, Filter, Opportunity, without_legal_form
from cuga.model.value import Value
from cuga.packs.sales.engagement.laws import Basis, basis_of
from cuga.packs.sales.industries import country_of
from cuga.packs.sales.result import Evidence, Result, evidence

# from the beginning of a word only, so that a long one is read once
ADDRESS = re.compile(r"(?<![^\s@<>,;\"()])[^\s@<>,;\"()]++@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
FREE_MAIL = frozenset((
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com", "icloud.com", "me.com",
    "gmx.de", "gmx.net", "gmx.com", "web.de", "t-online.de", "orange.fr", "free.fr", "aol.com", "proton.me",
    "protonmail.com", "mail.ru", "yandex.ru", "qq.com", "163.com",
))  # fmt: skip


class Ground(Result, frozen=True, kw_only=True):
    """What permits writing to somebody, or that they refused. `on` is YYYY-MM-DD; a ground that ends needs it.

    `customer`: the address came with a sale and its owner was told; `bought`: the firm has a won deal.
    """

    recipient: str
    basis: Basis
    on: str = ""
    source: str = ""


class Recipient(Value, frozen=True, kw_only=True):
    """One recipient. `is_firm` is None when the records do not say whether it is a company's address."""

    address: str
    name: str = ""
    account: str = ""
    country: str = ""
    is_firm: bool | None = None
    opted_out: bool = False
    opted_in: str = ""  # yes, no, or empty: not known
    lawful_basis: str = ""  # as the CRM words it
    data_source: str = ""  # where their data are from, or where they agreed
    grounds: tuple[Ground, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def recipient_of(crm: CrmRead | None, said: str, grounds: Sequence[Ground], today: date) -> Recipient:
    """What is known of one recipient, named by address, id or name."""
    contacts = _contacts(crm, said) if crm is not None else []
    address = contacts[0].email if contacts and not ADDRESS.fullmatch(said.strip()) else said.strip()
    given = tuple(g for g in grounds if g.recipient.casefold() in (said.casefold(), address.casefold()))
    account = _account(crm, contacts)
    found, shown = list(given), [evidence(contact, "email") for contact in contacts[:1]]
    if account is not None and crm is not None:
        shown.append(evidence(account, "country"))
        if (bought := _bought(crm, account, today)) is not None:
            shown.append(evidence(bought, "status", on=bought.closes, value="won"))
            found.append(Ground(recipient=address, basis="bought", on=str(bought.closes or ""), source=bought.id))
    found += [ground for contact in contacts if (ground := _consented(contact, address, today)) is not None]
    shown += [evidence(c, name) for c in contacts[:1] for name in _CONSENT if getattr(c, name)]
    if crm is not None:
        found += [_asked(activity, address) for activity in _inquiries(crm, contacts, today)]
    return Recipient(
        address=address,
        name=contacts[0].name if contacts else "",
        account=account.name if account else "",
        country=country_of(account.country) if account else "",
        is_firm=_is_firm(account, address),
        opted_out=any(contact.unsubscribed for contact in contacts),
        opted_in=_opted_in(contacts),
        lawful_basis=next((contact.lawful_basis for contact in contacts if contact.lawful_basis), ""),
        data_source=next((contact.consent_source for contact in contacts if contact.consent_source), ""),
        grounds=tuple(found),
        evidence=tuple(shown),
    )


_CONSENT = ("opted_in", "lawful_basis", "consent_on", "consent_source")


def _opted_in(contacts: list[Contact]) -> str:
    """What the records of one address say together: one no is a no."""
    said = {contact.opted_in for contact in contacts}
    return "no" if "no" in said else "yes" if "yes" in said else ""


def _consented(contact: Contact, address: str, today: date) -> Ground | None:
    """The consent that the CRM notes: an opt-in, or consent as the ground of keeping the data."""
    if contact.opted_in == "no" or (contact.consent_on is not None and contact.consent_on > today):
        return None
    if contact.opted_in != "yes" and basis_of(contact.lawful_basis) != "consent":
        return None
    return Ground(recipient=address, basis="consent", on=str(contact.consent_on or ""), source=contact.consent_source)


def _contacts(crm: CrmRead, said: str) -> list[Contact]:
    if "@" in said:
        wanted = said.strip().strip("<>")
        rows = crm.query("contacts", [Filter(field="email", value=wanted)], limit=50)
    else:
        hit = crm.lookup("contacts", said).found
        rows = [record] if hit and (record := crm.get("contacts", hit.id)) is not None else []
    return [row for row in rows if isinstance(row, Contact)]


def _account(crm: CrmRead | None, contacts: list[Contact]) -> Account | None:
    key = next((contact.account_id for contact in contacts if contact.account_id), "")
    record = crm.get("accounts", key) if crm is not None and key else None
    return record if isinstance(record, Account) else None


def _is_firm(account: Account | None, address: str) -> bool | None:
    """A company by its legal form or its size; a free-mail address at a one-person firm stays open."""
    if account is None or address.rpartition("@")[2].casefold() in FREE_MAIL:
        return None
    legal = without_legal_form(account.name) != " ".join(re.sub(r"[^\w\s&-]", " ", account.name.casefold()).split())
    return True if legal or (account.employees or 0) > 1 else None


def _bought(crm: CrmRead, account: Account, today: date) -> Opportunity | None:
    wanted = [Filter(field="account_id", value=account.id), Filter(field="status", value=WON)]
    won = [d for d in crm.query("opportunities", wanted, order="-closes", limit=20) if isinstance(d, Opportunity)]
    return next((deal for deal in won if deal.closes is not None and deal.closes <= today), None)


def _inquiries(crm: CrmRead, contacts: list[Contact], today: date) -> list[Activity]:
    found = []
    for contact in contacts:
        wanted = [Filter(field="contact_id", value=contact.id), Filter(field="kind", value="reply")]
        found += [a for a in crm.query("activities", wanted, limit=50) if isinstance(a, Activity)]
    recent = [a for a in found if a.happened is not None and today - timedelta(days=183) <= a.happened <= today]
    return [a for a in recent if a.raw.get("reply") == "interest"]


def _asked(activity: Activity, address: str) -> Ground:
    return Ground(recipient=address, basis="inquiry", on=str(activity.happened or ""), source=activity.id)
