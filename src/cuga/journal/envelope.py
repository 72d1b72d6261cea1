"""Whatever a tool answered, as JSON bytes: total, so that nothing can fail after an effect.

What JSON or a later reader could not carry is replaced by an object with one tagged key, and the note says so:
    {"$int": "9007199254740993"}  an integer beyond 2^53 (hex beyond 4000 digits)      {"$float": "nan"}  not a number
    {"$text": "a\\ud800"}  text with a lone surrogate, escaped        {"$bytes": "AAE="}  base64      {"$set": [1, 2]}
    {"$map": [[1, "a"]]}  keys that are not text, or one key that is one of these tags
    {"$cycle": true}  a value inside itself       {"$deep": "list"}  deeper than 32 levels
    {"$object": "module.Class", "text": "..."}  anything else        {"$too_large": {"size": ..., "sha256": ...}}
Nobody turns them back into values: they are for readers, hashes and people.
"""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

import msgspec

from cuga.journal.port import MAX_BLOB
from cuga.model.value import digest_bytes
from cuga.redact import Redactor, are_plain_names

MAX_DEPTH = 32
MAX_NODES = 2_000_000  # values in a result; a small object can describe far more of them than memory has room for
MAX_FLAT = 64  # fields of an object that is known by their names
MAX_INTEGER = 2**53 - 1  # the largest that every JSON reader keeps exact
TAGS = frozenset({"$int", "$float", "$text", "$bytes", "$set", "$map", "$cycle", "$deep", "$object", "$too_large"})

NO_SECRETS = Redactor()
_encode = msgspec.json.Encoder().encode
_PLAIN_TEXT = (date, time, timedelta, Decimal, UUID)  # msgspec writes them as the text a person would
_HEX_BITS = 13_000  # about 3900 digits: Python refuses to print more than 4300


class _TooMany(Exception):
    """The result describes more values than are kept."""


def encode_result(value: object, redactor: Redactor = NO_SECRETS) -> tuple[bytes, str]:
    """The JSON bytes of anything at all, and a note on what had to be replaced (empty: nothing).

    The bytes are valid JSON of at most 10 MiB; what is larger is described by size and SHA-256. Secrets are cut before
    that is measured, for cutting can make bytes more. Never raises, and does not run an iterator: what it would give is
    not known to end.
    """
    walk = None
    try:
        walk = None if _is_flat(value) else _Walk()
        body = redactor.scrub_values(_encode(value)) if walk is None else redactor.scrub(_encode(walk.clean(value, 0)))
    except _TooMany:
        body = _encode({"$too_large": {"values": f"more than {MAX_NODES}"}})
        return body, f"too large to keep: more than {MAX_NODES} values"
    except Exception as error:
        return _encode({"$object": _kind(value), "text": ""}), f"could not be read: {type(error).__name__}"
    if len(body) > MAX_BLOB:
        note = f"too large to keep: {len(body)} bytes"
        return _encode({"$too_large": {"size": len(body), "sha256": digest_bytes(body)}}), note
    return body, f"replaced: {', '.join(sorted(walk.replaced))}" if walk is not None and walk.replaced else ""


def _is_flat(value: object) -> bool:
    """Whether it is an object of few plain fields, none of a secret, as most results are: JSON carries it as it is."""
    if type(value) is not dict or not 1 < len(value) <= MAX_FLAT or not are_plain_names(tuple(value)):
        return False
    for item in value.values():
        kind = type(item)
        if kind is str:
            if not item.isascii():
                return False
        elif kind is int:
            if not -MAX_INTEGER <= item <= MAX_INTEGER:
                return False
        elif kind is not bool and item is not None:
            return False
    return True


def _kind(value: object) -> str:
    kind = type(value)
    return escaped(f"{kind.__module__}.{kind.__qualname__}")


class _Walk:
    """One walk over a result. Values that JSON carries as they are go through untouched."""

    def __init__(self) -> None:
        self.replaced: set[str] = set()
        self._nodes = 0
        self._above: set[int] = set()  # containers that the walk is inside of

    def clean(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return value if value.isascii() else self._text(value)
        if kind is bool or value is None:
            return value
        if kind is int:
            return value if -MAX_INTEGER <= value <= MAX_INTEGER else self._tag("$int", _digits(value))
        if kind is float:
            return value if math.isfinite(value) else self._tag("$float", str(value))
        return self._container(value, depth)

    def _container(self, value: Any, depth: int) -> Any:
        if id(value) in self._above:
            return self._tag("$cycle", True)
        if depth > MAX_DEPTH:
            return self._tag("$deep", _kind(value).removeprefix("builtins."))
        self._above.add(id(value))
        try:
            return self._by_shape(value, depth)
        except _TooMany:
            raise
        except Exception:
            return self._object(value)
        finally:
            self._above.discard(id(value))

    def _by_shape(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return self._mapping(value, depth)
        if isinstance(value, (list, tuple)):
            return self._items(value, depth)
        if isinstance(value, Enum):
            return self.clean(value.value, depth + 1)
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, int):
            return self.clean(int.__index__(value), depth)
        if isinstance(value, float):
            return self.clean(float.__float__(value), depth)
        if isinstance(value, _PLAIN_TEXT):
            return self._text(msgspec.to_builtins(value))
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._tag("$bytes", base64.b64encode(value).decode())
        if isinstance(value, AbstractSet):
            return self._tag("$set", sorted(self._items(value, depth), key=_encode))
        if isinstance(value, Mapping):
            return self._mapping(dict(value), depth)
        return self._record(value, depth)

    def _record(self, value: Any, depth: int) -> Any:
        """An object with named fields, or else its name and text."""
        if isinstance(value, PurePath):
            return self._text(str(value))
        if isinstance(value, msgspec.Raw):
            return self.clean(msgspec.json.decode(value), depth)
        if isinstance(value, msgspec.Struct):
            return self._struct(value, depth)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._mapping({one.name: getattr(value, one.name) for one in dataclasses.fields(value)}, depth)
        if not isinstance(value, type) and callable(dump := getattr(value, "model_dump", None)):
            return self.clean(dump(), depth + 1)  # pydantic
        return self._object(value)

    def _struct(self, value: msgspec.Struct, depth: int) -> Any:
        config = value.__struct_config__
        names = value.__struct_fields__
        fields = {shown: getattr(value, names[nth]) for nth, shown in enumerate(value.__struct_encode_fields__)}
        tag = {} if config.tag is None or config.tag_field is None else {config.tag_field: config.tag}
        return self._mapping(tag | fields, depth)

    def _mapping(self, value: dict[Any, Any], depth: int) -> Any:
        self._count(len(value))
        plain = all(type(key) is str and (key.isascii() or _is_utf8(key)) for key in value)
        if not plain or (len(value) == 1 and next(iter(value)) in TAGS):
            pairs = [[self.clean(key, depth + 1), self.clean(item, depth + 1)] for key, item in value.items()]
            return self._tag("$map", pairs)
        return {key: self.clean(item, depth + 1) for key, item in value.items()}

    def _items(self, value: Iterable[Any], depth: int) -> list[Any]:
        items = list(value)
        self._count(len(items))
        return [self.clean(item, depth + 1) for item in items]

    def _count(self, more: int) -> None:
        self._nodes += more
        if self._nodes > MAX_NODES:
            raise _TooMany

    def _text(self, value: str) -> Any:
        return value if _is_utf8(value) else self._tag("$text", escaped(value))

    def _object(self, value: Any) -> Any:
        try:
            text = escaped(repr(value)[:200])
        except Exception:
            text = ""
        self.replaced.add("$object")
        return {"$object": _kind(value), "text": text}

    def _tag(self, tag: str, value: Any) -> dict[str, Any]:
        self.replaced.add(tag)
        return {tag: value}


def escaped(text: str) -> str:
    """The same text with what UTF-8 cannot carry, half a character, written as its escape."""
    return text.encode(errors="backslashreplace").decode()


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _digits(number: int) -> str:
    return str(number) if number.bit_length() < _HEX_BITS else hex(number)
