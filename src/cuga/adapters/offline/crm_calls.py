"""Changes of records that are kept elsewhere, on their way there: noted before the other side is asked, taken over into
the store when it did them, and forgotten when it surely did not.
"""

from __future__ import annotations

from datetime import datetime

import apsw
import msgspec

from cuga.adapters.capability import Edit, Edited
from cuga.adapters.offline import crm_edits
from cuga.model.value import Value, encode


class Begun(Value, frozen=True, kw_only=True):
    """A change that somebody elsewhere was, or was about to be, asked for; nobody noted how it ended."""

    vendor: str
    edit: Edit
    at: datetime


def begin(db: apsw.Connection, vendor: str, edit: Edit, at: datetime) -> None:
    """Note that a change is asked for now."""
    db.execute(
        "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?)", (edit.key, vendor, encode(edit).decode(), at.isoformat())
    )


def begun(db: apsw.Connection, key: str) -> Begun | None:
    """The change that was begun under a key and whose end nobody noted."""
    row = db.execute("SELECT vendor, edit, at FROM calls WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    edit = msgspec.json.decode(str(row[1]), type=Edit)
    return Begun(vendor=str(row[0]), edit=edit, at=datetime.fromisoformat(str(row[2])))


def forget(db: apsw.Connection, key: str) -> None:
    """It surely was not done."""
    db.execute("DELETE FROM calls WHERE key = ?", (key,))


def take_over(db: apsw.Connection, edit: Edit) -> Edited:
    """It was done there: the record here follows, whatever it held, with its proof."""
    is_there = db.execute(f"SELECT 1 FROM {edit.kind} WHERE id = ?", (edit.record,)).fetchone() is not None
    made = crm_edits.make(db, edit.kind, msgspec.structs.replace(edit, is_new=not is_there), is_agreed=True)
    forget(db, edit.key)
    return made
