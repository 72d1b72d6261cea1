"""What moving accounts would do, before anybody moves one. It writes nothing."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cuga.adapters.capability import Runs
from cuga.errors import BadInput
from cuga.packs.sales.result import Report, Result, find_account
from cuga.packs.sales.territory.book import Book, Load, Touch, variation
from cuga.packs.sales.territory.plan import TerritoryPlan, is_late, move_of, plan_of, plan_told
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "simulate-2"


class Change(Result, frozen=True, kw_only=True):
    """A person before and after."""

    rep: str
    accounts_before: int
    accounts_after: int
    hours_before: int
    hours_after: int
    potential_before: int
    potential_after: int
    pipeline_before: int
    pipeline_after: int


class Moved(Result, frozen=True, kw_only=True):
    """One account that changes hands. `advice` is set where a deal is too near its end to be handed over."""

    account: str
    account_id: str
    source: str
    target: str
    open_deals: int
    pipeline: int
    late_deals: tuple[str, ...]
    advice: str


class Simulation(Report, frozen=True, kw_only=True):
    """Only people whose book changes are shown. Spread is the coefficient of variation of hours and potential over all
    people of both sides. `plan` is what would be written; `apply_territory_change` takes it as it is."""

    moves: tuple[Moved, ...]
    changes: tuple[Change, ...]
    hours_spread_before: float
    hours_spread_after: float
    potential_spread_before: float
    potential_spread_after: float
    deals_in_flight: int
    plan: TerritoryPlan


@tool(
    domain="territory",
    side_effect="read-only",
    cost=0.8,
    keywords=(
        "what if", "simulate", "move accounts", "move", "impact", "territory change", "reassign", "realign",
        "hand over accounts",
    ),
    gives={"simulation": "", "territory_plan": "/plan"},
    uses=("crm", "runs"),
    optional=("runs",),
    guardrails=("changes nothing", "an account that is not known is an error", "deals near their end are flagged"),
)  # fmt: skip
async def simulate_territory_change(
    context: ToolContext,
    accounts: Annotated[tuple[str, ...], Slot("account", "names or ids of the accounts to move")] = (),
    source: Annotated[str, Slot("from", "person, manager or region that they leave")] = "",
    target: Annotated[str, Slot("to", "person, manager or region that they go to")] = "",
    file: Annotated[str, Slot("file", "a list of accounts; not read here, see the error")] = "",
    touches: Annotated[tuple[Touch, ...], Slot("touch_model", "touches and minutes by segment")] = (),
    planned_in: Annotated[str, Slot("run", "an earlier run whose plan is looked at again as of now")] = "",
) -> Simulation:
    """Show what moving accounts between territories or reps would do to workload potential and pipeline.

    Without accounts all of the source's are moved. Several people on the target's side share them: the next heaviest
    account goes to whoever has the fewest hours. Deals in a late stage are flagged: move them after they close. With
    `planned_in` the plan is that of the earlier run, unchanged; what has become of its accounts since is noted.
    """
    if planned_in:
        if accounts or source or target or file:
            raise BadInput("a plan of an earlier run has its own accounts", mend="leave out what to move and where")
        runs: Runs = context.capability("runs")
        earlier = plan_told(await runs.told(context.tenant, planned_in))
        return await asyncio.to_thread(_again, context, earlier, touches)
    return await asyncio.to_thread(_anew, context, accounts, source, target, file, touches)


def _again(context: ToolContext, plan: TerritoryPlan, touches: tuple[Touch, ...]) -> Simulation:
    book = Book(context.capability("crm"), context.as_of.date(), touches)
    before = book.owners()
    for move in plan.moves:
        if move.account_id not in before:
            raise BadInput(f"{move.account} is not among the accounts any more", mend="plan it again")
        if move_of(book, move.account_id, move.source, move.target) != move:
            book.notes.append(f"{move.account} has changed since it was planned: its owner or its open deals")
    after = before | {move.account_id: move.target for move in plan.moves}
    people = sorted({*(m.source for m in plan.moves), *(m.target for m in plan.moves)} - {""})
    return _shown(book, before, after, people, plan)


def _anew(
    context: ToolContext, accounts: tuple[str, ...], source: str, target: str, file: str, touches: tuple[Touch, ...]
) -> Simulation:
    if file:
        raise BadInput(f"{file} is not read here", mend="name the accounts themselves, or import the file first")
    if not target:
        raise BadInput("where the accounts go is not said", mend="name a person, a manager or a region as the target")
    crm = context.capability("crm")
    book = Book(crm, context.as_of.date(), touches)
    takers = book.who(target)
    givers = set(book.who(source)) if source else set[str]()
    ids = [find_account(crm, name, book.notes).id for name in dict.fromkeys(accounts)]
    if not ids:
        if not givers:
            raise BadInput(
                "which accounts move is not said", mend="name accounts, or the source that all of them leave"
            )
        ids = [key for key, owner in book.owners().items() if owner in givers]
    if strange := [key for key in ids if givers and book.holdings[key].owner not in givers]:
        one = book.holdings[strange[0]]
        raise BadInput(
            f"{one.account.name} belongs to {one.owner or 'nobody'}, not to {source}",
            mend="leave it out, or leave out the source",
        )
    before, after = book.owners(), book.owners()
    hours = {load.rep: float(load.hours) for load in book.loads(before, takers)}
    for key in ids:
        if before[key] in hours:
            hours[before[key]] -= book.holdings[key].hours
    for key in sorted(ids, key=lambda k: (-book.holdings[k].hours, k)):
        taker = min(takers, key=lambda rep: (hours[rep], rep))
        after[key] = taker
        hours[taker] += book.holdings[key].hours
    people = sorted({*takers, *givers, *(before[key] for key in ids)} - {""})
    plan = plan_of([move_of(book, key, before[key], after[key]) for key in ids if before[key] != after[key]])
    return _shown(book, before, after, people, plan)


def _shown(
    book: Book, before: dict[str, str], after: dict[str, str], people: list[str], plan: TerritoryPlan
) -> Simulation:
    was, now = book.loads(before, people), book.loads(after, people)
    moves = tuple(_moved(book, move.account_id, move.source, move.target) for move in plan.moves)
    flying = sum(move.open_deals for move in moves)
    late = sum(len(move.late_deals) for move in moves)
    return Simulation(
        headline=f"{len(moves):,} accounts would change hands with {flying:,} open deals worth "
        f"{sum(m.pipeline for m in moves):,}" + (f", {late:,} of them near their end." if late else "."),
        as_of=book.today.isoformat(),
        notes=tuple(book.notes),
        assumptions=tuple(book.assumptions),
        rules=RULES,
        moves=moves,
        changes=tuple(_change(a, b) for a, b in zip(was, now, strict=True) if a != b),
        hours_spread_before=_spread(was, "hours"),
        hours_spread_after=_spread(now, "hours"),
        potential_spread_before=_spread(was, "potential"),
        potential_spread_after=_spread(now, "potential"),
        deals_in_flight=flying,
        plan=plan,
    )


def _spread(loads: list[Load], of: str) -> float:
    return round(variation([getattr(load, of) for load in loads]), 3)


def _change(a: Load, b: Load) -> Change:
    return Change(
        rep=a.rep, accounts_before=a.accounts, accounts_after=b.accounts, hours_before=a.hours, hours_after=b.hours,
        potential_before=a.potential, potential_after=b.potential, pipeline_before=a.pipeline,
        pipeline_after=b.pipeline,
    )  # fmt: skip


def _moved(book: Book, key: str, before: str, after: str) -> Moved:
    holding = book.holdings[key]
    late = tuple(d.id for d in holding.deals if is_late(d.stage))
    return Moved(
        account=holding.account.name,
        account_id=key,
        source=before,
        target=after,
        open_deals=len(holding.deals),
        pipeline=holding.pipeline,
        late_deals=late,
        advice="move it after these deals close" if late else "",
    )
