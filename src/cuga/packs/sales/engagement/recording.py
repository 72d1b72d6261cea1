"""Recording what happened in the CRM, once: a call, a mail, a meeting or a note, with its text as it was written."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Annotated, Any, Literal

from cuga.adapters.capability import Crm, CrmRead, Edit, Edited, Opportunity
from cuga.errors import BadInput, NotDone
from cuga.packs.sales.intelligence.committee import contacts_of, people_for
from cuga.packs.sales.qualification.deals import one_deal
from cuga.packs.sales.result import Result, find_account
from cuga.tools.declare import Slot, ToolContext, tool

ActivityKind = Literal["call", "email", "meeting", "note"]
KINDS: tuple[ActivityKind, ...] = ("call", "email", "meeting", "note")
LONGEST = 20_000  # characters


class Logged(Result, frozen=True, kw_only=True):
    """The receipt: the record that was added, and to what it belongs."""

    activity: str
    kind: str
    happened: str
    who: str
    account: str
    opportunity: str
    text: str
    undo: str
    notes: tuple[str, ...]


def look(context: ToolContext, arguments: Any) -> Logged | None:
    """The receipt when this call's record was added already; None: it surely was not. It changes nothing."""
    crm: Crm = context.capability("crm")
    made = crm.edited(context.key)
    if made is not None and made.kind != "activities":
        raise RuntimeError(f"another change was made under the key of this one, of {made.record}")
    return _receipt(made, ()) if made is not None else None


@tool(
    domain="engagement",
    side_effect="execute",
    cost=0.5,
    keywords=("log", "record call", "log call", "log meeting", "log email", "record activity", "note down",
    "log a call", "record"),
    gives={"activity": ""},
    uses=("crm",),
    repeatable="probe",
    probe=look,
    effect_key=("activity", "/account", "/opportunity", "/kind", "/text"),
    guardrails=("writes the text as it is given", "never makes up who was there", "adds a record, changes none"),
    personal=("/text", "/who"),
)  # fmt: skip
def log_activity(
    context: ToolContext,
    text: Annotated[str, Slot("notes", "what happened, in words")],
    account: Annotated[str, Slot("account", "name or id of the account")] = "",
    opportunity: Annotated[str, Slot("opportunity", "id of the deal")] = "",
    kind: Annotated[ActivityKind, Slot("activity_kind", "call, email, meeting or note", KINDS)] = "note",
    who: Annotated[str, Slot("contact", "name, id or role of the person it was with")] = "",
    happened: Annotated[date | None, Slot("date", "when it happened; left out: the as-of date")] = None,
) -> Logged:
    """Record a call email or meeting in the CRM.

    The text is kept as it is worded. A person who is not exactly one contact of the account is kept as written and tied
    to nobody; a date in the future is refused. It adds a record: what was written down earlier is never changed.
    """
    crm: Crm = context.capability("crm")
    if (earlier := look(context, None)) is not None:
        return earlier
    notes: list[str] = []
    try:
        becomes = _record(crm, text, account, opportunity, kind, who, happened or context.as_of.date(), notes)
    except BadInput as error:
        raise NotDone(error.detail or error.message, mend=error.next_step) from error
    if (happened or context.as_of.date()) > context.as_of.date():
        raise NotDone(f"{happened} lies after {context.as_of.date()}", mend="record what has happened, when it has")
    record = "log-" + hashlib.sha256(context.key.encode()).hexdigest()[:12]
    on = context.as_of.date().isoformat()
    made = crm.edit(Edit(key=context.key, kind="activities", record=record, becomes=becomes, is_new=True, on=on))
    return _receipt(made, tuple(notes))


def _record(
    crm: CrmRead, text: str, account: str, opportunity: str, kind: str, who: str, on: date, notes: list[str]
) -> dict[str, str | int | None]:
    """The new record's fields; `BadInput` for what it cannot be tied to."""
    if not text.strip():
        raise BadInput("there is nothing to record", mend="say what happened")
    if len(text) > LONGEST:
        raise BadInput(f"the text has {len(text):,} characters; {LONGEST:,} are kept", mend="shorten it")
    if not (account.strip() or opportunity.strip()):
        raise BadInput("neither an account nor a deal is named", mend="say whom it was with")
    deal: Opportunity | None = one_deal(crm, opportunity) if opportunity.strip() else None
    belongs = crm.get("accounts", deal.account_id) if deal is not None and deal.account_id else None
    if belongs is None and account.strip():
        belongs = find_account(crm, account, notes)
    found: dict[str, str | int | None] = {
        "kind": kind,
        "happened": on.isoformat(),
        "text": text.strip(),
        "who": who.strip(),
    }
    if deal is not None:
        found["opportunity_id"] = deal.id
    if belongs is not None:
        found |= {"account": belongs.name, "account_id": belongs.id}
        people = people_for(contacts_of(crm, belongs.id), who) if who.strip() else []
        if len(people) == 1:
            found |= {"who": people[0].name, "contact_id": people[0].id}
        elif who.strip():
            notes.append(
                f"{who!r} is {'no' if not people else 'more than one'} contact of {belongs.name}; kept as written"
            )
    return found


def _receipt(made: Edited, notes: tuple[str, ...]) -> Logged:
    said = {name: str(value or "") for name, value in made.becomes.items()}
    return Logged(
        activity=made.record,
        kind=said["kind"],
        happened=said["happened"],
        who=said["who"],
        account=said.get("account", ""),
        opportunity=said.get("opportunity_id", ""),
        text=said["text"],
        undo=f"delete the record {made.record}",
        notes=notes,
    )
