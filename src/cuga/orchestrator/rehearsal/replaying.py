"""A run folded and decided again from its journal, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cuga.adapters.capability import DecisionTold, RunReplayed
from cuga.journal.tombstone import RETIRED
from cuga.kernel.evolve import apply
from cuga.kernel.state import RunState
from cuga.model.event import Event
from cuga.model.value import Value, encode
from cuga.privacy import ERASED, UNREADABLE
from cuga.projections.statehash import FORMAT, state_hash


class Replay(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What came of it. `verdict`: same, different, cannot be told.

    `state` is the hash of the run as it stands now, `hashes` those after each event when they were asked for; a later
    version of cuga computes the same from the same journal. `broken` and `lost` say what is wrong with the record.
    """

    run_id: str
    goal: str
    status: str
    verdict: str
    version: int
    head: str
    policy_digest: str
    format: str
    state: str
    hashes: tuple[str, ...]
    broken: str
    lost: tuple[str, ...]
    decisions: tuple[DecisionTold, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing comes out otherwise, and the record is whole."""
        return self.verdict != "different" and not self.lost


_GONE = tuple(encode(word) for word in (ERASED, UNREADABLE, RETIRED))
_ORDER = ("same", "cannot be told", "different")


def replay_of(told: RunReplayed, events: Iterable[Event], hashes: bool) -> Replay:
    """The replay of a run that was decided again."""
    state, after, is_whole = RunState(told.run_id), [], True
    for event in events:
        is_whole = is_whole and not has_gaps(event)
        apply(state, event)
        if hashes:
            after.append(state_hash(state))
    decisions = told.decisions if is_whole else tuple(map(_untold, told.decisions))
    verdict = max((one.verdict for one in decisions), key=_ORDER.index, default="same")
    return Replay(
        run_id=told.run_id,
        goal=told.goal,
        status=told.status,
        verdict="different" if told.broken else verdict,
        version=told.version,
        head=told.head,
        policy_digest=told.policy_digest,
        format=FORMAT,
        state=state_hash(state),
        hashes=tuple(after),
        broken=told.broken,
        lost=told.lost,
        decisions=decisions,
    )


def has_gaps(value: object) -> bool:
    """Whether a fact or a plan has lost words: to an erasure, to retention, or with its keys."""
    return any(word in encode(value) for word in _GONE)


def _untold(one: DecisionTold) -> DecisionTold:
    """What comes out otherwise in a run that has lost words may do so because of them."""
    if one.verdict != "different":
        return one
    return msgspec.structs.replace(one, verdict="cannot be told", differs=(), why="words of the run are kept no more")
