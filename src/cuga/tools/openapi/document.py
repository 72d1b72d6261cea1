"""An OpenAPI document of version 3.0 or 3.1, read into operations and contracts.

What cannot be called (files, cookies, references to elsewhere) is left out, with the reason; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cuga.errors import BadInput, ToolInvalid
from cuga.model.tool import KEY_WINDOW_S, Repeatable, SideEffect, ToolContract
from cuga.model.tool import Slot as ContractSlot
from cuga.model.value import digest_bytes, encode
from cuga.policy.outside import OpenApiDocument, Said
from cuga.tools.openapi.operation import FORM, JSON, KEY_HEADER, Operation, Parameter
from cuga.tools.openapi.schemas import Schemas

MAX_BYTES = 64 * 1024 * 1024  # of a document; as YAML a quarter of it
MOST_VALUES = 2_000_000  # of a YAML document with its aliases written out; MAX_BYTES would let billions through
MAX_NAME = 64  # characters of an operation's name
BEARER = "bearer"  # the name of a secret for a document that names no scheme
_READS = ("get", "head", "options")
_METHODS = (*_READS, "post", "put", "patch", "delete")
_REPLACES = ("put", "delete")
_WORD = re.compile(r"[^a-z0-9]+")
_OURS = ("accept", "content-type", "authorization", KEY_HEADER)


@dataclass(frozen=True)
class Document:
    """What a document offers. `left_out` says of the rest why."""

    base: str  # the address that paths are put behind
    schemes: dict[str, dict[str, Any]]
    operations: dict[str, Operation]
    contracts: dict[str, ToolContract]
    left_out: dict[str, str] = field(default_factory=dict)


def read_document(body: bytes, said: OpenApiDocument) -> Document:
    """Read a document as the registry declares it. `BadInput` for one that is none, or that says not where to ask."""
    root = _parsed(body)
    version = str(root.get("openapi", ""))
    if not version.startswith(("3.0", "3.1")):
        found = f"version {version!r}" if version else "no `openapi: 3.x`"
        raise BadInput(f"{said.document}: {found}; documents of OpenAPI 3.0 and 3.1 are read")
    return _Reading(root, said, digest_bytes(body)).read()


def _parsed(body: bytes) -> dict[str, Any]:
    is_json = body.lstrip()[:1] == b"{"
    most = MAX_BYTES if is_json else MAX_BYTES // 4
    if len(body) > most:
        raise BadInput(f"the document has {len(body):,} bytes; at most {most:,} are read")
    try:
        root = msgspec.json.decode(body) if is_json else _from_yaml(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadInput(f"the document cannot be read: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(root, dict):
        raise BadInput("the document is no mapping")
    return root


def _from_yaml(body: bytes) -> Any:
    import yaml

    class Plain(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Dates stay texts, as they are in JSON."""

    Plain.yaml_implicit_resolvers = {
        letter: [(tag, form) for tag, form in found if tag != "tag:yaml.org,2002:timestamp"]
        for letter, found in Plain.yaml_implicit_resolvers.items()
    }
    try:
        root = yaml.load(body, Loader=Plain)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if _written_out(root, {}) > MOST_VALUES:
        raise ValueError(f"written out, with what its aliases stand for, it has more than {MOST_VALUES:,} values")
    return root


def _written_out(value: Any, known: dict[int, int]) -> int:
    """How many values there are when each alias is written out; one that stands for itself has no end."""
    if not isinstance(value, dict | list):
        return 1
    if (count := known.get(id(value))) is None:
        known[id(value)] = MOST_VALUES + 1  # what is met while it is being counted stands inside itself
        inner = value.values() if isinstance(value, dict) else value
        count = known[id(value)] = 1 + sum(_written_out(one, known) for one in inner)
    return count


class _Reading:
    def __init__(self, root: dict[str, Any], said: OpenApiDocument, own: str) -> None:
        self._root = root
        self._said = said
        self._own = own
        self._components = _mapping(root.get("components"))
        self._schemas = Schemas(_mapping(self._components.get("schemas")))
        self._schemes = {
            name: scheme
            for name, one in _mapping(self._components.get("securitySchemes")).items()
            if (scheme := _mapping(self._met(one)))
        }

    def read(self) -> Document:
        base = self._base()
        operations: dict[str, Operation] = {}
        contracts: dict[str, ToolContract] = {}
        left_out: dict[str, str] = {}
        self._check_secrets()
        used: set[str] = set()
        for method, path, shared, said in self._entries():
            known_as = str(said.get("operationId") or f"{method} {path}")
            tags = [tag for tag in said.get("tags") or () if isinstance(tag, str)]
            name = self._name(known_as, operations, f"{method} {path}")
            if self._said.only and not {known_as, name, *tags} & {*self._said.only}:
                continue
            used |= {known_as, name}
            try:
                operations[name], contracts[name] = self._operation(name, known_as, method, path, shared, said, base)
            except ToolInvalid as error:
                left_out[known_as] = error.detail
        if missing := sorted(set(self._said.operations) - used):
            raise BadInput(f"{self._said.document}: there is no operation {missing[0]!r} that the registry speaks of")
        return Document(base, self._schemes, operations, contracts, left_out)

    def _base(self) -> str:
        if self._said.url:
            return self._said.url.rstrip("/")
        servers = self._root.get("servers") or []
        first = _mapping(servers[0]) if isinstance(servers, list) and servers else {}
        url = str(first.get("url", ""))
        for name, variable in _mapping(first.get("variables")).items():
            url = url.replace("{" + name + "}", str(_mapping(variable).get("default", "")))
        if urlsplit(url).scheme not in ("https", "http") or "{" in url:
            said = f"{self._said.document} does not say where to ask"
            raise BadInput(said, mend=f"Say `url: https://...` under openapi.{self._said.name} in the registry.")
        return url.rstrip("/")

    def _check_secrets(self) -> None:
        known = {*self._schemes} or {BEARER}
        if unknown := sorted(set(self._said.secrets) - known):
            said = f"{self._said.document} has no security scheme {unknown[0]!r}; it has {', '.join(sorted(known))}"
            raise BadInput(said)

    def _entries(self) -> Iterator[tuple[str, str, list[Any], dict[str, Any]]]:
        for path, item in _mapping(self._root.get("paths")).items():
            item = _mapping(item)
            shared = item.get("parameters") or []
            for method in _METHODS:
                if isinstance(said := item.get(method), dict) and path.startswith("/"):
                    yield method, path, shared if isinstance(shared, list) else [], said

    def _name(self, known_as: str, taken: dict[str, Operation], place: str) -> str:
        name = _WORD.sub("_", known_as.lower()).strip("_")[:MAX_NAME] or "operation"
        if name in taken:
            mark = digest_bytes(place.encode())[:6]
            name = f"{name[: MAX_NAME - 7]}_{mark}"
        return name

    def _operation(
        self, name: str, known_as: str, method: str, path: str, shared: list[Any], said: dict[str, Any], base: str
    ) -> tuple[Operation, ToolContract]:
        properties: dict[str, Any] = {}
        required: list[str] = []
        named: set[str] = set()
        parameters, takes_key = [], False
        for one in self._parameters(shared, said):
            if one["in"] == "header" and one["name"].lower() in _OURS:
                takes_key = takes_key or one["name"].lower() == KEY_HEADER
                continue
            if one["in"] not in ("path", "query", "header"):
                if one.get("required"):
                    raise ToolInvalid(f"it needs {one['name']!r} in a {one['in']}, which is not sent from here")
                continue
            argument = one["name"] if one["name"] not in (*properties, "body") else f"{one['in']}_{one['name']}"
            schema, further = self._schemas.turned(one.get("schema") or {})
            named |= further
            properties[argument] = _described(schema, one.get("description"))
            if one.get("required") or one["in"] == "path":
                required.append(argument)
            style = str(one.get("style", "form"))
            parameters.append(
                Parameter(
                    argument=argument,
                    name=one["name"],
                    place=one["in"],
                    style=style,
                    explode=bool(one.get("explode", style == "form" or style == "deepObject")),
                )
            )
        body = ""
        if (asked := _mapping(self._met(said.get("requestBody")))) and method not in ("get", "head"):
            body, schema = self._body(asked)
            if body:
                turned, further = self._schemas.turned(schema)
                named |= further
                properties["body"] = turned
                if asked.get("required"):
                    required.append("body")
        operation = Operation(
            name=name,
            method=method.upper(),
            path=path,
            parameters=tuple(parameters),
            body=body,
            security=self._security(said),
            takes_key=takes_key,
        )
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
        if required:
            schema["required"] = required
        if named:
            schema["$defs"] = self._schemas.parts(named)
        return operation, self._contract(operation, known_as, said, schema, base)

    def _contract(
        self, operation: Operation, known_as: str, said: dict[str, Any], schema: dict[str, Any], base: str
    ) -> ToolContract:
        whole = self._said
        own = whole.operations.get(known_as) or whole.operations.get(operation.name) or Said()
        method = operation.method.lower()
        guessed = SideEffect.READ_ONLY if method in _READS else SideEffect.EXECUTE
        side_effect = own.side_effect or guessed
        is_known = own.idempotent if own.idempotent is not None else operation.takes_key
        is_keyed = is_known and side_effect is not SideEffect.READ_ONLY
        properties: dict[str, Any] = schema["properties"]
        return ToolContract(
            name=f"{whole.name}/{operation.name}",
            domain=whole.domain,
            side_effect=side_effect,
            purpose=_line(said.get("summary") or said.get("description") or f"{operation.method} {operation.path}"),
            cost=whole.cost if own.cost is None else own.cost,
            version=f"openapi:{digest_bytes(encode([base, operation, schema]))}",
            module=whole.capability,
            input_schema=msgspec.Raw(encode(schema)),
            slots=tuple(ContractSlot(name=name, required=name in schema.get("required", ())) for name in properties),
            repeatable=Repeatable.KEY if is_keyed else Repeatable.NONE,
            key_window_s=KEY_WINDOW_S if is_keyed else 0,
            uses=(whole.capability,),
            timeout_s=whole.timeout_s if own.timeout_s is None else own.timeout_s,
            guardrails=(f"{operation.method} {base}{operation.path}",),
            destroys=side_effect is SideEffect.EXECUTE and method in _REPLACES,
        )

    def _parameters(self, shared: list[Any], said: dict[str, Any]) -> list[dict[str, Any]]:
        """The parameters of an operation: its own replace those of its path."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        own = said.get("parameters") or []
        for one in [*shared, *(own if isinstance(own, list) else [])]:
            parameter = _mapping(self._met(one))
            name, place = parameter.get("name"), parameter.get("in")
            if not isinstance(name, str) or not isinstance(place, str):
                raise ToolInvalid("one of its parameters has no name or no place")
            found[(name, place)] = parameter
        return list(found.values())

    def _body(self, asked: dict[str, Any]) -> tuple[str, Any]:
        content = _mapping(asked.get("content"))
        kinds = {kind.partition(";")[0].strip().lower(): said for kind, said in content.items()}
        for kind in (JSON, *(one for one in kinds if one.endswith("+json")), FORM):
            if kind in kinds:
                return kind, _mapping(kinds[kind]).get("schema") or {}
        if "*/*" in kinds:
            return JSON, _mapping(kinds["*/*"]).get("schema") or {}
        if asked.get("required"):
            raise ToolInvalid(
                f"its body is {', '.join(sorted(kinds)) or 'of no kind'}; JSON and forms are sent from here"
            )
        return "", {}

    def _security(self, said: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
        asked = said.get("security", self._root.get("security"))
        if not isinstance(asked, list):
            return ((BEARER,),) if BEARER in self._said.secrets and not self._schemes else ()
        return tuple(tuple(one) for one in asked if isinstance(one, dict))

    def _met(self, value: Any, depth: int = 0) -> Any:
        """What a reference inside the document leads to."""
        reference = value.get("$ref") if isinstance(value, dict) else None
        if not isinstance(reference, str):
            return value
        if not reference.startswith("#/") or depth > 8:
            raise ToolInvalid(f"it refers to {reference[:80]!r}; only what stands in the document is read")
        found: Any = self._root
        for token in reference[2:].split("/"):
            token = token.replace("~1", "/").replace("~0", "~")
            found = found.get(token) if isinstance(found, dict) else None
        return self._met(found, depth + 1)


def _described(schema: Any, words: Any) -> Any:
    if isinstance(schema, dict) and words and "description" not in schema and "$ref" not in schema:
        return {**schema, "description": _line(words)}
    return schema


def _line(words: Any) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in str(words))
    return " ".join(plain.split())[:400]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
