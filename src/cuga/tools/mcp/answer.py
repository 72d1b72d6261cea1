"""What a server answered to a call, as a JSON value for the record; or what its answer means when it is none.

An error that a tool reports says that something went wrong, not that nothing happened: of a call with an effect it is
unknown. A server that asks for something instead of answering gets nothing, and its call is as open.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from cuga.errors import ToolInvalid, Unanswered
from cuga.model.value import digest_bytes
from cuga.tools.mcp.definition import Definition
from cuga.tools.schemas import compiled

MAX_WORDS = 500  # characters of an error that are kept


def value_of(raw: dict[str, Any], server: str, definition: Definition) -> Any:
    """The result of a call. `Unanswered` for an error, a question back, and what breaks the tool's own promise."""
    name = f"{server}/{definition.name}"
    kind = raw.get("resultType", "complete")
    if kind == "input_required":
        raise Unanswered(f"{name} asks for more input, which nobody here gives it", mode="agent_contract")
    if kind != "complete":
        raise Unanswered(f"{name} answered with {str(kind)[:40]!r}, which was not offered", mode="agent_contract")
    content = raw.get("content") or []
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise Unanswered(f"{name} answered with what is no content", mode="agent_contract")
    if raw.get("isError"):
        said = " ".join(_texts(content)).strip()[:MAX_WORDS]
        raise Unanswered(f"{name} reports an error: {said or 'without words'}", mode="agent_logic")
    structured = raw.get("structuredContent")
    if (schema := definition.fields.get("outputSchema")) is not None and structured is not None:
        _must_fit(name, schema, structured)
    if structured is not None:
        return structured
    if content and all(part.get("type") == "text" for part in content):
        return _read(" ".join(_texts(content)) if len(content) > 1 else _texts(content)[0])
    return {"content": [_part(part) for part in content]}


def _must_fit(name: str, schema: Any, structured: Any) -> None:
    try:
        problem = next(compiled(schema).iter_errors(structured), None)
    except ToolInvalid as error:
        raise Unanswered(f"{name}: {error.detail}", mode="agent_contract") from error
    if problem is not None:
        said = problem.message[:200]
        raise Unanswered(f"{name} answered with what its own schema does not allow: {said}", mode="agent_contract")


def _texts(content: list[dict[str, Any]]) -> list[str]:
    return [str(part.get("text", "")) for part in content if part.get("type") == "text"]


def _read(text: str) -> dict[str, Any]:
    """Text, and its value where it is a JSON object or list, as servers wrote before there was structured content."""
    if text[:1] in ("{", "["):
        try:
            return {"text": text, "json": msgspec.json.decode(text)}
        except (msgspec.DecodeError, RecursionError):
            pass
    return {"text": text}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    """A piece of content; bytes are told by their size and digest, and are not kept."""
    found = {key: value for key, value in part.items() if key not in ("data", "blob", "_meta", "annotations")}
    if isinstance(part.get("resource"), dict):
        found["resource"] = _part(part["resource"])
    for key in ("data", "blob"):
        if isinstance(part.get(key), str):
            try:
                body = base64.b64decode(part[key], validate=True)
            except (binascii.Error, ValueError):
                body = part[key].encode("utf-8", "replace")
            found |= {"size": len(body), "sha256": digest_bytes(body)}
    return found
