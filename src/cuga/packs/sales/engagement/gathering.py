"""What is known for one draft, with its source, and what is missing; then the draft itself.

Nothing is chosen between people or records that are equally likely, and an address is only ever read, never made.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

from cuga.adapters.capability import (
    OPEN,
    Account,
    Activity,
    Contact,
    CrmRead,
    Filter,
    Opportunity,
    Product,
    Templates,
    body_hash,
)
from cuga.errors import BadInput
from cuga.model.correspondence import Letterhead
from cuga.packs.sales.engagement.laws import GDPR_LAND
from cuga.packs.sales.engagement.message import Channel, Message, Unfilled
from cuga.packs.sales.engagement.shaping import Shape
from cuga.packs.sales.engagement.templates import (
    DEFAULT,
    TEMPLATES,
    Template,
    of_version,
    purpose_of,
    render,
    render_own,
)
from cuga.packs.sales.industries import country_of
from cuga.packs.sales.intelligence.committee import contacts_of, people_for
from cuga.packs.sales.result import Evidence, evidence, find_account, place, sure
from cuga.tools.declare import ToolContext, capability_missing

RULES = "draft-3"
USUAL = Shape()
RECENT = timedelta(days=180)  # an older conversation is not brought up in a first line


_WITHOUT = {
    "sender": "not given; nothing stands under the close. Give it as the argument `sender`, or with `cuga amend`",
}
_ADDRESS = re.compile(r"[^\s@<>,;]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class Desk:
    """Gathers what is known for one draft: values for the variables, a source for each fact, and what is missing."""

    def __init__(self, context: ToolContext, channel: Channel) -> None:
        self.context, self.channel = context, channel
        self.crm: CrmRead | None = None if capability_missing(context, "crm") else context.capability("crm")
        self.values: dict[str, str] = {}
        self.facts: dict[str, Evidence] = {}
        self.unfilled: list[Unfilled] = []
        self.notes: list[str] = []
        self.account: Account | None = None
        self.contact: Contact | None = None
        self.address = ""
        self.is_known = False  # there has been contact with the person before
        self.owner = ""  # whose the open deal is
        self.product: Product | None = None
        self.blocked = ""  # why the contact must not be written to
        self.letterhead: Letterhead | None = None

    def take_recipient(self, recipient: str, account: str) -> None:
        """Find the account and the person; an address that nobody knows stays an address without a name."""
        wanted = recipient.strip()
        if account.strip() and self.crm is not None:
            self._take_account(find_account(self.crm, account, self.notes))
        elif account.strip():
            self.values["account"] = account.strip()
        if _ADDRESS.fullmatch(wanted):
            self.address = wanted
            found = self._by_address(wanted)
            if found is not None:
                self._take_contact(found)
            else:
                self.notes.append(f"{wanted} is not among the contacts; nothing is known but the address")
        elif wanted or self.account is not None:
            self._take_person(wanted or "buyer")
        if self.contact is None and self.address:
            self.unfilled.append(Unfilled(field="recipient_name", why="no contact of that address is known"))
        if not self.address and not (self.channel != "email" and self.contact):
            who = f"{wanted!r}" if wanted else "the buyer"
            where = f" at {self.account.name}" if self.account else ""
            what = "address" if self.contact else "person"
            why = f"no {what} is known for {who}{where}; add the contact or name an address"
            if wanted and self.crm is not None and self.account is None and self.contact is None:
                why = f"no account is given, so nobody can be looked up as {who}; name the account or an address"
            self.unfilled.append(Unfilled(field="recipient", why=why, blocking=True))

    def take_product(self, product: str) -> None:
        """The product by name, or that of the account's one open deal; a recent deal may be brought up."""
        deals = self._open_deals()
        deal = deals[0] if len(deals) == 1 else None
        if product.strip() and self.crm is None:
            self.values["product"] = product.strip()
        elif product.strip() and self.crm is not None:
            self._take_product(sure(self.crm.lookup("products", product), "product", self.notes))
        elif deal is not None and deal.product_id:
            self._take_product(deal.product_id)
            self.notes.append(f"the product is that of the open deal {deal.id}")
        if deal is None:
            return
        self.owner = one_line(deal.owner)
        day = self.context.as_of.date()
        if deal.opened is None or deal.opened > day or day - deal.opened > RECENT:
            since = f" since {deal.opened}" if deal.opened else ""
            self.notes.append(
                f"the open deal {deal.id} ({deal.owner or 'no owner'}{since}) is not brought up: nothing recent is "
                f"known of it"
            )
            return
        if deal.product == self.values.get("product", deal.product):
            self._fact("owner", deal.owner, evidence(deal, "owner"))
            self.values["owner_has"] = f"{deal.owner} has" if deal.owner else ""
            since = f"{deal.opened.day} {deal.opened:%B}"
            self._fact("since", since, evidence(deal, "opened"))

    def take_letterhead(self) -> None:
        """Who the house is, and, where the law of the recipient's country asks for it, where their data are from."""
        if capability_missing(self.context, "templates"):
            return
        shelf: Templates = self.context.capability("templates")
        found = shelf.letterhead()
        self.letterhead = found if found != Letterhead() else None
        if self.channel == "email" and not found.line:
            why = "who writes, with a postal address, is not said in the registry under `sender`; many laws ask for it"
            self.unfilled.append(Unfilled(field="letterhead", why=why))
        self.values |= {"letterhead": one_line(found.line), "company": one_line(found.company)}
        if country_of(self.account.country if self.account else "") in GDPR_LAND:
            self.values["privacy_notice"] = found.privacy_notice
            if self.contact is not None and self.contact.consent_source:
                self._fact("data_source", self.contact.consent_source, evidence(self.contact, "consent_source"))

    def write(self, template: str, subject: str, goal: str, continues: str, shape: Shape = USUAL) -> Message:
        """The message out of what was gathered."""
        self._take_price(shape)
        self.values = shape.without(self.values)
        own = "{{" in template
        follow = "follow" in goal.casefold() and self.channel == "email"
        chosen = self._template("" if own else template, "follow-up" if follow else DEFAULT[self.channel])
        if not own and chosen.channel != self.channel:
            raise BadInput(
                f"the template {chosen.name!r} is for {chosen.channel}",
                mend=f"leave the channel out, or say {chosen.channel}",
            )
        heading, body = render(chosen, self.values)
        if self.channel == "email" and not own and "@" not in chosen.name:
            body = shape.applied(body, self.values.get("ask", ""))
        elif shape.add or shape.length != "usual":
            self.notes.append("neither made shorter nor added to: the text is not one of the usual e-mails")
        if own or "@" in chosen.name:
            body = self._own(template if own else chosen.blocks[0][0])
            heading = heading or (self._own(chosen.subjects[0]) if chosen.subjects and not own else heading)
        heading = self._own(subject) if subject.strip() else heading
        if own:
            pass
        else:
            listed = {item.field for item in self.unfilled}
            self.unfilled += [
                Unfilled(field=name, why=_WITHOUT.get(name, "not given and not known; the message does without"))
                for name in chosen.needs
                if name not in listed and not self.values.get(name)
            ]
        heading = "" if self.channel != "email" else heading
        text = f"{heading}\n{body}"
        used = {item: fact for item, fact in self.facts.items() if _shown(self.values.get(item, ""), text)}
        first = True if own and not follow else chosen.first_contact
        intent = continues or self._intent(first, purpose_of(goal))
        return Message(
            message_id="msg-" + _short(f"{intent}\n{self.address}\n{text}"),
            intent=intent,
            channel=self.channel,
            recipient=self.address if self.channel == "email" else self.contact.name if self.contact else self.address,
            recipient_name=self.contact.name if self.contact else "",
            recipient_title=self.contact.title if self.contact else "",
            account=self.values.get("account", ""),
            account_id=self.account.id if self.account else "",
            product=self.values.get("product", ""),
            subject=heading,
            body=body,
            body_hash=body_hash(body),
            first_contact=first and not self.is_known,
            sender=self.letterhead,
            template="own" if own else chosen.name,
            blocked=self.blocked if self.channel == "email" else "",
            facts=tuple(dict.fromkeys(used.values())),
            unfilled=tuple(self.unfilled),
            notes=tuple(self.notes),
            as_of=self.context.as_of.date().isoformat(),
            rules=RULES,
        )

    def _take_price(self, shape: Shape) -> None:
        """The list price of the product, where it shall be named."""
        if "price" not in shape.mention:
            return
        if self.product is None or self.product.price is None:
            about = f"of {self.product.name}" if self.product is not None else "without a product"
            self.notes.append(f"no list price {about} is in the CRM: none is named")
            return
        shown = shape.amount(self.product.price, self.product.currency)
        self._fact("price", shown, evidence(self.product, "price", value=shown))

    def _template(self, name: str, usual: str) -> Template:
        """A template that is shipped, or the newest active version (or NAME@VERSION) of the house's own."""
        if not name:
            return TEMPLATES[usual]
        if name in TEMPLATES:
            return TEMPLATES[name]
        bound = not capability_missing(self.context, "templates")
        shelf: Templates | None = self.context.capability("templates") if bound else None
        known = shelf.versions() if shelf is not None else ()
        wanted = [one for one in known if name in (one.name, f"{one.name}@{one.version}")]
        if not wanted or (wanted[-1].state == "retired" and name == wanted[-1].name):
            names = dict.fromkeys((*TEMPLATES, *(one.name for one in known if one.state == "active")))
            raise BadInput(
                f"there is no template {name!r}", mend=f"templates: {', '.join(names)}, or text with {{{{variables}}}}"
            )
        return of_version(wanted[-1])

    def _intent(self, first: bool, purpose: str) -> str:
        """What the message is for, the same in every run: sending claims it once for each channel and recipient.

        Wording, style and sender are no part of it. Readable, because a refusal to send again quotes it.
        """
        account = self.account.id if self.account else self.values.get("account", "")
        product = self.values.get("product", "")
        kind = "first-message" if first else "follow-up"
        said = (("to", self.values.get("account", "")), ("about", product), ("for", purpose))
        shown = "".join(f"-{word}-{_slug(text)}" for word, text in said if _slug(text))
        return f"{kind}{shown}-" + _short("\n".join((kind, account, product, purpose)).casefold())[:8]

    def _own(self, text: str) -> str:
        """A person's own words with their variables filled; what is missing is listed and blocks the sending."""
        filled, missing = render_own(text, self.values)
        if "{{" in filled or "}}" in filled:
            raise BadInput("a variable is not closed, or has no plain name", mend="write it as {{account}}")
        if not filled:
            raise BadInput(
                f"nothing is left of the template: {', '.join(missing)} not known",
                mend="give them, or use fewer variables",
            )
        known = {item.field for item in self.unfilled if item.blocking}
        self.unfilled += [
            Unfilled(field=name, why="the text asks for it and it is not known", blocking=True)
            for name in missing
            if name not in known
        ]
        return filled

    def _take_account(self, account: Account) -> None:
        self.account = account
        self._fact("account", account.name, evidence(account, "name"))
        self._fact("industry", account.industry, evidence(account, "industry"))
        self._fact("country", account.country, evidence(account, "country"))
        if account.industry:
            article = "an" if account.industry[0].casefold() in "aeiou" else "a"
            self._fact("industry_phrase", f"{article} {account.industry} company", evidence(account, "industry"))
        if account.employees:
            self._fact("people", f"{_rounded(account.employees):,}", evidence(account, "employees"))

    def _take_contact(self, contact: Contact) -> None:
        self.contact, self.address = contact, contact.email or self.address
        if contact.name.strip():
            self._fact("recipient_name", contact.name, evidence(contact, "name"))
            self._fact("first_name", contact.name.split(maxsplit=1)[0], evidence(contact, "name"))
        if contact.unsubscribed:
            self.blocked = "asked for no mail, says the CRM"
            self.notes.append(f"{contact.name or contact.email} has asked for no mail: this draft can not be sent")
        if (met := self._met(contact)) is not None:
            self.is_known = True
            self.notes.append(
                f"this is not the first contact with {contact.name or contact.email}: {met.kind} of {met.happened} "
                f"({place(met)}); ask for a follow-up if that suits better"
            )
        if self.account is None and contact.account_id and self.crm is not None:
            record = self.crm.get("accounts", contact.account_id)
            if isinstance(record, Account):
                self._take_account(record)

    def _met(self, contact: Contact) -> Activity | None:
        """The last thing that happened with a person, by id or by name at the same account."""
        if self.crm is None:
            return None
        wanted = [[Filter(field="contact_id", value=contact.id)]]
        if contact.name and contact.account_id:
            at = Filter(field="account_id", value=contact.account_id)
            wanted.append([Filter(field="who", value=contact.name), at])
        found = [a for filters in wanted for a in self.crm.query("activities", filters, limit=200)]
        day = self.context.as_of.date()
        past = [a for a in found if isinstance(a, Activity) and a.happened is not None and a.happened <= day]
        return max(past, key=lambda a: (str(a.happened), a.id), default=None)

    def _take_person(self, role: str) -> None:
        if self.crm is None:
            return
        if self.account is None:
            found = self.crm.lookup("contacts", role).found
            record = self.crm.get("contacts", found.id) if found is not None else None
            if isinstance(record, Contact):
                self._take_contact(record)
            return
        people = people_for(contacts_of(self.crm, self.account.id), role)
        if len(people) == 1:
            self._take_contact(people[0])
        elif people:
            names = ", ".join(f"{person.name} ({person.title})" for person in people[:5])
            self.notes.append(f"{role!r} may be {names}; say which one")
        elif isinstance(other := self.crm.get("contacts", role), Contact):
            self.notes.append(f"{role} is {other.name} of {other.account or 'no account'}, not of {self.account.name}")

    def _take_product(self, product_id: str) -> None:
        record = self.crm.get("products", product_id) if self.crm is not None else None
        if isinstance(record, Product):
            self.product = record
            self._fact("product", record.name, evidence(record, "name"))
            if record.description and "{{" not in record.description:
                self._fact("product_fact", record.description.rstrip(". ") + ".", evidence(record, "description"))

    def _by_address(self, address: str) -> Contact | None:
        if self.crm is None:
            return None
        found = self.crm.query("contacts", [Filter(field="email", value=address)], limit=2)
        return found[0] if len(found) == 1 and isinstance(found[0], Contact) else None

    def _open_deals(self) -> list[Opportunity]:
        if self.crm is None or self.account is None:
            return []
        wanted = [Filter(field="account_id", value=self.account.id), Filter(field="status", value=OPEN)]
        return [deal for deal in self.crm.query("opportunities", wanted, limit=2) if isinstance(deal, Opportunity)]

    def _fact(self, name: str, value: str, source: Evidence) -> None:
        plain = one_line(value)
        if plain:
            self.values[name] = plain
            self.facts[name] = source


def one_line(value: str) -> str:
    """One line of text in which nothing looks like a variable."""
    while "{{" in value or "}}" in value:
        value = value.replace("{{", "").replace("}}", "")
    return " ".join(value.split())


def _rounded(number: int) -> int:
    scale = 10 ** max(0, len(str(number)) - 2)
    return int(round(number / scale) * scale)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.casefold())[:40].strip("-")


def _shown(value: str, text: str) -> bool:
    return bool(value) and value in text


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
