"""The base of every value: frozen, built by keyword, compared by content, strict about unknown fields.

Inside the house values are `msgspec` structs; the two hooks let pydantic and FastAPI check and describe the same value
at the doors, so that nothing is declared twice. Own fields hold no floats: money and cost are whole micro-units.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec

MICRO = 1_000_000  # micro-units in one unit of cost or money

_encode = msgspec.json.Encoder(order="deterministic").encode
V = TypeVar("V", bound="Value")


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A frozen value of the model."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema

        def check(raw: Any) -> Any:
            if isinstance(raw, cls):
                return raw
            try:
                return msgspec.convert(raw, cls)
            except msgspec.ValidationError as error:
                raise ValueError(str(error)) from error

        return core_schema.no_info_plain_validator_function(
            check, serialization=core_schema.plain_serializer_function_ser_schema(msgspec.to_builtins)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        from cuga.model.schema import schema_of

        return schema_of(cls)


def encode(value: object) -> bytes:
    """The JSON bytes of a value, keys of free-form objects in order: the form that is stored and hashed."""
    return _encode(value)


def digest(value: object) -> str:
    """The SHA-256 of a value's JSON bytes, as 64 hex digits."""
    return digest_bytes(value if isinstance(value, bytes) else _encode(value))


def digest_bytes(body: bytes) -> str:
    """The SHA-256 of bytes, as 64 hex digits."""
    return hashlib.sha256(body).hexdigest()


def micros(units: float) -> int:
    """Whole micro-units of a number of units, as a person writes it (0.5 -> 500000)."""
    return round(units * MICRO)


def units(amount: int) -> float:
    """Micro-units as units, for showing to a person."""
    return amount / MICRO
