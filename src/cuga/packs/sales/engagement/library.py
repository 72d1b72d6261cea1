"""The house's own message templates: listed, read, tried, added, changed and retired, each change a version.

A template is tried before it is kept: every variable that it names must be one that drafts can fill or one that it
declares, and with all of them filled nothing may be left open.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from cuga.adapters.capability import CrmRead, Mail, Templates, TemplateVersion
from cuga.errors import BadInput
from cuga.packs.sales.engagement import checks
from cuga.packs.sales.engagement.message import CHANNELS, Channel
from cuga.packs.sales.engagement.outcomes import Counted, counted
from cuga.packs.sales.engagement.templates import TEMPLATES, Template, fill, variables
from cuga.packs.sales.result import Result
from cuga.tools.declare import Slot, ToolContext, capability_missing, tool

FILLED = {  # what drafts can fill, each with a value for trying a template
    "recipient_name": "Nora Tessler", "first_name": "Nora", "account": "Velkarin Foods", "industry": "food",
    "people": "420", "country": "Germany", "product": "Linden Scheduler", "owner": "Ada Kestrel",
    "since": "5 January", "sender": "Ada Kestrel", "ask": "Would a call of 15 minutes next week suit you?",
    "greeting": "Hello", "sign_off": "Best regards", "product_fact": "It plans shifts.",
    "price": "4,800 EUR",
    "letterhead": "Birchline, 1 Quay Road, Portsea", "company": "Birchline", "data_source": "the trade fair list",
    "privacy_notice": "https://birchline.example/privacy", "industry_phrase": "a food company",
    "owner_has": "Ada Kestrel has",
}  # fmt: skip
Action = Literal["list", "read", "add", "change", "retire"]


class Shelved(Result, frozen=True, kw_only=True):
    """One version, with what became of the messages made of it."""

    name: str
    version: int
    channel: str
    state: str
    needs: tuple[str, ...]
    own: bool  # of the house; else one that is shipped
    on: str
    results: Counted | None


class Library(Result, frozen=True, kw_only=True):
    """`text` is that of the template that was read or written; `did` says what was done."""

    templates: tuple[Shelved, ...]
    did: str
    text: str
    notes: tuple[str, ...]


@tool(
    domain="engagement",
    side_effect="propose",
    cost=0.2,
    keywords=("template", "templates", "template library", "snippet", "snippets", "boilerplate", "library"),
    gives={"template_library": ""},
    uses=("templates", "mail", "crm"),
    writes=("templates",),
    repeatable="key",
    key_window_s=0,
    guardrails=("no version is ever changed or lost", "a template with an unknown variable is not kept",
    "what is shipped cannot be changed"),
)  # fmt: skip
def manage_template_library(
    context: ToolContext,
    action: Annotated[Action, Slot("action", "what to do", ("list", "read", "add", "change", "retire"))] = "list",
    name: Annotated[str, Slot("template", "its name: small letters, digits and dashes")] = "",
    body: Annotated[str, Slot("body", "the text, with {{variables}}")] = "",
    subject: Annotated[str, Slot("subject", "subject line, with {{variables}}")] = "",
    channel: Annotated[Channel, Slot("channel", "email, linkedin, sms or call", CHANNELS)] = "email",
    needs: Annotated[tuple[str, ...], Slot("variables", "variables beyond those that drafts fill by themselves")] = (),
    version: Annotated[int, Slot("version", "the version that a change builds on; 0: the newest")] = 0,
) -> Library:
    """List read add or change message templates.

    Drafts take a template by its name, or by NAME@VERSION; what a message was made of is kept with it.
    """
    shelf: Templates = context.capability("templates")
    known = shelf.versions()
    if action == "list":
        newest = list({one.name: one for one in known}.values())
        rows = [_row(context, one) for one in newest] + [_shipped(one) for one in TEMPLATES.values()]
        wanted = tuple(row for row in rows if not name or row.name == name)
        return Library(templates=wanted, did=f"{len(wanted)} templates", text="", notes=())
    if not name.strip():
        raise BadInput(f"{action} needs the name of a template", mend="list them first")
    mine = [one for one in known if one.name == name]
    if action == "read":
        if not mine and name not in TEMPLATES:
            raise BadInput(f"there is no template {name!r}", mend=f"templates: {_names(known)}")
        if not mine:
            return Library(templates=(_shipped(TEMPLATES[name]),), did=f"{name}, shipped", text=_text(name), notes=())
        shown = next((one for one in mine if one.version == version), mine[-1])
        return _kept(context, mine, shown, f"{name}, version {shown.version}", ())
    if name in TEMPLATES:
        raise BadInput(f"{name} is shipped and cannot be changed", mend="add your own under another name")
    done = next((one for one in mine if one.key == context.key), None)
    if done is None and (action == "add") == any(one.state == "active" for one in mine[-1:]):
        there = "is there already" if action == "add" else "is not there"
        raise BadInput(f"the template {name!r} {there}", mend=f"templates: {_names(known)}")
    if done is None and version and mine and mine[-1].version != version:
        raise BadInput(f"{name} stands at version {mine[-1].version}, not {version}", mend="read it again")
    if action == "retire" and mine:
        made = msgspec.structs.replace(mine[-1], state="retired")
    else:
        tried(body, subject, channel, needs)
        asked = tuple(dict.fromkeys((*variables(subject), *variables(body))))
        made = TemplateVersion(name=name, version=1, channel=channel, subject=subject, body=body, needs=asked)
    made = msgspec.structs.replace(made, version=len(mine) + 1, on=context.as_of.date().isoformat(), key=context.key)
    kept = done or shelf.add(made)
    word = {"add": "added", "change": "changed", "retire": "retired"}[action]
    return _kept(context, [*mine, kept], kept, f"{name} {word}: version {kept.version}", ())


def tried(body: str, subject: str, channel: str, needs: tuple[str, ...]) -> None:
    """`BadInput` for a template that drafts could never fill, or that says nothing once they have."""
    if not body.strip() or (channel == "email" and not subject.strip()):
        raise BadInput("a template needs a body" + (" and a subject" if channel == "email" else ""))
    said = variables(subject) + variables(body)
    values = {**FILLED, **dict.fromkeys(needs, "something")}
    if unknown := [name for name in said if name not in values]:
        raise BadInput(
            f"nobody can fill {{{{{unknown[0]}}}}}",
            mend=f"use {', '.join(sorted(FILLED))}, or declare it under `needs`",
        )
    if idle := [name for name in needs if name not in said]:
        raise BadInput(f"{idle[0]} is declared and not used", mend="leave it out, or use it in the text")
    text = checks.Text(body=fill(body, values) or "", subject=fill(subject, values) or "", channel=channel)
    if found := next(
        (i for i in checks.of(text) if i.check in ("unfilled", "length") and i.weight == "blocking"), None
    ):
        raise BadInput(f"tried with its variables filled, {found.says}", mend="mend the text and try again")


def _kept(
    context: ToolContext, mine: list[TemplateVersion], shown: TemplateVersion, did: str, notes: tuple[str, ...]
) -> Library:
    text = f"Subject: {shown.subject}\n\n{shown.body}" if shown.subject else shown.body
    rows = {one.version: _row(context, one) for one in mine}
    return Library(templates=tuple(rows[key] for key in sorted(rows)), did=did, text=text, notes=notes)


def _row(context: ToolContext, one: TemplateVersion) -> Shelved:
    results = None
    if not capability_missing(context, "mail") and not capability_missing(context, "crm"):
        mail: Mail = context.capability("mail")
        crm: CrmRead = context.capability("crm")
        results = counted(mail, crm).get(f"{one.name}@{one.version}")
    return Shelved(
        name=one.name, version=one.version, channel=one.channel, state=one.state, needs=one.needs, own=True, on=one.on,
        results=results,
    )  # fmt: skip


def _shipped(one: Template) -> Shelved:
    return Shelved(
        name=one.name, version=0, channel=one.channel, state="shipped", needs=one.needs, own=False, on="", results=None
    )


def _text(name: str) -> str:
    return "\n\n".join(block[0] for block in TEMPLATES[name].blocks)


def _names(known: tuple[TemplateVersion, ...]) -> str:
    return ", ".join(dict.fromkeys((*(one.name for one in known), *TEMPLATES)))
