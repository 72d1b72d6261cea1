"""How a command ends, as a number that scripts can use; `docs/reference/cli.md` lists them.

A number says what became of the work, never why; the why is printed.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from cuga import errors

if TYPE_CHECKING:
    from cuga.model.event import Status


class Exit(IntEnum):
    """The exit codes of `cuga`."""

    SUCCESS = 0  # done, or what was asked for was shown
    UNEXPECTED = 1  # an error of cuga itself
    BAD_INPUT = 2  # the command, a name, a file or the registry cannot be used; nothing was done
    PARTIAL = 3  # the run ended with a part of its steps done
    PARKED = 4  # the run waits for a person
    FAILED = 5  # the run ended with nothing done that was required
    BUSY = 6  # another process holds the house and does not answer
    CANCELLED = 7  # a person stopped the run
    REFUSED = 8  # the rules or the state of things do not allow what was asked
    DAMAGED = 9  # a check found something wrong: the journal, the disk, the surroundings
    INTERRUPTED = 130  # Ctrl-C; nothing is lost


_BY_KIND: tuple[tuple[type[errors.CugaError], Exit], ...] = (
    (errors.HouseBusy, Exit.BUSY),
    (errors.HouseClosed, Exit.PARKED),
    (errors.JournalFailed, Exit.DAMAGED),
    (errors.JournalBehind, Exit.DAMAGED),
    (errors.JournalCorrupt, Exit.DAMAGED),
    (errors.EventUnreadable, Exit.DAMAGED),
    (errors.ApprovalClosed, Exit.REFUSED),
    (errors.ApprovalExpired, Exit.REFUSED),
    (errors.DigestMismatch, Exit.REFUSED),
    (errors.NotAllowed, Exit.REFUSED),
    (errors.InvalidTransition, Exit.REFUSED),
    (errors.NotSignedIn, Exit.REFUSED),
    (errors.TooOften, Exit.REFUSED),
)


def of_error(error: errors.CugaError) -> Exit:
    """The code for an error that stopped a command; what no rule names is bad input."""
    return next((code for kind, code in _BY_KIND if isinstance(error, kind)), Exit.BAD_INPUT)


def of_status(status: Status) -> Exit:
    """The code for where a run stands when the command ends."""
    return _BY_STATUS.get(status.value, Exit.PARKED)


_BY_STATUS = {
    "success": Exit.SUCCESS,
    "partial": Exit.PARTIAL,
    "failed": Exit.FAILED,
    "cancelled": Exit.CANCELLED,
    "parked": Exit.PARKED,
    "running": Exit.PARKED,  # somebody else goes on with it
}
