"""What people can do for a run: for one that is parked as the house stands now, for one that has ended what helps.

The record of a parked run says whom it waited for when it parked. People come and go, stand in for others, a request
escalates, a halt is lifted. None of that is a fact of the run, so the lines that depend on it are said anew whenever
somebody looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from cuga.kernel.advance import START_AGAIN
from cuga.kernel.approvals import MORE_PEOPLE, Asked, to_decide, too_few
from cuga.kernel.scarce import DONE_ALREADY
from cuga.kernel.state import HALTED
from cuga.model.context import Principal
from cuga.policy.profile import Current

SOMETHING_NEW = (
    "the same again would be refused the same way; what is new may be done: a follow-up, another time, somebody else"
)
# what else a run may wait for, as its reason says it
_BESIDE = re.compile(r"; (?=in doubt: |question: |budget used up: |waits for |waits to try again)")


def as_of_now(
    run_id: str, reason: str, needs: tuple[str, ...], asked: Iterable[Asked], current: Current, at: datetime
) -> tuple[str, tuple[str, ...]]:
    """Why a parked run waits and what people can do, from what its record says and its open requests."""
    if not current.halted:
        reason, needs = _since_the_lift(run_id, reason, needs)
    found = list(needs)
    for request in asked:
        for number, need in enumerate(found):
            if _is_about(need, request.approval_id):
                was_alone = need == f"cuga approve {request.approval_id}"
                found[number] = to_decide(request, Principal(id="", solo=was_alone), current, at)
        if len(current.roles) > 1 and (stale := f"; {too_few(request)}") in reason:
            reason = reason.replace(stale, "")
            found = [need for need in found if need != MORE_PEOPLE]
    return reason, tuple(found)


def after_the_end(mend: str, missed: Iterable[str]) -> str:
    """What can be done about a run that has ended: its record says to start again, which helps nobody where a step was
    refused because it may happen only once."""
    in_vain = mend == START_AGAIN and any(reason.startswith(DONE_ALREADY) for reason in missed)
    return SOMETHING_NEW if in_vain else mend


def is_asked_in(needs: Iterable[str]) -> bool:
    """Whether open requests are among what a run waits for."""
    return any(need.startswith("cuga approve ") or "    for " in need for need in needs)


def _is_about(need: str, approval_id: str) -> bool:
    return need.partition("    ")[0] == f"cuga approve {approval_id}" or f"    for {approval_id}: " in need


def _since_the_lift(run_id: str, reason: str, needs: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """What a run that parked while the house was halted waits for now that it is not: nobody has gone on since."""
    if not reason.startswith(HALTED):
        return reason, needs
    others, left = _BESIDE.search(reason), needs[1:]  # the way out of the halt stands first
    if others is not None:
        return reason[others.end() :], left
    return "the halt is lifted, and nobody has gone on with it yet", (f"cuga resume {run_id}", *left)
