"""Errors as problem details (RFC 9457): the code that machines compare, the words that people read, what mends it."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from cuga import errors as e
from cuga.model.value import Value, encode

PAGE = "/{path:path}"
OURS = ("/api/", "/ws/", "/metrics", "/healthz", "/readyz")  # paths that are never the page's
log = logging.getLogger("cuga.api")
_EVERY_PATH = "`/api/openapi.json` lists every path."
MEDIA = "application/problem+json"
_STATUS: dict[type[e.CugaError], int] = {
    e.NotSignedIn: 401,
    e.NotAllowed: 403,
    e.NotFound: 404,
    e.ApprovalClosed: 409,
    e.DigestMismatch: 409,
    e.CheckpointForked: 422,
    e.KeyReused: 409,
    e.InvalidTransition: 409,
    e.PlanInvalid: 422,
    e.ToolInvalid: 422,
    e.RegistryInvalid: 409,
    e.ApprovalExpired: 410,
    e.TooLarge: 413,
    e.BadInput: 422,
    e.TooOften: 429,
    e.HouseBusy: 503,
    e.HouseClosed: 503,
    e.JournalFailed: 503,
    e.EventUnreadable: 409,
    e.NotDone: 502,
    e.Unanswered: 504,
}


class ProblemDetails(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What went wrong. `code` is for machines, `detail` and `mend` for people; `facts` are the data behind it."""

    type: str
    title: str
    status: int
    detail: str = ""
    code: str
    mend: str = ""
    facts: dict[str, Any] = {}


def status_of(error: e.CugaError) -> int:
    """The HTTP status of an error of ours."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def problem_of(error: e.CugaError) -> ProblemDetails:
    """An error of ours as a problem."""
    title = " ".join((type(error).__doc__ or "").split())
    facts = {name: _plain(value) for name, value in error.facts.items() if name != "mend"}
    return ProblemDetails(
        type=f"urn:cuga:error:{error.code}",
        title=title,
        status=status_of(error),
        detail=error.detail,
        code=error.code,
        mend=error.next_step,
        facts=facts,
    )


def refused(error: e.CugaError, status: int = 0) -> Response:
    """The answer that tells of an error; `status` where another protocol than ours says which."""
    problem = problem_of(error)
    if status:
        problem = msgspec.structs.replace(problem, status=status)
    headers = {"Cache-Control": "no-store"}
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after"])
    return _answer(problem, headers)


def _answer(problem: ProblemDetails, headers: dict[str, str] | None = None) -> Response:
    return Response(encode(problem), problem.status, headers, MEDIA)


def _plain(value: object) -> Any:
    try:
        return msgspec.to_builtins(value)
    except TypeError:
        return str(value)


def install(app: FastAPI, *, every_path: str = _EVERY_PATH) -> None:
    """Answer every error of an app as a problem. `every_path` says what is there to who asks for another."""

    async def ours(_request: Request, error: Exception) -> Response:
        assert isinstance(error, e.CugaError)
        if status_of(error) >= 500:
            log.warning("%s: %s", type(error).__name__, error)
        return refused(error)

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        if isinstance(error.body, bytes):  # what came is not even read, so what is wrong in it is not known
            return refused(e.BadInput("the body is not marked as JSON", mend="Send `Content-Type: application/json`."))
        faults = [{"where": _where(fault["loc"]), "what": _what(fault)} for fault in error.errors()]
        said = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults[:5])
        return refused(e.BadInput(said, mend="`/api/openapi.json` says what is taken.", faults=faults))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            methods = _methods_at(app, request)
            if not methods:
                return refused(e.NotFound(f"nothing at {request.url.path}", mend=every_path))
            allowed = ", ".join(sorted(methods))
            problem = _bare(405, "This path does not take that method.", "method_not_allowed", f"It takes {allowed}.")
            return _answer(problem, {"Allow": allowed})
        if error.status_code == 404:
            return refused(e.NotFound(f"nothing at {request.url.path}", mend=every_path))
        if isinstance(error.__cause__, e.CugaError):  # what reading the body raised
            return refused(error.__cause__)
        if error.status_code < 500:
            return refused(e.BadInput(str(error.detail)))
        return _answer(_bare(error.status_code, "The server could not answer.", "cuga_error", str(error.detail)))

    async def unexpected(_request: Request, error: Exception) -> Response:
        return _answer(
            _bare(
                500, "Something nobody expected.", "unexpected", f"{type(error).__name__}; the server's log has more."
            )
        )

    app.add_exception_handler(e.CugaError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def _bare(status: int, title: str, code: str, detail: str) -> ProblemDetails:
    return ProblemDetails(type=f"urn:cuga:error:{code}", title=title, status=status, detail=detail, code=code)


def _where(loc: tuple[Any, ...]) -> str:
    return "/".join(str(part) for part in loc)


def _what(fault: dict[str, Any]) -> str:
    return str(fault["msg"]).removeprefix("Value error, ")


def _methods_at(app: FastAPI, request: Request) -> set[str]:
    """All methods that some route takes at this path; a router by itself names only those of the first one."""
    methods: set[str] = set()
    for route in app.router.routes:
        if getattr(route, "path", "") == PAGE and request.url.path.startswith(OURS):
            continue
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= set(getattr(route, "methods", None) or ())
    return methods
