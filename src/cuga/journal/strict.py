"""JSON that came from outside, read strictly: what two readers could understand differently is refused.

Duplicate keys, NaN, integers that not every reader keeps exact, lone surrogates, depth and size: each refusal says
what it is, where, and how to mend it.
"""

from __future__ import annotations

import json
import math
from typing import Any

from cuga.errors import BadInput
from cuga.journal.envelope import MAX_DEPTH, MAX_INTEGER

MAX_BODY = 1 << 20  # bytes, as of an HTTP body


def parse_strict(body: bytes | str, *, limit: int = MAX_BODY, depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text of at most `limit` bytes and `depth` levels; `BadInput` otherwise."""
    if len(body) > limit:
        raise BadInput(f"the JSON has {len(body)} bytes", mend=f"Send at most {limit}.")
    try:
        text = body if isinstance(body, str) else body.decode()
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
        )
    except UnicodeDecodeError as error:
        raise BadInput(f"byte {error.start} is not UTF-8", mend="Send UTF-8 text.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadInput(f"it is not JSON at {where}: {error.msg}", mend=f"Mend the text at {where}.") from error
    except RecursionError as error:
        raise _too_deep(depth, "its arrays") from error
    _check(value, "", depth)
    return value


def _check(value: Any, where: str, depth: int) -> None:
    if isinstance(value, str):
        if not value.isascii():
            _check_text(value, where)
        return
    if not isinstance(value, (dict, list)):
        return
    if depth <= 0:
        raise _too_deep(where.count("/"), where)
    if isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, where)
            _check(item, f"{where}/{key}", depth - 1)
    else:
        for place, item in enumerate(value):
            _check(item, f"{where}/{place}", depth - 1)


def _check_text(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        mend = "Send both halves of the character, or neither."
        raise BadInput(f"half a character (a lone surrogate) at {where or '/'}", mend=mend) from error


def _too_deep(levels: int, where: str) -> BadInput:
    return BadInput(f"more than {levels} levels deep at {where}", mend="Send a flatter value.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"the key {twice!a} is there twice in one object", mend="Keep one of them.")
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise BadInput(f"the integer {text[:40]} is beyond 2^53", mend="Send it as text.")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BadInput(f"the number {text[:40]} is too large", mend="Send it as text.")
    return value


def _constant(name: str) -> float:
    raise BadInput(f"{name} is not a JSON number", mend="Leave the field out, or send null.")
