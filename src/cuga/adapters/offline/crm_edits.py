"""Single changes of CRM records: compare and set, once per idempotency key, in the transaction of whoever calls.

The note of a change lies beside the record, so an attempt whose answer was lost finds out what became of it.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from cuga.adapters.capability import Edit, Edited, Past, fields_of
from cuga.errors import NotDone
from cuga.model.value import encode

Values = dict[str, str | int | None]


def edited(db: apsw.Connection, key: str) -> Edited | None:
    """The proof of the change that was made under a key."""
    row = db.execute("SELECT kind, record, version, was, becomes FROM edits WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    was, becomes = (msgspec.json.decode(str(text), type=Values) for text in row[3:])
    return Edited(kind=str(row[0]), record=str(row[1]), version=int(str(row[2])), was=was, becomes=becomes)


def past(db: apsw.Connection, kind: str, record: str) -> list[Past]:
    """Earlier values of a record, in the order of the changes."""
    found = db.execute(
        "SELECT field, was, becomes, made FROM past WHERE kind = ? AND record = ? ORDER BY at", (kind, record)
    )
    return [Past(field=str(f), was=str(w), becomes=str(b), on=str(m)) for f, w, b, m in found]


def make(db: apsw.Connection, kind: str, edit: Edit, *, is_agreed: bool = False) -> Edited:
    """Make a change, or give the proof of the one that its key stands for. `NotDone` before anything is written.

    `is_agreed`: it was compared elsewhere, where the record is kept; what it holds here is not looked at.
    """
    if not edit.key:
        raise NotDone("a change needs an idempotency key")
    if (earlier := edited(db, edit.key)) is not None:
        if (earlier.kind, earlier.record, earlier.becomes) != (kind, edit.record, edit.becomes):
            raise RuntimeError(f"another change was made under the key of this one, of {earlier.record}")
        return earlier
    if unknown := sorted(({*edit.becomes, *edit.was} - {*fields_of(kind)}) | ({"id"} & edit.becomes.keys())):
        raise NotDone(f"{kind} have no field {unknown[0]!r} that can be changed")
    if not edit.becomes:
        raise NotDone("the change changes nothing")
    version = _added(db, kind, edit) if edit.is_new else _changed(db, kind, edit, is_agreed)
    made = Edited(kind=kind, record=edit.record, version=version, was=edit.was, becomes=edit.becomes)
    db.execute(
        "INSERT INTO edits VALUES (?, ?, ?, ?, ?, ?, ?)",
        (edit.key, kind, edit.record, version, encode(edit.was).decode(), encode(edit.becomes).decode(), edit.on),
    )
    return made


def _changed(db: apsw.Connection, kind: str, edit: Edit, is_agreed: bool) -> int:
    names = sorted({*edit.becomes, *edit.was})
    row = db.execute(f"SELECT {', '.join(names)}, version FROM {kind} WHERE id = ?", (edit.record,)).fetchone()
    if row is None:
        raise NotDone(f"there is no record {edit.record!r} among the {kind}")
    now: dict[str, Any] = dict(zip(names, row, strict=False))
    for field in sorted(edit.becomes if not is_agreed else ()):
        if field not in edit.was:
            raise NotDone(f"what {field} was before is not stated, so nobody has seen what is replaced")
    for field, was in sorted(edit.was.items() if not is_agreed else ()):
        if not same(now[field], was):
            raise NotDone(
                f"{field} of {edit.record} is {now[field]!r} now, not {was!r} as it was when the change was agreed to",
                mend="ask for the change again; the new request shows the values as they are",
            )
    version = int(row[-1]) + 1
    settings = ", ".join(f"{field} = ?" for field in edit.becomes)
    db.execute(
        f"UPDATE {kind} SET {settings}, version = ? WHERE id = ?", (*_stored(kind, edit.becomes), version, edit.record)
    )
    for field, value in edit.becomes.items():
        if not same(now[field], value):
            db.execute(
                "INSERT INTO past (kind, record, field, was, becomes, made) VALUES (?, ?, ?, ?, ?, ?)",
                (kind, edit.record, field, _text(now[field]), _text(value), edit.on),
            )
    return version


def _added(db: apsw.Connection, kind: str, edit: Edit) -> int:
    if db.execute(f"SELECT 1 FROM {kind} WHERE id = ?", (edit.record,)).fetchone() is not None:
        raise NotDone(f"there is a record {edit.record!r} among the {kind} already")
    row = dict.fromkeys(fields_of(kind), "") | dict.fromkeys(_NULLABLE & {*fields_of(kind)}) | {"id": edit.record}
    row |= dict(zip(edit.becomes, _stored(kind, edit.becomes), strict=True))
    if "unsubscribed" in row:
        row["unsubscribed"] = int(bool(row["unsubscribed"]))
    row |= {"raw": "{}", "file": "", "line": 0, "version": 1}
    db.execute(
        f"INSERT INTO {kind} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
        tuple(row.values()),
    )
    return 1


_NULLABLE = {"employees", "revenue", "founded", "price", "amount", "opened", "closes", "happened", "consent_on"}


def _stored(kind: str, values: Values) -> list[str | int | None]:
    """Values as the table has them: what is not known is NULL in a number or date and '' in a text."""
    return [(None if field in _NULLABLE else "") if value in (None, "") else value for field, value in values.items()]


def same(one: Any, other: Any) -> bool:
    """Whether two values of a field mean the same; "" and None are both "not known"."""
    return (one if one is not None else "") == (other if other is not None else "")


def _text(value: Any) -> str:
    return "" if value is None else str(value)
