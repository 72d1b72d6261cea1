"""What is wrong with a list as it is proposed: where its items come from, which of them are meant, what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from cuga.kernel.lists import MAX_CALLS
from cuga.kernel.references import Unresolved, filled
from cuga.model.plan import ITEM, REFERENCE, ForEach, Reference
from cuga.model.value import encode
from cuga.planning.inputs import Rewriter, bad_pointer
from cuga.planning.schema import Arguments

SHOWN = 3  # items of which all faults are named; the others are alike


def list_faults(each: ForEach) -> Iterator[str]:
    """What is wrong with it, apart from its condition and the step that it is over."""
    if (each.over is None) is (not each.items):
        yield "for_each takes either `over`, an earlier step's list, or `items`, and one of them is needed"
    if each.over is not None and (fault := bad_pointer(each.over.path)):
        yield f"for_each is over {fault}"
    if each.by is not None and (fault := bad_pointer(each.by)):
        yield f"for_each is ordered by {fault}"
    if each.first is not None and not 1 <= each.first <= MAX_CALLS:
        yield f"for_each takes the first {each.first}; 1 to {MAX_CALLS} is possible"
    if each.over is None and each.first is None and len(each.items) > MAX_CALLS:
        yield f"for_each has {len(each.items):,} items; {MAX_CALLS} calls of one list are the most"
    _, referred, faults = Rewriter(lambda name: name).rewritten({"items": list(each.items)})
    yield from (f"for_each: {fault}" for fault in faults)
    if referred:
        yield "for_each: items that are written out hold no references; give `over` instead"


def item_faults(body: msgspec.Raw, each: ForEach, arguments: Arguments) -> Iterator[str]:
    """What is wrong with the arguments that the items of a written-out list lead to."""

    def left_open(reference: Reference) -> Any:
        return {REFERENCE: msgspec.to_builtins(reference)}

    found = 0
    for place, item in enumerate(each.items):
        try:
            value = msgspec.json.decode(filled(body, left_open, msgspec.json.decode(encode(item))))
        except Unresolved as problem:
            faults = [f"{ITEM}: {problem}"]
        else:
            faults = arguments.faults(value)
        yield from (f"item {place}: {fault}" for fault in faults)
        found += bool(faults)
        if found == SHOWN:
            return
