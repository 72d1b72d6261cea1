"""An account brief, and the few sentences that a language model may add on top of it.

The sentences stand beside the parts that they were made from, and change none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cuga.adapters.capability import Activity, Contact, CrmRead, Filter
from cuga.errors import NotDone
from cuga.packs.sales.intelligence.committee import contacts_of
from cuga.packs.sales.proving import unproven
from cuga.packs.sales.result import Report, Result
from cuga.tools import drafting
from cuga.tools.declare import ToolContext, capability_missing

MOST = 1_200  # characters of a summary
TASK = "Sum up in 3 to 5 sentences, for a seller, what is known of {account} and what to find out next. No subject."


class Said(Result, frozen=True, kw_only=True):
    """One sentence and its source: file:line, or the record's id."""

    says: str
    source: str


class Brief(Report, frozen=True, kw_only=True):
    """Each part lists sentences with sources; `questions` are what nobody has recorded yet."""

    account: str
    account_id: str
    facts: tuple[Said, ...]
    history: tuple[Said, ...]
    open_deals: tuple[Said, ...]
    people: tuple[Said, ...]
    talks: tuple[Said, ...]
    signs: tuple[Said, ...]
    questions: tuple[str, ...]
    summary: str = ""  # a few sentences by a language model, where a profile lets one write; empty: none did
    written_by: str = ""
    unproven: tuple[str, ...] = ()  # what the summary says that stands in none of the parts


def ask(context: ToolContext, _arguments: Any, result: bytes) -> drafting.Brief | str:
    """What a model is to sum up; what people said in talks goes with it only as notes."""
    found = msgspec.json.decode(result, type=Brief)
    parts = {
        "fact": found.facts, "history": found.history, "open deal": found.open_deals, "person": found.people,
    }  # fmt: skip
    facts = [(what, said.says) for what, some in parts.items() for said in some]
    if not facts:
        return "nothing is known that could be summed up"
    return drafting.Brief(
        task=TASK.format(account=found.account),
        facts=(*facts, *(("question", text) for text in found.questions)),
        draft=found.headline,
        notes=tuple(said.says for said in (*found.talks, *found.signs)),
        people=_people(context, found.account_id),
        about=found.account_id,
    )


def take(told: drafting.Brief, result: bytes, said: Mapping[str, str], author: drafting.Author) -> Brief:
    """The brief with a summary, marked, and with what that claims beyond it."""
    found = msgspec.json.decode(result, type=Brief)
    text = "\n\n".join(" ".join(part.split()) for part in said["text"].split("\n\n") if part.strip())
    if not text:
        raise NotDone("it says nothing")
    if len(text) > MOST:
        raise NotDone(f"it has {len(text):,} characters; {MOST:,} are read")
    known = (told.task, told.draft, *(value for _, value in told.facts), *told.notes)
    claims = unproven(text, known)
    if away := next((claim for claim in claims if claim.reaches), None):
        raise NotDone(f"it brings a {away.kind} that stands in no record: {away.text}")
    flagged = tuple(f"{claim.kind}: {claim.text}" for claim in claims)
    return msgspec.structs.replace(found, summary=text, written_by=author.line, unproven=flagged)


def _people(context: ToolContext, account: str) -> tuple[str, ...]:
    """Everybody whose name may stand in the parts: contacts, owners, and whoever was talked to."""
    if capability_missing(context, "crm"):
        return ()
    crm: CrmRead = context.capability("crm")
    at = [Filter(field="account_id", value=account)]
    contacts = [one.name for one in contacts_of(crm, account) if isinstance(one, Contact)]
    owners = [str(getattr(one, "owner", "")) for one in crm.query("opportunities", at, limit=-1)]
    record = crm.get("accounts", account)
    talked = [one.who for one in crm.query("activities", at, limit=200) if isinstance(one, Activity)]
    return tuple(
        dict.fromkeys(name for name in (*contacts, *owners, str(getattr(record, "owner", "")), *talked) if name)
    )


DRAFTING = drafting.Drafting(ask, take)
