"""The open deals of a house in figures: how many, where they stand, what they are worth, and what nobody wrote down."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Annotated

from cuga.adapters.capability import OPEN, WON, CrmRead, Filter, Opportunity
from cuga.model.value import MICRO, Value
from cuga.tools import Slot, ToolContext, tool


class StageFigures(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One stage. `amounts` are whole units by currency; `without_amount` deals are in none of them."""

    stage: str
    deals: int
    amounts: dict[str, int]
    without_amount: int
    overdue: int  # deals whose date to close has passed


class Pipeline(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The open deals. `win_rate` is the share of won among closed deals in percent, None while none is closed."""

    owner: str
    as_of: str
    deals: int
    stages: tuple[StageFigures, ...]
    closed: int
    win_rate: int | None
    unknowns: tuple[str, ...]


@tool(
    domain="governance",
    side_effect="read-only",
    cost=0.3,
    keywords=("pipeline", "forecast figures", "open deals", "by stage", "win rate", "summarise", "overview of deals"),
    gives={"pipeline": "", "deals": "/deals"},
    uses=("crm",),
    guardrails=("adds up no two currencies", "guesses no amount and no date", "predicts nothing"),
)
def summarise_pipeline(
    context: ToolContext,
    owner: Annotated[str, Slot("owner", "whose deals; left out: everybody's")] = "",
) -> Pipeline:
    """Open deals by stage with amounts per currency overdue dates and the win rate."""
    crm: CrmRead = context.capability("crm")
    whose = [Filter(field="owner", value=owner)] if owner.strip() else []
    today = context.as_of.date()
    by_stage: dict[str, list[Opportunity]] = defaultdict(list)
    for deal in crm.query("opportunities", [*whose, Filter(field="status", value=OPEN)], limit=-1):
        assert isinstance(deal, Opportunity)
        by_stage[deal.stage or "no stage"].append(deal)
    stages = tuple(_figures(stage, deals, today) for stage, deals in sorted(by_stage.items()))
    closed = crm.count("opportunities", [*whose, Filter(field="status", op="in", value="won|lost")])
    won = crm.count("opportunities", [*whose, Filter(field="status", value=WON)])
    whole = [deal for deals in by_stage.values() for deal in deals]
    unknowns = {
        "amount": sum(deal.amount is None for deal in whole),
        "date to close": sum(deal.closes is None for deal in whole),
        "stage": len(by_stage.get("no stage", ())),
    }
    return Pipeline(
        owner=owner.strip(),
        as_of=today.isoformat(),
        deals=len(whole),
        stages=stages,
        closed=closed,
        win_rate=round(100 * won / closed) if closed else None,
        unknowns=tuple(f"{name}: not known of {count} of {len(whole)}" for name, count in unknowns.items() if count),
    )


def _figures(stage: str, deals: list[Opportunity], today: date) -> StageFigures:
    amounts: dict[str, int] = defaultdict(int)
    for deal in deals:
        if deal.amount is not None:
            amounts[deal.currency or "no currency"] += deal.amount
    return StageFigures(
        stage=stage,
        deals=len(deals),
        amounts={currency: micro // MICRO for currency, micro in sorted(amounts.items())},
        without_amount=sum(deal.amount is None for deal in deals),
        overdue=sum(deal.closes is not None and deal.closes < today for deal in deals),
    )
