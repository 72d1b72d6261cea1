"""Taking people out of the CRM store: their rows go, and texts of other rows that are about them are replaced.

What was deleted must not stay in the file: it is written anew, and its log is emptied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import apsw
import msgspec

from cuga.adapters.capability import RECORDS, Edit
from cuga.model.value import encode

_OF_A_CONTACT = ("activities", "notes")  # rows that are about one contact and nothing else
_OF_OTHERS = ("notes",)  # of a contact who is somebody else: their own name may be the same
_OTHERS = {"facts": ("value",), "edits": ("was", "becomes"), "past": ("was", "becomes"), "calls": ("edit",)}
_WRITTEN = {"activities": ("name", "text"), "notes": ("name", "text")}  # what people wrote, and no list of ours
_NEVER = frozenset({"id", "kind", "line", "version", "currency"})


def erase(
    db: apsw.Connection,
    contacts: Collection[str],
    is_about: Callable[[str], bool],
    instead: str,
    is_near: Callable[[str], bool],
) -> dict[str, int]:
    """Delete and replace, in the transaction of whoever calls; how many rows of each table were touched.

    `is_near` is asked of what people wrote in a row that is about them anyway: there a first name is theirs.
    """
    found: dict[str, int] = {}

    def count(table: str) -> None:
        if changed := db.changes():
            found[table] = found.get(table, 0) + changed

    gone = {
        (table, str(row[0]))
        for contact in contacts
        for table in _OF_A_CONTACT
        for row in db.execute(f"SELECT id FROM {table} WHERE contact_id = ?", (contact,))
    }
    for contact in contacts:
        db.execute("DELETE FROM contacts WHERE id = ?", (contact,))
        count("contacts")
        for table in _OF_A_CONTACT:
            db.execute(f"DELETE FROM {table} WHERE contact_id = ?", (contact,))
            count(table)
        for table in ("edits", "past"):
            db.execute(f"DELETE FROM {table} WHERE kind = 'contacts' AND record = ?", (contact,))
            count(table)
    _unword(db, contacts, gone, instead, count)
    for table in (*RECORDS, *_OTHERS):
        names = [str(row[1]) for row in db.execute(f"PRAGMA table_info({table})")]
        keys = [str(row[1]) for row in db.execute(f"PRAGMA table_info({table})") if row[5]]
        looked_at = _OF_OTHERS if table == "contacts" else _OTHERS.get(table, tuple(names))
        for row in db.execute(f"SELECT * FROM {table}").fetchall():
            values = dict(zip(names, row, strict=True))
            fresh = {
                name: _without(value, is_about, instead)
                for name in looked_at
                if isinstance(value := values[name], str) and name not in _NEVER and name not in keys
            }
            fresh = {name: value for name, value in fresh.items() if value != values[name]}
            written = {name: str(values[name]) for name in _WRITTEN.get(table, ())} if fresh else {}
            near = {name: said for name, said in written.items() if is_near(said)}
            if near:
                raw = fresh.get("raw", str(values["raw"]))
                fresh |= {
                    **dict.fromkeys(near, instead),
                    "raw": _without(raw, set(near.values()).__contains__, instead),
                }
            if fresh:
                sets, where = ", ".join(f"{name} = ?" for name in fresh), " AND ".join(f"{key} = ?" for key in keys)
                db.execute(
                    f"UPDATE {table} SET {sets} WHERE {where}", (*fresh.values(), *(values[key] for key in keys))
                )
                count(table)
    return found


def _unword(
    db: apsw.Connection,
    contacts: Collection[str],
    gone: Collection[tuple[str, str]],
    instead: str,
    count: Callable[[str], None],
) -> None:
    """What changed rows that went with somebody stays as a proof, without what people had written there."""

    def is_theirs(kind: str, record: str, becomes: dict[str, Any]) -> bool:
        return (kind, record) in gone or (kind in _OF_A_CONTACT and becomes.get("contact_id") in contacts)

    def reworded(kind: str, values: dict[str, Any]) -> dict[str, Any]:
        return {name: instead if name in _WRITTEN[kind] and value else value for name, value in values.items()}

    for key, kind, record, *said in db.execute("SELECT key, kind, record, was, becomes FROM edits").fetchall():
        was, becomes = (msgspec.json.decode(str(text), type=dict[str, Any]) for text in said)
        if is_theirs(str(kind), str(record), becomes):
            fresh = [encode(reworded(str(kind), values)).decode() for values in (was, becomes)]
            db.execute("UPDATE edits SET was = ?, becomes = ? WHERE key = ?", (*fresh, key))
            count("edits")
    for key, text in db.execute("SELECT key, edit FROM calls").fetchall():
        edit = msgspec.json.decode(str(text), type=Edit)
        if is_theirs(edit.kind, edit.record, edit.becomes):
            edit = msgspec.structs.replace(
                edit, was=reworded(edit.kind, edit.was), becomes=reworded(edit.kind, edit.becomes)
            )
            db.execute("UPDATE calls SET edit = ? WHERE key = ?", (encode(edit).decode(), key))
            count("calls")
    for kind, record in gone:
        db.execute("DELETE FROM past WHERE kind = ? AND record = ?", (kind, record))
        count("past")


def compact(db: apsw.Connection) -> None:
    """Write the file anew, so that nothing of what was deleted is left in it or in its log."""
    db.execute("VACUUM")
    if db.db_filename("main"):
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _without(text: str, is_about: Callable[[str], bool], instead: str) -> str:
    """A text, or the texts in it when it is JSON, replaced where they are about somebody."""
    if text[:1] in ("{", "["):
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError):
            return instead if is_about(text) else text
        fresh = _walked(value, is_about, instead)
        return text if fresh == value else encode(fresh).decode()
    return instead if is_about(text) else text


def _walked(value: Any, is_about: Callable[[str], bool], instead: str) -> Any:
    if isinstance(value, str):
        return instead if is_about(value) else value
    if isinstance(value, list):
        return [_walked(one, is_about, instead) for one in value]
    if isinstance(value, dict):
        return {key: _walked(one, is_about, instead) for key, one in value.items()}
    return value
