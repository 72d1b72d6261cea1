"""Which run or approval a person means: the whole id, its last letters, or `last` for the newest.

Between two that fit it never picks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cuga.clock import ULID
from cuga.errors import ApprovalNotFound, BadInput, RunNotFound

if TYPE_CHECKING:
    from cuga.cli.home import Visit

LAST = "last"
_LOOKED_THROUGH = 500  # newest runs that a short name is looked for in
_APPROVAL = re.compile(r"(.*)-a(\d+)")
_SHORTEST = 4


def is_approval(said: str) -> bool:
    """Whether a name looks like that of an approval."""
    return _APPROVAL.fullmatch(said.strip()) is not None


async def run_named(visit: Visit, said: str) -> str:
    """The id of the run that is meant; `RunNotFound`, or `BadInput` when several fit."""
    said = said.strip()
    if ULID.fullmatch(said.upper()):
        return said.upper()
    lines = await visit.front.runs(limit=1 if said.lower() == LAST else _LOOKED_THROUGH)
    if said.lower() == LAST:
        if not lines:
            raise RunNotFound("this house has none yet", mend="`cuga run GOAL` starts one.")
        return str(lines[0].run_id)
    fitting = [line.run_id for line in lines if line.run_id == said or _fits(line.run_id, said)]
    return _only(fitting, said, RunNotFound)


async def approval_named(visit: Visit, said: str, *, is_seen: bool = True) -> str:
    """The id of the approval that is meant; open ones can be named by their last letters. Where nobody sees which one
    it is before it is decided, `last` is only taken for the one that waits alone."""
    said = said.strip()
    found = _APPROVAL.fullmatch(said)
    if found is not None and ULID.fullmatch(found.group(1).upper()):
        return f"{found.group(1).upper()}-a{found.group(2)}"
    cards = await visit.front.inbox(limit=_LOOKED_THROUGH)
    if said.lower() == LAST:
        newest = max(cards, key=lambda card: (card.requested_at, card.approval_id), default=None)
        if newest is None:
            raise ApprovalNotFound("nothing waits for a decision")
        if len(cards) > 1 and not is_seen:
            raise _several(
                said, [str(card.approval_id) for card in cards], "Name it by its id: `cuga inbox` shows them."
            )
        return str(newest.approval_id)
    fitting = [card.approval_id for card in cards if _fits(card.approval_id, said)]
    if not fitting and found is not None and found.group(1):
        try:
            return f"{await run_named(visit, found.group(1))}-a{found.group(2)}"
        except RunNotFound:
            raise ApprovalNotFound(said) from None
    return _only(fitting, said, ApprovalNotFound)


def _fits(full: str, said: str) -> bool:
    return len(said) >= _SHORTEST and full.upper().endswith(said.upper())


def _only(fitting: list[str], said: str, missing: type[RunNotFound] | type[ApprovalNotFound]) -> str:
    if len(fitting) > 1:
        raise _several(said, fitting, "Give more of its letters.")
    if not fitting:
        raise missing(said)
    return fitting[0]


def _several(said: str, fitting: list[str], mend: str) -> BadInput:
    more = f" and {len(fitting) - 5} more" if len(fitting) > 5 else ""
    return BadInput(f"{said!r} fits more than one: {', '.join(fitting[:5])}{more}", mend=mend)
