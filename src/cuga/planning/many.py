"""Steps that go through many records: one call for each, behind the step that finds or ranks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cuga.model.plan import ITEM, ForEach, Reference
from cuga.model.tool import ToolContract
from cuga.planning import wire
from cuga.planning.clauses import Clause
from cuga.planning.evidence import Choice
from cuga.planning.filling import Filled
from cuga.planning.groups import Group, group_of, slot_for
from cuga.planning.listers import (
    Listing,
    finder,
    found,
    is_finder,
    is_scoring,
    item_condition,
    listing_of,
    narrow,
    ranker,
    show_all,
)
from cuga.planning.slots import fill

if TYPE_CHECKING:
    from cuga.planning.draftplan import Draft


def add_many(draft: Draft, choice: Choice, depth: int) -> bool:
    """Add the steps of a choice whose words speak of many records; False when they do not, or nothing lists them."""
    taker = _taker(draft, choice)
    group = group_of(choice, taker, draft.context) if taker is not None else None
    if taker is None or group is None:
        return False
    source = _source(draft, choice, taker, group, depth)
    if source is None:
        return False
    name, step, listing = source
    if choice.contract is taker:
        _go_through(draft, choice, group, name, step, listing, depth)
        return True
    before = Choice(taker, choice.clause, 0.0, (), None, choice.more, choice.contract.name)
    _go_through(draft, before, group, name, step, listing, depth)
    draft.add_for(choice, None, depth)
    return True


def _taker(draft: Draft, choice: Choice) -> ToolContract | None:
    """The tool that is used on each record: the chosen one, or the one that makes what it takes ("send a mail to all
    accounts" drafts for each account and sends each draft)."""
    kinds = ("account", "opportunity", "contact")
    if is_finder(choice.contract):
        return None  # it finds them all in one call
    if any(slot_for(choice.contract, kind) is not None for kind in kinds):
        return choice.contract
    for slot in choice.contract.slots:
        maker = wire.prerequisite(slot, choice, draft.usable) if slot.required else None
        if maker is not None and slot_for(maker, "account") is not None:
            return maker
    return None


def _source(
    draft: Draft, choice: Choice, taker: ToolContract, group: Group, depth: int
) -> tuple[str, Filled, Listing] | None:
    """The step that lists the records: an earlier one, or one that is added before; None when nothing here can."""
    by_name = draft.context.records.are_names_unique
    known = [(name, step, listing_of(step, by_name=by_name)) for name, step in draft.steps]
    for name, step, listing in reversed(known):
        if listing is None:
            continue
        fits = any(slot_for(taker, kind) is not None for kind in listing.items)
        if fits if group.is_pronoun else listing.kind == group.kind and listing.score:
            _have_it_show(draft, step, group)
            return name, step, listing
    if group.is_pronoun:
        if not draft.lists and not draft.context.reading.mentions and not draft.steps[1:]:
            draft.context.ask(f'Whom does "{choice.clause.text}" speak of? Nothing before it lists anybody.')
        return None
    ranks = group.kind == "account" and (
        group.first is not None or is_scoring(choice.contract) or any(c.condition for c in choice.clauses)
    )
    contract = None if ranks else finder(draft.usable)
    arguments = found(contract, group.kind, group.where) if contract is not None else None
    if contract is not None and arguments is not None:
        step = Filled(
            Choice(contract, choice.clause, 0.0, (), None, choice.more, choice.contract.name), None, arguments
        )
        draft.choices.append(step.choice)
        name = draft.name(contract.name)
        draft.steps.append((name, step))
        draft.flow[name] = {}
        listing = listing_of(step, by_name=by_name)
        return (name, step, listing) if listing is not None else None
    contract = ranker(draft.usable) if group.kind == "account" else None
    if contract is None:
        return None
    clause, more = _of_all(choice.clause), [_of_all(one) for one in choice.more]
    before = (
        Choice(contract, clause, choice.score, choice.words, None, more)
        if is_scoring(choice.contract)
        else Choice(contract, clause, 0.0, (), None, more, choice.contract.name)
    )
    draft.add_for(before, None, depth + 1)
    name, step = draft.steps[-1]
    _have_it_show(draft, step, group)
    listing = listing_of(step, by_name=by_name)
    return (name, step, listing) if listing is not None else None


def _of_all(clause: Clause) -> Clause:
    """A clause without its condition, which is held against each item and never against the step that lists them."""
    return clause._replace(condition=None)


def _have_it_show(draft: Draft, step: Filled, group: Group) -> None:
    """Have a ranking look at the records that are meant, and show as many of them as are gone through."""
    if is_finder(step.choice.contract):
        show_all(step)
    if group.is_pronoun:
        return
    records = draft.context.records
    names = [records.account_name(one) for one in records.ids("accounts", group.where)] if group.where else []
    narrow(step, names, group.first, records.accounts)


def _go_through(
    draft: Draft, choice: Choice, group: Group, giver: str, source: Filled, listing: Listing, depth: int
) -> None:
    """Add the step that makes one call for each of the records."""
    said = [clause.condition for clause in choice.clauses if clause.condition is not None][:1]
    if is_scoring(choice.contract) and listing.score:
        draft.context.note(
            f"{choice.contract.name} looks at one account; {source.choice.contract.name} ranks many in one call."
        )
        if said:
            draft.bars[giver] = said[0]
        return
    if not said and giver in draft.bars:
        said = [draft.bars[giver]]
    held = item_condition(said[0], listing) if said else None
    if said and held is None:
        draft.context.ask(f'How is "{said[0].text}" to be measured for each of them?')
    step = fill(choice, None, "", draft.context, is_of_many=True)
    taken = {}
    for kind, path in listing.items.items():
        slot = slot_for(choice.contract, kind)
        if slot is not None:
            step.open = [one for one in step.open if one is not slot]
            step.arguments[slot.name] = {ITEM: path}
            taken[slot.name] = giver
    if not taken:
        draft.context.ask(f'What of each of them is "{choice.clause.text}" to be done with?')
    name = draft.name(choice.contract.name)
    each = ForEach(over=Reference(step=giver, path=listing.path), when=held, first=group.first)
    flow = draft.wire(step, depth)
    draft.steps.append((name, step))
    draft.lists[name], draft.flow[name] = each, {**taken, **flow}
    draft.choices.append(choice)
