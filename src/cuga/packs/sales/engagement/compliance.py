"""Whether a message may go to each recipient: allow, block or needs review, each with the rule that says so.

It is a check of records against the short form of the law in `laws`, and no legal advice. What nobody knows (a consent
that no record shows) is neither a yes nor a no: it needs review by a person.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from cuga.adapters.capability import CrmRead, Mail, Templates
from cuga.errors import BadInput
from cuga.model.correspondence import Letterhead
from cuga.packs.sales.engagement import laws
from cuga.packs.sales.engagement.laws import Law
from cuga.packs.sales.engagement.message import CHANNELS, Message
from cuga.packs.sales.engagement.recipients import ADDRESS, Ground, Recipient, recipient_of
from cuga.packs.sales.result import Evidence, Result
from cuga.tools.declare import Slot, ToolContext, capability_missing, tool

Verdict = Literal["allow", "needs review", "block"]
State = Literal["met", "open", "broken", "note"]
_ORDER: dict[str, int] = {"allow": 0, "needs review": 1, "block": 2}
_SAYS: dict[State, Verdict] = {"met": "allow", "note": "allow", "open": "needs review", "broken": "block"}
MOST = 2_000  # recipients of one call
_OPT_OUT = re.compile(
    r"\b(?:unsubscribe|opt[ -]?out|not hear from me again|stop hearing from|no (?:more|further) (?:e?mail|message)s?"
    r"|(?:reply|answer|text|say) (?:with )?[\"“']?stop|just (?:tell me|say so)|abmelden|abbestellen"
    r"|keine weiteren (?:e-?mails|nachrichten)|désinscri\w+|vous désabonner)\b", re.I)  # fmt: skip
_PRETENDS = re.compile(r"\s*(?:re|aw|wg|fwd?)\s*:", re.I)


class Finding(Result, frozen=True, kw_only=True):
    """One rule looked at. `state`: met, open (nobody knows: a person looks), broken, or a note."""

    about: str
    state: State
    says: str
    rule: str


class Clearance(Result, frozen=True, kw_only=True):
    """The verdict for one recipient, with the rule that decided it; `law` is whose rules were applied."""

    recipient: str
    name: str
    country: str
    law: str
    verdict: Verdict
    rule: str
    why: str
    findings: tuple[Finding, ...]
    evidence: tuple[Evidence, ...]


class Compliance(Result, frozen=True, kw_only=True):
    """One clearance per recipient, in the order given; `coverage` is the share whose country is known, in percent."""

    recipients: tuple[Clearance, ...]
    allowed: int
    review: int
    blocked: int
    unknowns: tuple[str, ...]
    coverage: int
    notes: tuple[str, ...]
    as_of: str
    rules: str = laws.RULES


@tool(
    domain="engagement",
    side_effect="read-only",
    cost=0.4,
    keywords=(
        "compliance", "compliant", "opt out", "opt-outs", "consent", "gdpr", "can-spam", "casl", "pecr", "unsubscribed",
        "allowed to email", "may we email", "do not contact", "suppression", "legal to contact",
    ),
    gives={"clearance": ""},
    uses=("crm", "mail", "templates"),
    optional=("crm", "mail", "templates"),
    guardrails=("the suppression list always wins", "an unknown country is held to the strictest rules",
    "never counts an unknown consent as given or refused", "is no legal advice"),
    personal=("/recipients", "/recipient"),
)  # fmt: skip
def check_outreach_compliance(
    context: ToolContext,
    message: Annotated[Message | str | None, Slot("message", "the draft, or its text; left out: people only")] = None,
    recipient: Annotated[str, Slot("contact", "address, name or id of a person")] = "",
    recipients: Annotated[tuple[str, ...], Slot("addressees", "several of them, checked in one call")] = (),
    sender: Annotated[Letterhead | None, Slot("sender", "who writes; left out: as the draft or registry says")] = None,
    grounds: Annotated[tuple[Ground, ...], Slot("grounds", "consent, inquiry or refusal that is on record")] = (),
    channel: Annotated[str, Slot("channel", "left out: that of the draft", CHANNELS)] = "",
) -> Compliance:
    """Check recipients and message against opt outs consent and law.

    Law by the recipient's country: US CAN-SPAM Act (15 U.S.C. 7704), UK PECR (reg. 22, 23), Canada CASL (s. 6, 10, 11),
    EU GDPR (art. 14, 21) with the national e-mail law of fourteen members; any other or unknown country: the strictest
    of them. A customer is one with a won deal in the records. Consent, opt-in and lawful basis are the contact's own
    fields. Not looked at: do-not-call registers, the sender's mail headers, other national law, whether an interest
    that is called legitimate is one.
    """
    if channel and channel not in CHANNELS:
        raise BadInput(f"there is no channel {channel!r}", mend=f"channels: {', '.join(CHANNELS)}")
    wanted = _wanted(message, recipient, recipients)
    if len(wanted) > MOST:
        raise BadInput(f"{len(wanted):,} recipients are more than {MOST:,}", mend="check them in several calls")
    text = message if isinstance(message, Message) else None
    if isinstance(message, str):
        text = Message(body=message)
    if text is not None and channel and channel != text.channel:
        text = Message(**{name: getattr(text, name) for name in text.__struct_fields__} | {"channel": channel})
    today = context.as_of.date()
    crm: CrmRead | None = None if capability_missing(context, "crm") else context.capability("crm")
    mail: Mail | None = None if capability_missing(context, "mail") else context.capability("mail")
    writes = sender or (text.sender if text is not None else None) or _house(context)
    known = [recipient_of(crm, said, grounds, today) for said in wanted]
    found = tuple(cleared(one, text, writes, mail, today, channel or "email") for one in known)
    notes = ["no recipient is known yet: nobody was checked"] if not wanted else []
    if mail is None:
        notes.append("no mail is bound to this run: the suppression list could not be looked at")
    if len(wanted) >= laws.BULK:
        notes.append(f"from {laws.BULK:,} a day large mailbox hosts want SPF, DKIM, DMARC and one-click (RFC 8058)")
    sure = sum(bool(one.country) for one in known)
    return Compliance(
        recipients=found,
        allowed=sum(one.verdict == "allow" for one in found),
        review=sum(one.verdict == "needs review" for one in found),
        blocked=sum(one.verdict == "block" for one in found),
        unknowns=tuple(f"country of {one.address}" for one in known if not one.country),
        coverage=100 * sure // len(known) if known else 0,
        notes=tuple(notes),
        as_of=today.isoformat(),
    )


def cleared(
    to: Recipient, message: Message | None, sender: Letterhead | None, mail: Mail | None, today: date, channel: str = ""
) -> Clearance:
    """The rule itself, for one recipient: the gravest finding decides, suppression before all."""
    law = laws.law_of(to.country)
    way = message.channel if message is not None else channel or "email"
    found = [*_opposed(to, law, mail), *_permitted(to, law, today, way)]
    if message is not None and way in ("email", "sms"):
        found += _carried(message, law, sender)
    if to.country in laws.GDPR_LAND:
        found += _kept(to, message)
    if law is laws.US and way == "email" and not any(ground.basis == "consent" for ground in to.grounds):
        found.append(_note("advertisement", "say that it is an advertisement", laws.ADVERTISEMENT))
    gravest = max(found, key=lambda finding: _ORDER[_SAYS[finding.state]])  # the first of the gravest
    return Clearance(
        recipient=to.address,
        name=to.name,
        country=to.country,
        law=law.name,
        verdict=_SAYS[gravest.state],
        rule=gravest.rule,
        why=gravest.says,
        findings=tuple(found),
        evidence=to.evidence,
    )


def _wanted(message: Message | str | None, recipient: str, recipients: tuple[str, ...]) -> list[str]:
    drafted = message.recipient if isinstance(message, Message) else ""
    given = [said.strip() for said in (recipient, *recipients) if said.strip()] or [drafted.strip()]
    return list(dict.fromkeys(said for said in given if said))


def _opposed(to: Recipient, law: Law, mail: Mail | None) -> list[Finding]:
    found = []
    if mail is None:
        found.append(_open("suppression", "the suppression list was not looked at", law.objects))
    elif why := mail.suppressed(to.address):
        found.append(_broken("suppression", f"on the suppression list: {why}", law.objects))
    if to.opted_out:
        found.append(_broken("opt_out", "asked for no mail, says the CRM", law.objects))
    if any(ground.basis == "refused" for ground in to.grounds):
        found.append(_broken("refused", "refused to be written to", law.objects))
    if "@" in to.address and not ADDRESS.fullmatch(to.address):
        found.append(_broken("address", "this is not one plain mail address", "RFC 5321 s. 4.1.2"))
    return found


def _permitted(to: Recipient, law: Law, today: date, way: str) -> list[Finding]:
    if way in ("call", "sms"):
        return [_open("registers", "do-not-call registers and the hour were not looked at", law.calls)]
    if law.asks == "nobody":
        return [_met("consent", "no consent is asked for", law.consent)]
    if law.asks == "individuals" and to.is_firm:
        return [_met("consent", f"{to.account} is a firm", law.consent)]
    ended = ""
    for ground in to.grounds:
        if ground.basis == "consent":
            if ground.on or ground.source:
                return [_met("consent", f"consented{_when(ground)}", law.consent)]
            proof = laws.PROOF_RULE.get(law.country, laws.PROOF)
            return [_open("consent", "consented, but nobody noted when or where", proof)]
        days = law.instead.get(ground.basis)
        if days is None:
            if ground.basis == "bought":
                ended = f"; {_WORDS['bought']}{_when(ground)}, but not if the address came with it"
            continue
        if not days or (ground.on and 0 <= (today - _day(ground.on)).days <= days):
            return [_met("consent", f"{_WORDS[ground.basis]}{_when(ground)}", law.consent)]
        ended = f"; {_WORDS[ground.basis]}{_when(ground)}, which holds for {days} days"
    if to.opted_in == "no":
        return [_broken("consent", f"did not opt in, says the CRM{ended}", law.consent)]
    whose = "" if law.asks == "everybody" or to.is_firm is not None else " (a person or a firm: not known)"
    return [_open("consent", f"no consent is on record{whose}{ended}", law.consent)]


def _kept(to: Recipient, message: Message | None) -> list[Finding]:
    """The ground on which a person's data are used, and the telling of where they are from."""
    basis = laws.basis_of(to.lawful_basis) or ("consent" if any(g.basis == "consent" for g in to.grounds) else "")
    if basis:
        letter, name = laws.BASES[basis]
        found = [_met("lawful_basis", f"noted: {name}", f"GDPR art. 6(1){letter}")]
    elif to.lawful_basis:
        found = [_open("lawful_basis", f"“{to.lawful_basis}” is no ground that is known here", laws.BASIS_RULE)]
    else:
        found = [_open("lawful_basis", "no lawful basis is noted", laws.BASIS_RULE)]
    if message is None or message.first_contact:
        source = f": {to.data_source}" if to.data_source else ", which no record says"
        found.append(_note("source", f"say where the data is from{source}", laws.SOURCE_RULE))
    return found


def _house(context: ToolContext) -> Letterhead | None:
    """The letterhead of the house; None where none can be looked up."""
    shelf: Templates | None = None if capability_missing(context, "templates") else context.capability("templates")
    return shelf.letterhead() if shelf is not None else None


def _carried(message: Message, law: Law, sender: Letterhead | None) -> list[Finding]:
    found = []
    for part, rule in law.carries.items():
        if part == "subject":
            if message.first_contact and _PRETENDS.match(message.subject):
                found.append(_broken(part, "the subject claims an earlier exchange that there was not", rule))
        elif part == "opt_out":
            said = _OPT_OUT.search(message.body)
            found.append(_met(part, f"“{said[0]}”", rule) if said else _open(part, "no way to opt out is named", rule))
        else:
            found.append(_shown(part, rule, message.body, sender))
    return found


def _shown(part: str, rule: str, body: str, sender: Letterhead | None) -> Finding:
    given = sender or Letterhead()
    names = (given.postal_address,) if part == "postal_address" else (given.company, given.name)
    wanted = [name for name in names if name.strip()]
    word = part.replace("_", " ")
    if not wanted:
        return _open(part, f"the sender's {word} is not given here, so nobody can say that the message has it", rule)
    if any(_flat(name) in _flat(body) for name in wanted):
        return _met(part, f"the message shows the {word}", rule)
    return _open(part, f"the message does not show the {word}: {wanted[0]}", rule)


_WORDS = {
    "customer": "a customer", "bought": "a won deal is known", "inquiry": "asked us something",
    "published": "the address is published for this",
}  # fmt: skip


def _when(ground: Ground) -> str:
    return "".join((f" on {ground.on}" if ground.on else "", f" ({ground.source})" if ground.source else ""))


def _day(said: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError as error:
        raise BadInput(f"{said!r} is no date", mend="write it as YYYY-MM-DD") from error


def _flat(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _met(about: str, says: str, rule: str) -> Finding:
    return Finding(about=about, state="met", says=says, rule=rule)


def _open(about: str, says: str, rule: str) -> Finding:
    return Finding(about=about, state="open", says=says, rule=rule)


def _note(about: str, says: str, rule: str) -> Finding:
    return Finding(about=about, state="note", says=says, rule=rule)


def _broken(about: str, says: str, rule: str) -> Finding:
    return Finding(about=about, state="broken", says=says, rule=rule)
