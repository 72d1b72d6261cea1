"""For other houses, of which this one is a witness: C2SP tlog-witness. Whoever asks needs no login.

What counts is a signature of a key that an admin named. What is handed out says how far a journal has come, and nothing
of what is in it.
"""

from __future__ import annotations

from typing import Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from cuga.api.answers import router
from cuga.api.auth import Here
from cuga.api.problems import MEDIA, ProblemDetails, refused
from cuga.api.rates import address_of
from cuga.errors import BadInput, CheckpointForked, CheckpointStale, TooLarge
from cuga.model.schema import REF
from cuga.witness.request import SIZE_MEDIA

witness = router("witness", prefix="/api/witness")
TEXT = "text/plain; charset=utf-8"
_TEXT: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
_PROBLEM: dict[str, Any] = {MEDIA: {"schema": {"$ref": f"{REF}{ProblemDetails.__name__}"}}}
_ADDED: dict[int | str, dict[str, Any]] = {
    200: {"description": "It is kept: the line of a cosignature/v1.", "content": _TEXT},
    409: {
        "description": "Another size is known, which is the answer; or the epoch is over.",
        "content": {SIZE_MEDIA: {"schema": {"type": "string"}}, **_PROBLEM},
    },
}
_SHOWN: dict[int | str, dict[str, Any]] = {200: {"description": "A signed note.", "content": _TEXT}}
_OPEN: dict[str, Any] = {"security": [{}]}  # no login
_BODY = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


@witness.post(
    "/add-checkpoint", response_class=Response, responses=_ADDED, openapi_extra={"requestBody": _BODY, **_OPEN}
)
async def add_checkpoint(doors: Here, request: Request) -> Response:
    """Keep a newer checkpoint of a journal that this house was told of. The body is `old SIZE`, the hashes of the proof
    in base64, an empty line, and the note; 16 KiB at most. 400: it is no such thing, 404: the journal is unknown, 403:
    no trusted key has signed, 409: another size is known, 422: the proof does not hold."""
    doors.rates.take("witness", address_of(request))
    try:
        return Response(await doors.front.cosign(await request.body()), 200, media_type=TEXT)
    except CheckpointStale as error:
        if "size" not in error.facts:
            return refused(error)
        return Response(f"{error.facts['size']}\n", 409, {"Content-Type": SIZE_MEDIA})
    except CheckpointForked as error:
        return refused(error, 409 if error.facts["same_size"] else 422)
    except TooLarge:
        raise
    except BadInput as error:
        return refused(error, 400)


@witness.get("/{origin_hash}/checkpoint", response_class=Response, responses=_SHOWN, openapi_extra=_OPEN)
async def show_checkpoint(
    doors: Here, request: Request, origin_hash: str, epoch: int = Query(default=0, ge=0, le=1 << 62)
) -> Response:
    """The newest checkpoint that was seen of a journal, with the signature of its house and ours. `origin_hash` is the
    SHA-256 of its name in hex; with `epoch` that of a time before it was restored."""
    doors.rates.take("witness", address_of(request))
    return Response(await doors.front.witnessed_note(origin_hash, epoch), 200, media_type=TEXT)
