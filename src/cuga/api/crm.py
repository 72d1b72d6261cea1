"""Records over HTTP: browse them, bring them in, look how good they are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from starlette.responses import Response

from cuga.api.answers import answer, cursor_of, mark_of, router
from cuga.api.auth import Here, Looking
from cuga.api.pages import Given
from cuga.errors import BadInput

crm = router("records")
Table = Literal["accounts", "contacts", "opportunities", "products", "activities"]


class RecordPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Records of one kind, in order of their names; `total` counts all that fit."""

    items: tuple[Any, ...]
    next: str | None
    total: int


@crm.get("/crm/{table}", response_model=RecordPage)
async def list_records(
    doors: Here,
    _: Looking,
    table: Table,
    q: Annotated[str, Query(max_length=200, description="Words of the name.")] = "",
    cursor: Annotated[str, Query(max_length=512)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Accounts, contacts, opportunities, products or activities."""
    mark = mark_of(cursor) or "0"
    if not (mark.isascii() and mark.isdigit() and len(mark) < 16):
        raise BadInput("that is no cursor of ours", mend="Take `next` of the page before.")
    found = await doors.front.records(table, q, int(mark), limit)
    following = cursor_of(str(found.next_offset)) if found.next_offset >= 0 else None
    return answer(RecordPage(items=found.items, next=following, total=found.total))


@crm.get("/crm/{table}/{record_id}", response_model=dict[str, Any])
async def show_record(doors: Here, _: Looking, table: Table, record_id: str) -> Response:
    """One record with the row that it was read from."""
    return answer(await doors.front.record(table, record_id))
