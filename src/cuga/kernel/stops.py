"""What a tool's contract refuses to do, seen from the arguments of a call before anybody is asked about it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from cuga.kernel.references import Unresolved, pointed
from cuga.model.tool import Stop, ToolContract
from cuga.policy.addresses import names_of
from cuga.policy.condition import ConditionError, holds

MOST = 300  # characters of an argument that stand in a reason
LONGEST = 320  # characters of an address
LISTED = "suppressed"  # what conditions know the list by
_PLACE = re.compile(r"\{(/[^{}]*)\}")


def stop_of(contract: ToolContract, arguments: msgspec.Raw, suppressed: Mapping[str, str]) -> Stop | None:
    """The first stop of a contract that holds for a call, its words filled; None: nothing is seen that stops it.

    One that cannot be told from these arguments stops nothing: the tool itself looks when it is called. Conditions may
    ask whether an address is in `suppressed`, which holds those of the call that must not be written to.
    """
    given = msgspec.json.decode(arguments)
    if not isinstance(given, dict):
        return None
    bound = dict.fromkeys((slot.name for slot in contract.slots), None) | given
    if any(LISTED in stop.when for stop in contract.stops):
        bound[LISTED] = {
            text: suppressed[name] for text in _texts(given) for name in names_of(text) if name in suppressed
        }
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


def _texts(value: Any) -> Iterator[str]:
    """Every text in the arguments that can be an address."""
    if isinstance(value, str):
        if "@" in value and len(value) <= LONGEST and not any(map(str.isspace, value)):
            yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _filled(words: str, given: dict[str, Any], as_word: Callable[[str], str] = str) -> str:
    def value(found: re.Match[str]) -> str:
        try:
            return as_word(" ".join(str(pointed(given, found[1])).split())[:MOST])
        except Unresolved:
            return "?"

    return _PLACE.sub(value, words)
