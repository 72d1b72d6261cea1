"""What earlier steps gave, for those that refer to it: kept whole, kept in parts, or the results of a list's calls."""

from __future__ import annotations

from typing import Any

import msgspec

from cuga.kernel.references import Unresolved, inside_of, pointed
from cuga.kernel.state import Phase, RunState
from cuga.model.plan import Reference


def output_of(state: RunState, reference: Reference) -> Any:
    """The value that a reference points at. Raises Unresolved."""
    if reference.step in state.lists:
        return _of_list(state, reference)
    kept = state.outputs.get(reference.step)
    if kept is None:
        raise Unresolved(f"step {reference.step} has no output")
    if isinstance(kept, dict):
        if reference.path not in kept:
            raise Unresolved(
                f"nothing at {reference.path!r} of step {reference.step}, whose output was too large to keep whole"
            )
        return msgspec.json.decode(kept[reference.path])
    try:
        return pointed(msgspec.json.decode(kept), reference.path)
    except Unresolved as problem:
        raise Unresolved(f"{problem} of step {reference.step}") from None


def _of_list(state: RunState, reference: Reference) -> Any:
    done = [call for call in state.lists[reference.step].calls if state.phase[call] is Phase.DONE]
    inside = inside_of(reference.path)
    if inside is not None:
        place, path = inside
        if place >= len(done):
            raise Unresolved(
                f"nothing at {reference.path!r} of step {reference.step}: {len(done)} of its calls are done"
            )
        return output_of(state, Reference(step=done[place], path=path))
    whole = {
        "items": [output_of(state, Reference(step=call)) for call in done],
        "steps": done,
        "missed": [call for call in state.lists[reference.step].calls if call not in done],
    }
    try:
        return pointed(whole, reference.path)
    except Unresolved as problem:
        raise Unresolved(f"{problem} of step {reference.step}") from None
