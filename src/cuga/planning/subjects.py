"""Which account and which deal each step is about: named, meant by a pronoun, or asked for.

A near spelling is taken only when nothing else comes close, and said; between two it is a question. A deal is never
picked out of several.
"""

from __future__ import annotations

from cuga.adapters.capability import Opportunity
from cuga.planning.evidence import Choice
from cuga.planning.filling import Context
from cuga.planning.kinds import KINDS, base_kind, slot_kinds
from cuga.planning.lexicon import PLURAL_PRONOUNS, PRONOUNS, STOP, VERBS
from cuga.planning.mentions import Mention
from cuga.planning.ranking import Index
from cuga.planning.records import MOST_DEALS
from cuga.planning.schema import accepts, arguments_of

MOST_OPTIONS = 8  # names that a question lists
MOST_ACCOUNTS = 10  # steps made of one clause that names many accounts


def accounts_for(choice: Choice, index: Index, context: Context) -> list[Mention | None]:
    """The accounts a tool is to be used on, one step for each; [None] when it takes none or none is known."""
    if not slot_kinds(choice.contract) & {"account", "opportunity", "contact", "lead"}:
        return [None]
    everywhere = [*context.answers, *context.reading.mentions]
    every = [m for m in everywhere if m.kind == "account" and not _rival(m, choice, context)]
    here = {id(m) for clause in choice.clauses for m in clause.mentions}
    own = [m for m in every if id(m) in here]
    if not own:
        first = min((clause.at for clause in choice.clauses), default=0)
        start = min((w.start for clause in choice.clauses for w in clause.words if clause.at == first), default=0)
        before = [m for m in every if m.start <= start]
        plural = any(w.low in PLURAL_PRONOUNS - {"their", "theirs"} for clause in choice.clauses for w in clause.words)
        plural |= any(clause.condition is not None and clause.condition.each for clause in choice.clauses)
        own = (before if plural else before[-1:]) or every[:1]
        if own and not plural and _speaks_of_many(choice) and not _needs(choice, "account"):
            own = []  # "which deals are stale" is no question about the account that another clause names
    if not own and not [m for m in everywhere if m.kind == "opportunity"]:
        own = _by_name(choice, index, context)
    if not own and _needs(choice, "account"):
        own = _of_deals(everywhere, context)
    if said := [m for m in context.answers if m.kind == "account"]:
        own = [m for m in said if not m.others][:1] or said[:1]
    unique = list({m.value: m for m in own}.values())
    for mention in unique:
        if mention.others and len(mention.others) > 1:
            options = tuple(f"{name} ({record})" if name != record else record for record, name in mention.others)
            context.ask(f"Which {mention.value} do you mean?", options)
    if not unique:
        _ask_for_antecedent(choice, context)
        return [None]
    if _takes_many(choice):
        return [unique[0]]
    if len(unique) > MOST_ACCOUNTS:
        context.note(f"{len(unique)} accounts are named; planned for the first {MOST_ACCOUNTS}.")
    return list(unique[:MOST_ACCOUNTS])


def _of_deals(mentions: list[Mention], context: Context) -> list[Mention]:
    """The accounts of the deals that are named, where a tool needs an account."""
    found = []
    for mention in mentions:
        deal = context.records.opportunity(mention.value) if mention.kind == "opportunity" else None
        if deal is not None and deal.account_id:
            name = context.records.account_name(deal.account_id)
            found.append(mention._replace(kind="account", value=name, record=deal.account_id))
    return found


def _needs(choice: Choice, kind: str) -> bool:
    return any(slot.required and base_kind(slot.kind) == kind for slot in choice.contract.slots)


def _speaks_of_many(choice: Choice) -> bool:
    """Whether the clause that asks speaks of records in general: "which deals", "my accounts"."""
    words = choice.clause.words
    return any(
        KINDS.get(word.stem) in ("account", "opportunity", "contact", "lead")
        and word.low.endswith("s")
        and not any(before.low in ("their", "its", "his", "her") for before in words[max(0, at - 2) : at])
        for at, word in enumerate(words)
    )


def _ask_for_antecedent(choice: Choice, context: Context) -> None:
    """Ask which record a bare "qualify it" means, where the goal names nothing that it could be."""
    words = choice.clause.words
    telling = [word for word in words[1:] if word.low not in STOP and word.stem not in KINDS]
    points = any(word.low in PRONOUNS or word.low in ("there", "the") for word in words)
    points = points and not any(word.low.endswith("s") and word.stem in KINDS for word in words[1:])
    if telling or not points or context.reading.mentions or context.feedback or choice.needed_by:
        return
    kinds = [base_kind(slot.kind) for slot in choice.contract.slots]
    what = next((kind for kind in ("opportunity", "account", "contact") if kind in kinds), "")
    if what:
        named = {"opportunity": "deal"}.get(what, what)
        context.ask(f"Which {named} do you mean? The goal names none.")


def deals_for(choice: Choice, account: Mention | None, context: Context) -> list[str]:
    """The deals a tool is to be used on, one step for each: all open ones where the goal says "all", else one."""
    words = [word for clause in choice.clauses for word in clause.words]
    slots = [slot for slot in choice.contract.slots if base_kind(slot.kind) == "opportunity"]
    every = any(w.low in ("all", "every", "each") for w in words) and any(
        KINDS.get(w.stem) == "opportunity" for w in words
    )
    if every and slots and account is not None and context.records.is_known:
        deals = _fitting(context.records.open_deals(account.record or account.value), choice)
        if len(deals) > MOST_ACCOUNTS:
            context.note(f"{account.value} has {len(deals)} open deals; planned for the first {MOST_ACCOUNTS}.")
        if deals:
            return [deal.id for deal in deals[:MOST_ACCOUNTS]]
    return [deal_for(choice, account, context)]


def deal_for(choice: Choice, account: Mention | None, context: Context) -> str:
    """The id of the deal a step is about; empty when the tool takes none or it is not known."""
    slots = [slot for slot in choice.contract.slots if base_kind(slot.kind) == "opportunity"]
    if not slots:
        return ""
    named = [m for m in (*context.answers, *context.reading.mentions) if m.kind == "opportunity"]
    own = [m for clause in choice.clauses for m in clause.mentions if m.kind == "opportunity"]
    if context.answers and named[:1] and named[0] in context.answers:
        return named[0].value
    if own or (named and account is None):
        return (own or named)[-1].value
    if account is None or not context.records.is_known:
        return ""
    deals = _fitting(context.records.open_deals(account.record or account.value), choice)
    if len(deals) == 1:
        context.note(f"The open deal of {account.value} is {deals[0].id} ({_told(deals[0])}).")
        return deals[0].id
    needed = any(slot.required for slot in slots)
    if not deals and needed:
        context.ask(f"{account.value} has no open deal in the CRM. Which deal do you mean?")
    elif deals and (needed or not any(base_kind(s.kind) == "account" for s in choice.contract.slots)):
        few = f"; {MOST_DEALS} of them are listed" if len(deals) > MOST_DEALS else ""
        context.ask(
            f"{account.value} has {len(deals)} open deals{few}. Which do you mean?",
            tuple(f"{deal.id} ({_told(deal)})" for deal in deals[:MOST_DEALS]),
        )
    elif len(deals) > 1:
        more = f" and {len(deals) - MOST_DEALS} more" if len(deals) > MOST_DEALS else ""
        ids = ", ".join(deal.id for deal in deals[:MOST_DEALS])
        context.note(f"{account.value} has {len(deals)} open deals: {ids}{more}.")
    return ""


def _fitting(deals: list[Opportunity], choice: Choice) -> list[Opportunity]:
    """Deals narrowed down by product, stage or owner, where the clause names one of theirs."""
    mentions = [m for clause in choice.clauses for m in clause.mentions]
    products = {m.record for m in mentions if m.kind == "product"}
    words = {w.low for clause in choice.clauses for w in clause.words} | {m.value.casefold() for m in mentions}
    for narrowed in (
        [deal for deal in deals if deal.product_id in products],
        [deal for deal in deals if deal.stage.casefold() in words],
        [deal for deal in deals if deal.owner.casefold() in words],
    ):
        deals = narrowed or deals
    return deals


def _told(deal: Opportunity) -> str:
    opened = f"since {deal.opened.isoformat()}" if deal.opened else ""
    return ", ".join(part for part in (deal.product, deal.stage, opened) if part)


def _rival(mention: Mention, choice: Choice, context: Context) -> bool:
    """Whether a name only stands for the other side of a comparison."""
    before = context.reading.masked.text[max(0, mention.start - 12) : mention.start].casefold().split()
    return bool(before) and before[-1] in ("vs", "vs.", "versus") and "competitor" in slot_kinds(choice.contract)


def _takes_many(choice: Choice) -> bool:
    contract = choice.contract
    return any(
        base_kind(slot.kind) == "account" and accepts(arguments_of(contract).schema_of(slot.name), "array")
        for slot in contract.slots
    )


def _by_name(choice: Choice, index: Index, context: Context) -> list[Mention]:
    """An account by a name no record is spelled like: the nearest record, a question, or the text as it is."""
    kinds = {base_kind(slot.kind) for slot in choice.contract.slots if slot.required}
    named = [m for clause in choice.clauses for m in clause.mentions if m.kind == "name"]
    required = "account" in kinds
    named = named or [m for m in context.reading.mentions if m.kind == "name"]
    # a small word is only taken for a name when the tool cannot do without one
    unknown = [
        Mention("name", word.text, word.start, word.end)
        for clause in (choice.clauses if required and not named else ())
        for word in clause.words
        if word.low not in STOP
        and word.low not in VERBS
        and word.stem not in KINDS
        and not index.knows(word.stem)
        and len(word.low) > 3
    ]
    for mention in (named + unknown)[:3]:
        found = context.records.near("accounts", mention.value)
        if found.found is not None:
            name = context.records.account_name(found.found.id)
            if name.casefold() != mention.value.casefold():
                context.note(f"{mention.value!r} was read as the account {name}.")
            return [mention._replace(kind="account", value=name, record=found.found.id)]
        begun = context.records.begun_by(mention.value)
        if len(begun) == 1 and mention.value[0].isupper():  # a small word may be no name at all: it is asked about
            record, name = begun[0][0], context.records.account_name(begun[0][0])
            context.note(f"{mention.value!r} was read as the account {name}.")
            return [mention._replace(kind="account", value=name, record=record)]
        options = [name for _, name in begun[:MOST_OPTIONS]] or [candidate.name for candidate in found.candidates]
        if options and required:
            context.ask(f"There is no account {mention.value!r}. Which do you mean?", tuple(options))
            return []
    if not required:
        return [m._replace(kind="account") for m in named[:1] if not context.records.is_known]
    given = (named or unknown)[:1]
    if given and context.records.is_known:
        context.ask(f"There is no account {given[0].value!r} in the CRM. Which account do you mean?")
        return []
    return [mention._replace(kind="account") for mention in given]
