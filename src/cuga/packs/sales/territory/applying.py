"""Writing a territory plan: exactly the moves that a person agreed to, each only while its account is still as planned.

All rows are written in one transaction, so a plan is never half done by a crash. A row whose owner is another one by
now is left alone and reported; the others are written.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

import msgspec

from cuga.adapters.capability import Crm, Edit, Edited, NotEdited, TeamMember
from cuga.errors import NotDone
from cuga.packs.sales.deals import all_of
from cuga.packs.sales.result import Result
from cuga.packs.sales.territory.plan import Move, TerritoryPlan, hash_of, plan_of
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "apply-1"
MOST_MOVES = 2_000
Kind = Literal["account", "deal"]


class RowResult(Result, frozen=True, kw_only=True):
    """What became of one row. `state`: written, or left alone with the reason in `why`."""

    kind: Kind
    record: str
    name: str
    was: str
    becomes: str
    state: Literal["written", "left alone"]
    why: str


class TerritoryApplied(Result, frozen=True, kw_only=True):
    """The receipt. `undo_plan` moves every written account back, itself only as long as nobody has changed it since."""

    headline: str
    plan_hash: str
    written: int
    left_alone: int
    rows: tuple[RowResult, ...]
    deals_that_stay: tuple[str, ...]
    undo: str
    undo_plan: TerritoryPlan
    notes: tuple[str, ...]
    as_of: str
    rules: str


def look(context: ToolContext, arguments: Any) -> TerritoryApplied | None:
    """The receipt when this call's plan was written already; None: surely no row of it was. It changes nothing."""
    plan = arguments["plan"] if isinstance(arguments, dict) else arguments.plan
    with_deals = arguments.get("with_deals", False) if isinstance(arguments, dict) else arguments.with_deals
    if not isinstance(plan, TerritoryPlan):
        plan = msgspec.convert(plan, TerritoryPlan)
    return _earlier(context, plan, _edits(context, plan, with_deals))


def amended(context: ToolContext, before: Any, after: Any) -> Any:
    """The arguments as a person has changed them; `NotDone` at once when other moves are not the plan any more."""
    _check(context, after.plan)
    return after


@tool(
    domain="territory",
    side_effect="execute",
    cost=1.0,
    keywords=("apply", "apply plan", "write territory", "commit plan", "apply the territory plan", "put into effect",
    "carry out the moves", "make the moves", "write the plan to the crm"),
    gives={"territory_change": ""},
    uses=("crm",),
    repeatable="probe",
    probe=look,
    amended=amended,
    effect_key=("territory", "/plan/plan_hash"),
    timeout_s=60,
    guardrails=("writes only the moves that were approved, unchanged", "a row that has changed since is left alone",
    "the approval names every account and every deal in flight"),
)  # fmt: skip
def apply_territory_change(
    context: ToolContext,
    plan: Annotated[TerritoryPlan, Slot("territory_plan", "the plan of a simulation or a balance, as it was given")],
    with_deals: Annotated[bool, Slot("flag", "open deals that are not near their end go along")] = False,
) -> TerritoryApplied:
    """Write an approved territory plan to the CRM.

    The plan must be the one its hash stands for: whoever wants other moves simulates them, so that what they do is seen
    first. Each account (and deal) is written only while its owner is the one of the plan. Deals near their end always
    stay with their owner. It writes the owner fields and nothing else: quotas and commissions are for people.
    """
    _check(context, plan)
    edits = _edits(context, plan, with_deals)
    if (earlier := _earlier(context, plan, edits)) is not None:
        return earlier
    crm: Crm = context.capability("crm")
    made = crm.edit_each(edits)
    if not any(isinstance(one, Edited) for one in made):
        why = next((one.why for one in made if isinstance(one, NotEdited)), "")
        raise NotDone(f"no row of the plan stands as it was planned: {why}", mend="simulate it again and apply that")
    return _receipt(context, plan, edits, made)


def _check(context: ToolContext, plan: TerritoryPlan) -> None:
    """`NotDone` when the plan is not what it says, or cannot be written here at all."""
    if plan.plan_hash != hash_of(plan.moves):
        raise NotDone(
            "the moves are not those that the plan's hash stands for: somebody has changed them",
            mend="simulate the moves that are wanted; its plan has its own hash and is approved as such",
        )
    if not plan.moves:
        raise NotDone("the plan moves nothing", mend="simulate a change first")
    if len(plan.moves) > MOST_MOVES:
        raise NotDone(f"{len(plan.moves):,} moves are more than {MOST_MOVES:,}", mend="apply it in parts")
    if twice := [key for key, count in Counter(move.account_id for move in plan.moves).items() if count > 1]:
        raise NotDone(f"{twice[0]} is moved twice", mend="simulate it again")
    team = {m.name for m in all_of(context.capability("crm"), "teams") if isinstance(m, TeamMember)}
    if team and (strange := sorted({m.target for m in plan.moves} - team - {""})):
        raise NotDone(f"{strange[0]} is not in the team any more", mend="simulate it again with somebody who is")


def _edits(context: ToolContext, plan: TerritoryPlan, with_deals: bool) -> list[Edit]:
    """One change per row, under keys of their own that follow from the call's."""
    on = context.as_of.date().isoformat()
    edits = []
    for move in plan.moves:
        rows = [("accounts", move.account_id, move.owner_field, move.target)]
        if with_deals:
            rows += [("opportunities", d.opportunity, d.owner, d.goes_to) for d in move.deals if d.goes_to is not None]
        edits += [
            Edit(key=f"{context.key}/{kind}/{record}", kind=kind, record=record, was={"owner": was},
                 becomes={"owner": becomes}, on=on)
            for kind, record, was, becomes in rows if was != becomes
        ]  # fmt: skip
    return edits


def _earlier(context: ToolContext, plan: TerritoryPlan, edits: list[Edit]) -> TerritoryApplied | None:
    crm: Crm = context.capability("crm")
    found = [crm.edited(edit.key) for edit in edits]
    if not any(found):
        return None
    left = "it was not as planned when the plan was written"
    made = [
        one or NotEdited(kind=edit.kind, record=edit.record, why=left)
        for one, edit in zip(found, edits, strict=True)
    ]  # fmt: skip
    return _receipt(context, plan, edits, made)


def _receipt(
    context: ToolContext, plan: TerritoryPlan, edits: list[Edit], made: list[Edited | NotEdited] | tuple[Any, ...]
) -> TerritoryApplied:
    names = {move.account_id: move.account for move in plan.moves}
    whose = {deal.opportunity: move.account for move in plan.moves for deal in move.deals}
    rows = tuple(_row(edit, one, names, whose) for edit, one in zip(edits, made, strict=True))
    written = sum(row.state == "written" for row in rows)
    gone = {row.record for row in rows if row.kind == "deal" and row.state == "written"}
    stay = tuple(deal.opportunity for move in plan.moves for deal in move.deals if deal.opportunity not in gone)
    done = {row.record for row in rows if row.kind == "account" and row.state == "written"}
    back = plan_of([_back(move, gone) for move in plan.moves if move.account_id in done])
    return TerritoryApplied(
        headline=f"{len(done):,} of {len(plan.moves):,} accounts changed hands"
        + (f", {len(gone):,} open deals with them" if gone else "")
        + (f"; {len(rows) - written:,} rows were left alone." if written < len(rows) else "."),
        plan_hash=plan.plan_hash,
        written=written,
        left_alone=len(rows) - written,
        rows=rows,
        deals_that_stay=stay,
        undo="apply `undo_plan`" + (" with its deals" if gone else "") + "; what others change first is left alone",
        undo_plan=back,
        notes=("it is changed in this house's CRM store; importing an older export changes it back",),
        as_of=context.as_of.date().isoformat(),
        rules=RULES,
    )


def _row(edit: Edit, made: Edited | NotEdited, names: dict[str, str], whose: dict[str, str]) -> RowResult:
    is_account = edit.kind == "accounts"
    return RowResult(
        kind="account" if is_account else "deal",
        record=edit.record,
        name=(names if is_account else whose).get(edit.record, ""),
        was=str(edit.was["owner"]),
        becomes=str(edit.becomes["owner"]),
        state="written" if isinstance(made, Edited) else "left alone",
        why=made.why if isinstance(made, NotEdited) else "",
    )


def _back(move: Move, gone: set[str]) -> Move:
    """The move that takes this one back."""
    deals = tuple(
        msgspec.structs.replace(deal, owner=deal.goes_to, goes_to=deal.owner)
        if deal.opportunity in gone and deal.goes_to is not None
        else msgspec.structs.replace(deal, goes_to=None)
        for deal in move.deals
    )
    return msgspec.structs.replace(
        move, source=move.target, target=move.owner_field, owner_field=move.target, deals=deals
    )
