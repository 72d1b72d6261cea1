"""What a question about deals is about: the deals it names, or those it means by naming nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from cuga.adapters.capability import CrmRead, Opportunity
from cuga.errors import BadInput
from cuga.packs.sales.qualification.deals import deals_named, open_deals, say_when
from cuga.tools.declare import ToolContext

ALL = "Whose deals was not said: all open deals of the house are ranked. Name a seller for theirs."


@dataclass(frozen=True, slots=True)
class Asked:
    """The records, the date to reason from, the deals in question, and what there is to say about that."""

    crm: CrmRead
    today: date
    deals: list[Opportunity]
    notes: list[str] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)


def asked_about(
    context: ToolContext, named: str, owner: str = "", *, earlier: Sequence[Opportunity] = (), says_whose: bool = True
) -> Asked:
    """The deal that is named, or the newest open ones of the account that is; else those of an earlier answer; else a
    seller's open deals, or everybody's, which `says_whose` states. `BadInput` for a name that means nothing."""
    crm: CrmRead = context.capability("crm")
    found = Asked(crm=crm, today=context.as_of.date(), deals=[])
    if named.strip():
        deals, others = deals_named(crm, named, found.notes)
        if others:
            found.notes.append(f"not looked at: {', '.join(others)}")
    else:
        deals = list(earlier) or open_deals(crm, owner=owner)
        if says_whose and not (owner.strip() or earlier):
            found.assumptions.append(ALL)
    found.deals.extend(deals)
    say_when(crm, found.today, found.notes)
    return found


def check_top(top: int, most: int) -> None:
    """`BadInput` when more (or fewer) deals are to be shown than can be."""
    if not 1 <= top <= most:
        raise BadInput(f"between 1 and {most} deals can be shown, not {top}")
