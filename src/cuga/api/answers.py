"""How routes take and give values: strict JSON in, the values' own encoding out, lists in pages."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from cuga.api.problems import MEDIA, ProblemDetails
from cuga.errors import BadInput
from cuga.journal.strict import parse_strict
from cuga.model.schema import REF
from cuga.model.value import encode

T = TypeVar("T")
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
MOST = 500  # items of a page
_AS_PROBLEM = {MEDIA: {"schema": {"$ref": f"{REF}{ProblemDetails.__name__}"}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "Refused, with the reason.", "content": _AS_PROBLEM},
    "5XX": {"description": "It could not be done now.", "content": _AS_PROBLEM},
}


class _StrictRequest(Request):
    async def json(self) -> Any:
        return parse_strict(await self.body())


class _Route(APIRoute):
    """A route whose body is read strictly: no duplicate keys, no NaN, no depth without end."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handler(_StrictRequest(request.scope, request.receive))

        return strictly


def router(tag: str, prefix: str = "/api") -> APIRouter:
    """The routes of one room."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=_Route,
        responses=PROBLEMS,
        generate_unique_id_function=lambda route: route.name,
    )


def answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A value as JSON, in its own encoding."""
    return Response(encode(value), status, headers, "application/json")


def nothing() -> Response:
    """Done, and there is nothing to say."""
    return Response(status_code=204)


def file(body: bytes, name: str, media: str) -> Response:
    """Bytes to be saved under a name, never to be shown."""
    return Response(body, 200, {"Content-Disposition": f'attachment; filename="{name}"'}, media)


def page_of(items: Sequence[T], limit: int, mark: Callable[[T], str]) -> dict[str, Any]:
    """A page: at most `limit` of the items, of which there is one more when another page follows."""
    shown = list(items[:limit])
    return {"items": shown, "next": cursor_of(mark(shown[-1])) if len(items) > limit and shown else None}


def cursor_of(mark: str) -> str:
    """A mark in the order of a list, as text that nobody needs to understand."""
    return base64.urlsafe_b64encode(mark.encode()).decode().rstrip("=")


def mark_of(cursor: str) -> str:
    """The mark of a cursor; empty: the beginning. `BadInput` for what is none."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise BadInput("that is no cursor of ours", mend="Take `next` of the page before.") from error


def once_key(request: Request) -> str:
    """The Idempotency-Key of a request; empty without one."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > 255 or not key.isprintable():
        raise BadInput("an Idempotency-Key has at most 255 characters that can be printed")
    return key


def moment(at: datetime) -> datetime:
    """A time with its zone; without one it is meant as UTC. `BadInput` for one that no record can be of."""
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    if not _EARLIEST <= at < _LATEST:
        raise BadInput(f"{at.isoformat()} is no time that a record can be of", mend="Name one from 1970 to 2999.")
    return at


def moment_if(at: datetime | None) -> datetime | None:
    """The same of a time that may be left out."""
    return None if at is None else moment(at)


def period_if(since: datetime | None, until: datetime | None) -> tuple[datetime | None, datetime | None]:
    """Both ends of a time, of which each may be left out; `BadInput` when it ends before it begins."""
    begin, end = moment_if(since), moment_if(until)
    if begin is not None and end is not None and end < begin:
        raise BadInput(f"the time ends before it begins: {begin:%Y-%m-%dT%H:%M}Z", mend="`since` comes before `until`.")
    return begin, end


def body_digest(request: Request, body: bytes) -> bytes:
    """What must be the same when a request comes again under its key."""
    return hashlib.sha256(b"\n".join((request.method.encode(), request.url.path.encode(), body))).digest()
