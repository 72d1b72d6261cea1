"""The OpenAPI document: the shapes of all values by name, so that a stranger can generate a client from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

import cuga
from cuga.api.problems import ProblemDetails
from cuga.model.schema import REF, components_of
from cuga.model.value import Value

ABOUT = """Agent work that a company can sign for, over HTTP.

Browsers come in with a session cookie and send `Origin`; programs send `Authorization: Bearer cuga_...`.
Money and cost are in micro-units, times are UTC. Lists are pages: pass `next` as `cursor`.
Errors are problem details (RFC 9457) with a `code`.
"""


def describe(app: FastAPI) -> dict[str, Any]:
    """The document of an app."""
    document = get_openapi(
        title="cuga", version=cuga.__version__, openapi_version="3.1.0", description=ABOUT, routes=app.routes
    )
    components = components_of(dict.fromkeys((ProblemDetails, *_values(app))))
    by_content = {_mark(schema): name for name, schema in components.items() if schema.get("properties")}
    document["paths"] = _refer(document["paths"], by_content)
    forms = _refer(document.get("components", {}).get("schemas", {}), by_content)  # of files that come in
    document.setdefault("components", {})["schemas"] = dict(sorted({**forms, **components}.items()))
    document["components"]["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "cuga_session"},
        "key": {"type": "http", "scheme": "bearer", "bearerFormat": "cuga_..."},
    }
    document["security"] = [{"session": []}, {"key": []}]
    return document


def _values(app: FastAPI) -> Iterator[type[Value]]:
    """Every value that a route takes or gives."""
    for route in app.routes:
        if not isinstance(route, APIRoute):
            continue
        fields = [*route.dependant.body_params]
        if route.response_field is not None:
            fields.append(route.response_field)
        fields += route.response_fields.values()
        for field in fields:
            kind = field.field_info.annotation
            if isinstance(kind, type) and issubclass(kind, Value):
                yield kind


def _mark(schema: dict[str, Any]) -> str:
    return json.dumps([schema.get("properties"), schema.get("required")], sort_keys=True)


def _refer(part: Any, by_content: dict[str, str]) -> Any:
    """A part of the document in which shapes that have a name are referred to by it."""
    if isinstance(part, list):
        return [_refer(one, by_content) for one in part]
    if not isinstance(part, dict):
        return part
    if "properties" in part and (name := by_content.get(_mark(part))) is not None:
        return {"$ref": REF + name}
    return {key: _refer(value, by_content) for key, value in part.items()}
