"""What `cuga doctor` says of personal data: who was erased, who must not be written to, keys that cannot be had."""

from __future__ import annotations

from cuga.adapters.capability import Contact
from cuga.errors import CugaError
from cuga.orchestrator.house.assembly import CLEANED, LISTED, Assembly
from cuga.orchestrator.house.gone import gone_by
from cuga.orchestrator.operating.machine import Finding

MOST_SHOWN = 5  # that are named one by one
_AGAIN = "mend that; it is tried again every half minute while a process runs, and at the next start"


def erased_people(assembly: Assembly) -> list[Finding]:
    """What this machine still has of people who were erased, and why. It waits for the place where keys lie."""
    found = [*_pending(assembly), *_records(assembly)]
    if files := assembly.cleaning.left():
        shown = ", ".join(files[:MOST_SHOWN]) + (", ..." if len(files) > MOST_SHOWN else "")
        mend = "they are yours: change or delete them"
        said = f"files of yours still name somebody who was erased: {shown}"
        found.append(Finding(what="erased people", state="note", found=said, mend=mend))
    if not found and gone_by(assembly.sealing.ring) is not None:
        found.append(Finding(what="erased people", state="ok", found="no record of them is here"))
    return found


def suppression_list(assembly: Assembly) -> list[Finding]:
    """Whether the file of this machine is as the book has it."""
    why = assembly.following.trouble.get(LISTED)
    if why is None:
        return []
    said = f"this machine's list and that of the house are not one: {why}"
    return [Finding(what="suppression list", state="broken", found=said, mend=_AGAIN)]


def without_keys(assembly: Assembly) -> list[Finding]:
    """Results that cannot be written down, as their keys cannot be had. While that lasts their runs stand still."""
    waiting = dict(assembly.engine.without_keys)
    if not waiting:
        return []
    since, why = min(waiting.values())
    runs = ", ".join(sorted(waiting)[:MOST_SHOWN]) + (", ..." if len(waiting) > MOST_SHOWN else "")
    said = f"results of {runs} wait for the keys of personal data since {since:%H:%M:%S} UTC: {why}"
    mend = f"mend {assembly.sealing.ring.where}; the calls are done, and end this process only after that"
    return [Finding(what="keys", state="broken", found=said, mend=mend)]


def _pending(assembly: Assembly) -> list[Finding]:
    try:
        count = len(assembly.cleaning.pending())
    except CugaError as error:
        said = f"nobody can say what is still to be cleaned here: {error.message}"
        return [Finding(what="erased people", state="broken", found=said, mend=error.next_step)]
    why = assembly.following.trouble.get(CLEANED)
    if not count and why is None:
        return []
    who = "1 person was erased" if count == 1 else f"{count} people were erased"
    said = f"{who} and this machine is not cleaned yet: {why or 'that is under way'}"
    return [Finding(what="erased people", state="broken" if why else "note", found=said, mend=_AGAIN if why else "")]


def _records(assembly: Assembly) -> list[Finding]:
    """Records of people who were erased: brought back since, or erased before machines cleaned up by themselves."""
    gone = gone_by(assembly.sealing.ring)
    if gone is None:
        return []
    people = [one for one in assembly.crm.each("contacts") if isinstance(one, Contact)]
    found = [one.id for one in people if gone(one.id, one.email)]
    if not found:
        return []
    shown = ", ".join("an address" if "@" in one else one for one in found[:5]) + (", ..." if len(found) > 5 else "")
    return [
        Finding(
            what="erased people",
            state="note",
            found=f"{len(found)} of the contacts here were erased before: {shown}",
            mend='`cuga erase ID --reason "erased elsewhere"` here too, unless they were brought back on purpose',
        )
    ]
