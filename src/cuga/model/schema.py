"""JSON Schemas of values, for doors that describe what they take and give (draft 2020-12, as OpenAPI 3.1 has it).

A schema says what the JSON of a value looks like as it is encoded here: fields that are left out when they hold their
default are not required.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect as mi

REF = "#/components/schemas/"
_FORMATS: dict[type[Any], str] = {
    mi.DateTimeType: "date-time",
    mi.DateType: "date",
    mi.TimeType: "time",
    mi.UUIDType: "uuid",
    mi.DecimalType: "decimal",
    mi.BytesType: "byte",
}
_PLAIN: dict[type[Any], str] = {mi.NoneType: "null", mi.BoolType: "boolean", mi.StrType: "string"}
_NUMBERS: dict[type[Any], str] = {mi.IntType: "integer", mi.FloatType: "number"}
_LISTS = (mi.ListType, mi.VarTupleType, mi.SetType, mi.FrozenSetType, mi.CollectionType)
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_SIZES = {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"}


def components_of(types: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """The schemas of these types and of everything inside them, by class name, each referring to others by `REF`.

    `ValueError` for two classes of one name: a reader could not tell them apart.
    """
    found: dict[str, dict[str, Any]] = {}
    classes: dict[str, type[Any]] = {}
    for info in mi.multi_type_info(tuple(types)):
        _schema(info, found, classes)
    return found


def schema_of(kind: Any) -> dict[str, Any]:
    """The schema of one type, which may refer to others by `REF`."""
    found: dict[str, dict[str, Any]] = {}
    schema = _schema(mi.type_info(kind), found, {})
    name = schema.get("$ref", "").removeprefix(REF)
    return found.get(name, schema)


def _schema(info: mi.Type, found: dict[str, dict[str, Any]], classes: dict[str, type[Any]]) -> dict[str, Any]:
    kind = type(info)
    if isinstance(info, mi.Metadata):
        return {**_schema(info.type, found, classes), **(info.extra_json_schema or {})}
    if isinstance(info, (mi.StructType, mi.EnumType)):
        return _named(info, found, classes)
    if isinstance(info, _LISTS):
        return {"type": "array", "items": _schema(info.item_type, found, classes)}
    if isinstance(info, mi.TupleType):
        items = [_schema(item, found, classes) for item in info.item_types]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items), "items": False}
    if isinstance(info, mi.DictType):
        return {"type": "object", "additionalProperties": _schema(info.value_type, found, classes)}
    if isinstance(info, mi.UnionType):
        return {"anyOf": [_schema(one, found, classes) for one in info.types]}
    if isinstance(info, mi.LiteralType):
        return {"enum": sorted(info.values, key=str)}
    if kind in _NUMBERS:
        bounds = {name: getattr(info, mark) for mark, name in _BOUNDS.items() if getattr(info, mark) is not None}
        return {"type": _NUMBERS[kind], **bounds}
    if isinstance(info, mi.StrType):
        return {
            "type": "string",
            **{name: getattr(info, mark) for mark, name in _SIZES.items() if getattr(info, mark) is not None},
        }
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if kind in _FORMATS:
        return {"type": "string", "format": _FORMATS[kind]}
    return {}  # any JSON value: `Any`, and bytes that were encoded before


def _named(
    info: mi.StructType | mi.EnumType, found: dict[str, dict[str, Any]], classes: dict[str, type[Any]]
) -> dict[str, Any]:
    name = info.cls.__name__
    if name in classes and classes[name] is not info.cls:
        raise ValueError(f"two classes are called {name}: {classes[name].__module__} and {info.cls.__module__}")
    if name not in classes:
        classes[name] = info.cls
        found[name] = {}  # a value may hold values of its own kind
        found[name] |= _enum(info) if isinstance(info, mi.EnumType) else _struct(info, found, classes)
    return {"$ref": REF + name}


def _enum(info: mi.EnumType) -> dict[str, Any]:
    return {"title": info.cls.__name__, "enum": [one.value for one in info.cls]} | _described(info.cls)


def _struct(info: mi.StructType, found: dict[str, dict[str, Any]], classes: dict[str, type[Any]]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    leaves_out = info.cls.__struct_config__.omit_defaults
    if info.tag_field:
        properties[info.tag_field] = {"const": info.tag}
        required.append(info.tag_field)
    for field in info.fields:
        schema = _schema(field.type, found, classes)
        has_default = field.default is not msgspec.NODEFAULT or field.default_factory is not msgspec.NODEFAULT
        if has_default and field.default is not msgspec.NODEFAULT and not isinstance(field.default, msgspec.Raw):
            schema = {**schema, "default": msgspec.to_builtins(field.default, str_keys=True)}
        if field.required or (has_default and not leaves_out):
            required.append(field.encode_name)
        properties[field.encode_name] = schema
    made: dict[str, Any] = {"title": info.cls.__name__, "type": "object", "properties": properties}
    if required:
        made["required"] = required
    if info.forbid_unknown_fields:
        made["additionalProperties"] = False
    return made | _described(info.cls)


def _described(cls: type[Any]) -> dict[str, Any]:
    said = " ".join((cls.__doc__ or "").split())
    return {"description": said} if said and not said.startswith(f"{cls.__name__}(") else {}
