"""Account records in one schema, as proposals: what was written, what it is read as, and how sure that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from cuga.adapters.capability import Account, CrmRead
from cuga.errors import BadInput
from cuga.model.value import MICRO
from cuga.packs.sales.intelligence.normal import Field, Normal, normal
from cuga.packs.sales.result import Result, find_account, place
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "normalize-1"
MOST = 500  # records shown; all are counted


class Normalized(Result, frozen=True, kw_only=True):
    """`records` are those with a change or an unreadable value, at most 500; the counts are over all that were read."""

    records: tuple[Normal, ...]
    read: int
    with_changes: int
    changes: dict[str, int]
    unreadable: dict[str, int]
    unknowns: dict[str, int]
    notes: tuple[str, ...]
    rules: str = RULES
    as_of: str = ""


@tool(
    domain="intelligence",
    side_effect="read-only",
    cost=0.5,
    keywords=(
        "normalize", "normalise", "clean", "clean up", "cleanup", "standardize", "weird", "misspelled", "tidy",
        "fix names", "spelling", "one schema", "map fields", "iso country", "sector names",
    ),
    gives={"normalized": "/records"},
    uses=("crm",),
    guardrails=("overwrites nothing", "never invents an id or a value", "a near spelling is a proposal"),
)  # fmt: skip
def normalize_account_record(
    context: ToolContext,
    account: Annotated[str | dict[str, Any], Slot("account", "name or id of an account, or a raw record")] = "",
    file: Annotated[str, Slot("file", "only accounts that were imported from this file")] = "",
    mapping: Annotated[dict[str, str] | None, Slot("", "column -> field, over what is proposed")] = None,
) -> Normalized:
    """Clean and map account fields to one schema with what was changed.

    Money with units becomes whole units and a currency, "51-200" stays a range, countries become ISO 3166-1 alpha-2
    codes, legal forms stand apart from names, the domain comes from the web address or from mail that is no free mail.
    Each field keeps what was written and a confidence; without an account or a file all accounts are read.
    """
    notes: list[str] = []
    shown: list[Normal] = []
    changes, unreadable, unknowns = Counter[str](), Counter[str](), Counter[str]()
    read = changed = 0
    for record in _records(context, account, file, mapping, notes):
        read += 1
        moved = [field.field for field in record.fields if field.changed and field.after]
        lost = [field.field for field in record.fields if field.before and not field.after]
        changes.update(moved)
        unreadable.update(lost)
        unknowns.update(record.unknowns)
        changed += bool(moved)
        if (moved or lost or account) and len(shown) < MOST:
            shown.append(record)
    if not read:
        notes.append(f"no account was imported from {file}" if file else "the CRM has no accounts; import them first")
    return Normalized(
        as_of=context.as_of.date().isoformat(),
        records=tuple(shown), read=read, with_changes=changed, changes=dict(sorted(changes.items())),
        unreadable=dict(sorted(unreadable.items())), unknowns=dict(sorted(unknowns.items())), notes=tuple(notes),
    )  # fmt: skip


def _records(
    context: ToolContext, account: str | dict[str, Any], file: str, mapping: dict[str, str] | None, notes: list[str]
) -> Iterator[Normal]:
    if isinstance(account, dict):
        if not account:
            raise BadInput("the record is empty", mend="give its columns and values, or name an account")
        yield normal({name: _text(value) for name, value in account.items()}, mapping=mapping)
        return
    crm: CrmRead = context.capability("crm")
    found = [find_account(crm, account, notes)] if account else crm.each("accounts")
    for record in found:
        if isinstance(record, Account) and (not file or _is_of(record, file)):
            clean = normal(record.raw or _fields(record), mapping=mapping, record_id=record.id)
            fields = tuple(_as_imported(field, record) for field in clean.fields)
            yield msgspec.structs.replace(clean, fields=fields, source=place(record))


def _as_imported(field: Field, record: Account) -> Field:
    """Revenue as the import read it: it may know the unit from elsewhere ("in millions of USD" in a dictionary)."""
    if field.field != "revenue" or record.revenue is None:
        return field
    after = f"{record.revenue / MICRO:.0f} {record.currency}".strip()
    if after == field.after:
        return field
    return msgspec.structs.replace(
        field, after=after, changed=True, confidence=95, why="in the unit that the import found"
    )


def _is_of(record: Account, file: str) -> bool:
    """Whether a record came from a file, named with or without its folder, its sheet and its ending."""
    own, asked = record.source.file.casefold(), file.replace("\\", "/").split("/")[-1].casefold()
    return asked in (own, own.split("#")[0], own.split("#")[0].rsplit(".", 1)[0])


def _fields(record: Account) -> dict[str, str]:
    return {name: _text(getattr(record, name)) for name in ("name", "industry", "country", "city", "website", "parent")}


def _text(value: Any) -> str:
    return "" if value is None else str(value)
