"""What a tool's contract refuses to do, seen from the arguments of a call before anybody is asked about it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

import msgspec

from cuga.kernel.references import Unresolved, pointed
from cuga.model.tool import Stop, ToolContract
from cuga.policy.condition import ConditionError, holds

MOST = 300  # characters of an argument that stand in a reason
_PLACE = re.compile(r"\{(/[^{}]*)\}")


def stop_of(contract: ToolContract, arguments: msgspec.Raw) -> Stop | None:
    """The first stop of a contract that holds for a call, its words filled; None: nothing is seen that stops it.

    One that cannot be told from these arguments stops nothing: the tool itself looks when it is called.
    """
    given = msgspec.json.decode(arguments)
    if not isinstance(given, dict):
        return None
    bound = dict.fromkeys((slot.name for slot in contract.slots), None) | given
    for stop in contract.stops:
        try:
            if holds(stop.when, bound):
                return Stop(
                    rule=stop.rule,
                    when=stop.when,
                    reason=_filled(stop.reason, given),
                    mend=_filled(stop.mend, given, shlex.quote),
                )
        except ConditionError:
            continue
    return None


def _filled(words: str, given: dict[str, Any], as_word: Callable[[str], str] = str) -> str:
    def value(found: re.Match[str]) -> str:
        try:
            return as_word(" ".join(str(pointed(given, found[1])).split())[:MOST])
        except Unresolved:
            return "?"

    return _PLACE.sub(value, words)
