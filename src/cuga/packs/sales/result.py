"""What the sales tools share: results that leave no field out, evidence that names its row, and finding a record by
name.

An ambiguous name is refused with its candidates; a record is never chosen on a guess.
"""

from __future__ import annotations

from datetime import date

from cuga.adapters.capability import Account, CrmRead, Lookup, Record
from cuga.errors import BadInput
from cuga.model.value import MICRO, Value


class Result(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A result that shows every field, known or not."""


class Evidence(Result, frozen=True, kw_only=True):
    """Where a statement comes from. `source` is file:line of the imported row."""

    record: str
    field: str
    value: str
    date: str = ""
    source: str = ""


def evidence(record: Record, field: str, *, on: date | None = None, value: str = "") -> Evidence:
    """A field of a record as evidence."""
    plain = value or str(getattr(record, field))
    return Evidence(record=record.id, field=field, value=plain, date=on.isoformat() if on else "", source=place(record))


def place(record: Record) -> str:
    """file:line of the row that a record was read from."""
    return f"{record.source.file}:{record.source.line}" if record.source.file else ""


def amount_text(micro: int | None, currency: str = "") -> str:
    """An amount as a person reads it: 2,173,980,000 USD; empty when it is not known."""
    return "" if micro is None else f"{micro / MICRO:,.0f} {currency}".strip()


def find_account(crm: CrmRead, text: str, notes: list[str]) -> Account:
    """The account that a name or id means; `BadInput` when none or more than one does. A near name is noted."""
    found = crm.lookup("accounts", text)
    record = crm.get("accounts", sure(found, "account", notes))
    assert isinstance(record, Account)
    return record


def sure(answer: Lookup, what: str, notes: list[str]) -> str:
    """The id that a lookup is sure of, or `BadInput` with the candidates."""
    if answer.found is None:
        near = ", ".join(repr(candidate.name or candidate.id) for candidate in answer.candidates)
        twice = len(answer.candidates) > 1 and answer.candidates[0].score == 100
        raise BadInput(
            f"{answer.asked!r} means more than one {what}" if twice else f"there is no {what} {answer.asked!r}",
            mend=f"name one of {near}" if near else f"`query_crm` finds the {what}s that there are",
        )
    if answer.found.how in ("near", "respelled"):
        notes.append(f"{answer.asked!r} was read as the {what} {answer.found.name!r}")
    return answer.found.id


class Report(Result, frozen=True, kw_only=True):
    """What reports share: one sentence that says it all, notes, the date reasoned from, the version of the rules."""

    headline: str
    as_of: str
    notes: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    rules: str
