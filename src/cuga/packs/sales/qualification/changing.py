"""Changing a deal in the CRM: exactly what a person saw and agreed to, and only while the old values still stand.

The old values travel with the call, so they are part of what is approved. Closing a deal needs two people.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from cuga.adapters.capability import LOST, OPEN, WON, Crm, CrmRead, Edit, Edited, Filter, Opportunity, field_text
from cuga.errors import BadInput, NotDone
from cuga.packs.sales.importing.values import money
from cuga.packs.sales.qualification.deals import one_deal, owner_named
from cuga.packs.sales.result import Result, amount_text
from cuga.tools.declare import Slot, ToolContext, tool

Outcome = Literal["won", "lost"]
_CLOSING = {"won": WON, "closed won": WON, "lost": LOST, "closed lost": LOST, "disqualified": LOST}


class FieldChange(Result, frozen=True, kw_only=True):
    """One field as it was and as it is now."""

    field: str
    was: str
    becomes: str


class DealChanged(Result, frozen=True, kw_only=True):
    """The receipt. `version` is the record's row version after the change; `undo` says how to take it back."""

    opportunity: str
    account: str
    changes: tuple[FieldChange, ...]
    version: int
    undo: str
    notes: tuple[str, ...]


def look(context: ToolContext, arguments: Any) -> DealChanged | None:
    """The receipt when this call's change was made already; None: it surely was not. It changes nothing."""
    crm: Crm = context.capability("crm")
    made = crm.edited(context.key)
    if made is not None and made.kind != "opportunities":
        raise RuntimeError(f"another change was made under the key of this one, of {made.record}")
    return _receipt(crm, made) if made is not None else None


@tool(
    domain="qualification",
    side_effect="execute",
    cost=1.0,
    keywords=(
        "update", "move", "mark", "change", "change stage", "set close date", "move deal", "update deal", "set stage",
        "mark as", "update opportunity", "move stage", "close deal", "mark won", "mark lost", "set amount",
        "push close date",
    ),
    gives={"deal_change": ""},
    uses=("crm",),
    repeatable="probe",
    probe=look,
    effect_key=("deal", "/opportunity", "/stage", "/closes", "/amount", "/owner", "/next_step", "/outcome"),
    seconded=("/outcome",),
    guardrails=("changes only what was shown, while the old value still stands", "closing a deal needs two people",
    "never picks a deal out of several"),
)  # fmt: skip
def update_opportunity(
    context: ToolContext,
    opportunity: Annotated[str, Slot("opportunity", "id of the deal")],
    stage: Annotated[str, Slot("stage", "the stage it moves to")] = "",
    closes: Annotated[date | None, Slot("date", "the close date it gets")] = None,
    amount: Annotated[str, Slot("amount", "the amount it gets, e.g. 42,000 USD")] = "",
    owner: Annotated[str, Slot("rep", "the seller it goes to")] = "",
    next_step: Annotated[str, Slot("quoted", "the next step that is written down")] = "",
    outcome: Annotated[Outcome | None, Slot("outcome", "won or lost: closes the deal", ("won", "lost"))] = None,
    was: Annotated[dict[str, str] | None, Slot("standing", "the values of these fields as they stand now")] = None,
) -> DealChanged:
    """Change stage amount date or fields of a deal in the CRM.

    `was` holds the present value of every field that changes (the empty text for one that is not known); an amount is
    in units of the deal's currency. When one of them is another by now, nothing is changed.
    """
    crm: Crm = context.capability("crm")
    if (earlier := look(context, None)) is not None:
        return earlier
    try:
        deal = one_deal(crm, opportunity)
        wanted = _wanted(crm, deal, stage, closes, amount, owner, next_step, outcome, context.as_of.date())
    except BadInput as error:
        raise NotDone(error.detail or error.message, mend=error.next_step) from error
    stated = was or {}
    shown = {"stage": stage, "closes": closes, "amount": amount, "owner": owner, "next_step": next_step}
    asked = [name for name, value in shown.items() if value]
    if missing := [name for name in asked if name not in stated]:
        now = ", ".join(f"{name}={field_text(deal, name)!r}" for name in missing)
        raise NotDone(
            f"what {', '.join(missing)} of {deal.id} was before is not part of the request",
            mend=f"give `was` with {now}",
        )
    for name in asked:
        if stated[name].strip().casefold() != field_text(deal, name).casefold():
            raise NotDone(
                f"{name} of {deal.id} is {field_text(deal, name)!r} now, not {stated[name]!r} as it was agreed to",
                mend="ask for the change again; the new request shows the values as they are",
            )
    if not wanted:
        raise NotDone("nothing is to be changed", mend="name a field and a value that it does not have yet")
    before = {name: _plain(getattr(deal, name)) for name in wanted}
    made = crm.edit(
        Edit(key=context.key, kind="opportunities", record=deal.id, was=before, becomes=wanted,
             on=context.as_of.date().isoformat())
    )  # fmt: skip
    return _receipt(crm, made)


def _wanted(
    crm: CrmRead, deal: Opportunity, stage: str, closes: date | None, amount: str, owner: str, next_step: str,
    outcome: Outcome | None, today: date,
) -> dict[str, str | int | None]:  # fmt: skip
    """The new values by field; `BadInput` for what cannot be one."""
    wanted: dict[str, str | int | None] = {}
    meant = closing_of(crm, stage)
    if meant and outcome != meant:
        raise BadInput(f"the stage {stage!r} closes the deal", mend=f"say so: outcome={meant!r}; two people must agree")
    if outcome and deal.status != OPEN:
        raise BadInput(f"{deal.id} is closed already ({deal.stage})")
    if outcome:
        wanted |= {
            "status": outcome,
            "stage": stage_for(crm, stage or outcome),
            "closes": (closes or today).isoformat(),
        }
    elif stage:
        wanted["stage"] = stage_for(crm, stage)
        if deal.status != OPEN:
            wanted["status"] = OPEN
    if closes is not None:
        wanted["closes"] = closes.isoformat()
    if amount.strip():
        said = money(amount)
        if said is None or said[0] < 0:
            raise BadInput(f"{amount!r} is no amount", mend="write a number, e.g. 42000 or 42,000 USD")
        if said[1] and deal.currency and said[1] != deal.currency:
            raise BadInput(f"{amount!r} is not in {deal.currency}, the deal's currency")
        wanted["amount"] = said[0]
        if said[1] and not deal.currency:
            wanted["currency"] = said[1]
    if owner.strip():
        wanted["owner"] = owner_named(crm, owner)
    if next_step.strip():
        wanted["next_step"] = " ".join(next_step.split())
    return {name: value for name, value in wanted.items() if value != _plain(getattr(deal, name))}


def closing_of(crm: CrmRead, stage: str) -> str:
    """won or lost when a stage closes deals: by its common name, or by what closed deals are called here; else ""."""
    plain = " ".join(stage.casefold().replace("-", " ").split())
    if plain in _CLOSING:
        return _CLOSING[plain]
    for status in (WON, LOST):
        named = crm.group("opportunities", "stage", [Filter(field="status", value=status)])
        if plain and any(plain == name.casefold() for name, _ in named):
            return status
    return ""


def stage_for(crm: CrmRead, stage: str) -> str:
    """A stage as the deals of this house spell it; a stage that no deal has is refused with those there are."""
    known = [name for name, _ in crm.group("opportunities", "stage") if name]
    same = [name for name in known if name.casefold() == stage.strip().casefold()]
    if not same:
        raise BadInput(f"no deal has the stage {stage!r}", mend=f"stages: {', '.join(sorted(known))}")
    return same[0]


def _plain(value: Any) -> str | int | None:
    return value.isoformat() if isinstance(value, date) else value


def _receipt(crm: CrmRead, made: Edited) -> DealChanged:
    deal = crm.get("opportunities", made.record)
    assert isinstance(deal, Opportunity)
    changes = tuple(
        FieldChange(field=name, was=_shown(name, made.was.get(name)), becomes=_shown(name, made.becomes[name]))
        for name in sorted(made.becomes)
    )
    back = ", ".join(f"{change.field} to {change.was or 'not known'}" for change in changes)
    return DealChanged(
        opportunity=made.record,
        account=deal.account,
        changes=changes,
        version=made.version,
        undo=f"set {back} again",
        notes=(f"it is changed at {made.place}, and here with it" if made.place else _HERE,),
    )


_HERE = "it is changed in this house's CRM store; importing an older export changes it back"


def _shown(name: str, value: str | int | None) -> str:
    return amount_text(value) if name == "amount" and isinstance(value, int) else "" if value is None else str(value)
