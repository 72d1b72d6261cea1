"""Apply facts to a state: one small function per event, in a table. An event without one raises; nothing is skipped.

Here nothing is judged: a fact that is in the journal is true. The functions lie in `facts_of_runs`, `facts_of_steps`
and `facts_of_approvals`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cuga.errors import JournalCorrupt
from cuga.kernel import facts_of_approvals, facts_of_runs, facts_of_steps
from cuga.kernel.state import RunState
from cuga.model import event as e

_CHANGES: dict[type[e.Event], Callable[[RunState, Any], None]] = {
    **facts_of_runs.CHANGES,
    **facts_of_steps.CHANGES,
    **facts_of_approvals.CHANGES,
}


def evolve(state: RunState, event: e.Event) -> RunState:
    """The state after one more fact; the given one stays as it is."""
    return apply(state.draft(), event)


def fold(run_id: str, events: Iterable[e.Event], state: RunState | None = None) -> RunState:
    """The state after all events, from nothing or from a state that is given away."""
    draft = RunState(run_id) if state is None else state
    for event in events:
        apply(draft, event)
    return draft


def apply(draft: RunState, event: e.Event) -> RunState:
    """Change a draft by one fact and return it."""
    try:
        change = _CHANGES[type(event)]
    except KeyError:
        raise JournalCorrupt(f"a run cannot hold a {type(event).__name__}") from None
    draft.version += 1
    at, latest = event.at, draft.latest
    if at is not latest and (latest is None or at > latest):  # facts of one decision share their time
        draft.latest = at
    if draft.parked is not None and type(event) is not e.Annotation:
        draft.parked = None
    change(draft, event)
    return draft
