"""What was rehearsed, kept in the house until it is too old: to begin exactly that, and to say what is not as it was.

Of the calls that were shown only digests are kept, value by value, so that what differs can be named.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from cuga.adapters.offline.sent_notes import write_durably
from cuga.errors import NotFound
from cuga.kernel.state import RunState
from cuga.model.event import ApprovalRequested
from cuga.model.plan import Budget, CheckedPlan
from cuga.model.value import Value, digest_bytes, encode
from cuga.orchestrator.house.place import Place
from cuga.projections.card import Card

KEPT_FOR = timedelta(days=7)
_MOST_NAMED = 5  # values that differ and are named


class KeptCard(Value, frozen=True, kw_only=True, omit_defaults=False):
    """An approval as it was shown. `values` are the leaves of the arguments: JSON Pointer -> digest."""

    step: str
    tool: str
    tool_digest: str
    adapters: dict[str, str]
    cost: int
    requesters: tuple[str, ...]
    digest: str
    values: dict[str, str]


class Kept(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A run that was rehearsed and may be begun."""

    run_id: str
    at: datetime
    goal: str
    profile: str
    requester: str
    as_of: datetime
    budget: Budget | None
    planner: str
    plan: CheckedPlan | None
    policy_digest: str
    crm_version: str
    cards: tuple[KeptCard, ...]


class Unlike(Value, frozen=True, kw_only=True, omit_defaults=False):
    """An approval of a run that was rehearsed, and in which ways it is not what was shown; empty: it is just that."""

    approval_id: str
    step: str
    differs: tuple[str, ...]


def kept_card(card: Card) -> KeptCard:
    """What is kept of an approval that was shown."""
    return KeptCard(
        step=card.step,
        tool=card.tool,
        tool_digest=card.tool_digest,
        adapters=card.adapters,
        cost=card.cost,
        requesters=card.requesters,
        digest=card.digest,
        values=_values(card.arguments),
    )


def keep(place: Place, kept: Kept) -> None:
    """Keep it, and let go of what is too old."""
    place.rehearsed.mkdir(mode=0o700, exist_ok=True)
    for old in place.rehearsed.glob("*.json"):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            if kept.at - msgspec.json.decode(old.read_bytes(), type=Kept).at > KEPT_FOR:
                old.unlink()
    write_durably(_file(place, kept.run_id), encode(kept))


def find_kept(place: Place | None, run_id: str) -> Kept | None:
    """What is kept of a rehearsed run, if anything is."""
    if place is None or not run_id.isalnum():
        return None
    try:
        return msgspec.json.decode(_file(place, run_id).read_bytes(), type=Kept)
    except (OSError, msgspec.MsgspecError):
        return None


def usable(place: Place | None, run_id: str, now: datetime) -> Kept:
    """What was rehearsed under this id; `NotFound` when nothing is kept, or it is too old."""
    found = find_kept(place, run_id)
    if found is None or now - found.at > KEPT_FOR:
        raise NotFound(
            f"no dry run {run_id} is kept here", mend=f"`cuga run GOAL --dry-run` makes one; it is kept {_days()}."
        )
    return found


def unlike(kept: Kept, state: RunState, request: ApprovalRequested) -> Unlike:
    """How an approval of the real run differs from what was shown."""
    return Unlike(approval_id=request.approval_id, step=request.step, differs=tuple(_differences(kept, state, request)))


def _differences(kept: Kept, state: RunState, request: ApprovalRequested) -> Iterator[str]:
    shown = next((one for one in kept.cards if one.step == request.step), None)
    if shown is None:
        yield f"the dry run came to no approval of {request.step}"
        return
    if shown.digest == request.digest:
        return
    start = state.started
    found = []
    if request.amends:
        found.append("a person has amended it")
    if start.policy_digest != kept.policy_digest:
        found.append("the rules have changed")
    if request.tool != shown.tool:
        found.append(f"it uses {request.tool}, not {shown.tool}")
    elif request.tool_digest != shown.tool_digest:
        found.append(f"the tool {request.tool} has changed")
    if request.adapters != shown.adapters:
        found.append(f"it goes by way of {_ways(request.adapters)}, not {_ways(shown.adapters)}")
    if request.requesters != shown.requesters:
        found.append(f"it is asked for by {' and '.join(request.requesters)}")
    if request.cost != shown.cost:
        found.append("it costs something else")
    values = _values(request.arguments)
    others = sorted(path for path in values.keys() | shown.values.keys() if values.get(path) != shown.values.get(path))
    if others:
        named = ", ".join(path.removeprefix("/") or "the whole" for path in others[:_MOST_NAMED])
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        records = "; the CRM records have changed" if start.crm_version != kept.crm_version else ""
        found.append(f"other values in {named}{more}{records}")
    yield from found or [f"where it leads by way of {_ways(request.adapters)} has changed"]


def _ways(adapters: dict[str, str]) -> str:
    return ", ".join(f"{use} through {name}" for use, name in sorted(adapters.items())) or "no adapter"


def _values(arguments: msgspec.Raw) -> dict[str, str]:
    return {path: digest_bytes(encode([path, value])) for path, value in _leaves("", msgspec.json.decode(arguments))}


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(f"{path}/{key.replace('~', '~0').replace('/', '~1')}", item)
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _leaves(f"{path}/{number}", item)
    else:
        yield path, value


def _file(place: Place, run_id: str) -> Path:
    return place.rehearsed / f"{run_id}.json"


def _days() -> str:
    return f"{KEPT_FOR.days} days"
