"""The door to CRM data: rows by filter, with their sources. It reads, and it shows no more rows than were asked for."""

from __future__ import annotations

from typing import Annotated, Any

from cuga.adapters.capability import RECORDS, CrmRead, Filter, fields_of, shown
from cuga.errors import BadInput
from cuga.model.value import MICRO
from cuga.packs.sales.periods import period_of
from cuga.packs.sales.result import Result, find_account
from cuga.tools.declare import Slot, ToolContext, tool

MOST_ROWS = 200
_MONEY = ("revenue", "price", "amount")

RULES = "query-1"


class Rows(Result, frozen=True, kw_only=True):
    """`total` counts all that fit, `rows` are those shown. Amounts are in whole units of their currency."""

    kind: str
    total: int
    shown: int
    rows: tuple[dict[str, Any], ...]
    filters: tuple[Filter, ...]
    notes: tuple[str, ...]
    crm_version: str
    as_of: str = ""
    rules: str = RULES


@tool(
    domain="governance",
    side_effect="read-only",
    cost=0.1,
    keywords=(
        "find", "list", "show", "look up", "read", "which", "how many", "records", "crm", "accounts", "deals",
        "contacts",
        "opportunities", "open deals", "products", "activities", "search",
    ),
    gives={"rows": "/rows"},
    uses=("crm",),
    guardrails=("reads only", f"at most {MOST_ROWS} rows"),
    personal=("/rows",),
)  # fmt: skip
def query_crm(
    context: ToolContext,
    kind: Annotated[str, Slot("records", "what to find", tuple(RECORDS))] = "accounts",
    where: Annotated[tuple[Filter, ...], Slot("filter", "conditions that must all hold")] = (),
    account: Annotated[str, Slot("account", "only records of this account")] = "",
    fields: Annotated[tuple[str, ...], Slot("fields", "fields to show; left out: all that are known")] = (),
    order: Annotated[str, Slot("order", "field to order by, -field for falling")] = "",
    limit: Annotated[int, Slot("count", "how many rows to show")] = 20,
) -> Rows:
    """Find and read CRM records.

    Operators: is, is_not, contains, in (values parted by |), above, at_least, below, at_most, known, unknown, and
    within for a date in a period such as "this month" or "Q4 2017", reckoned from the run's day.
    """
    crm: CrmRead = context.capability("crm")
    notes: list[str] = []
    if kind not in RECORDS:
        raise BadInput(f"there are no records of kind {kind!r}", mend=f"kinds: {', '.join(RECORDS)}")
    if unknown := [field for field in fields if field not in fields_of(kind)]:
        raise BadInput(f"{kind} have no field {unknown[0]!r}", mend=f"fields: {', '.join(fields_of(kind))}")
    if limit < 0:
        raise BadInput("the number of rows cannot be negative", mend="leave it out for 20")
    filters = [plain for one in where for plain in _plain(one, context)]
    if account:
        record = find_account(crm, account, notes)
        key = "id" if kind == "accounts" else "account_id"
        if key not in fields_of(kind):
            raise BadInput(f"{kind} belong to no account", mend="leave the account out")
        filters.append(Filter(field=key, value=record.id))
    most = min(limit, MOST_ROWS)
    total = crm.count(kind, filters)
    rows = tuple(_row(shown(r), fields) for r in crm.query(kind, filters, order=order, limit=most))
    if total > len(rows):
        notes.append(f"{total - len(rows):,} more fit; narrow the filter or raise the limit (at most {MOST_ROWS})")
    return Rows(
        as_of=context.as_of.date().isoformat(),
        kind=kind,
        total=total,
        shown=len(rows),
        rows=rows,
        filters=tuple(filters),
        notes=tuple(notes),
        crm_version=crm.crm_version(),
    )


def _plain(one: Filter, context: ToolContext) -> tuple[Filter, ...]:
    """A condition as the CRM takes it: a period as its first day and the day behind its last."""
    if one.op != "within":
        return (one,)
    period = period_of(one.value, context.as_of.date(), ahead=one.field == "closes")
    first, behind = period.first.isoformat(), period.behind.isoformat()
    return (Filter(field=one.field, op="at_least", value=first), Filter(field=one.field, op="below", value=behind))


def _row(record: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    source = record.pop("source", {})
    chosen = {key: value for key, value in record.items() if not fields or key in ("id", *fields)}
    for name in _MONEY:
        if name in chosen:
            whole, part = divmod(chosen[name], MICRO)
            chosen[name] = whole if not part else chosen[name] / MICRO
    if source.get("file"):
        chosen["source"] = f"{source['file']}:{source['line']}"
    return chosen
