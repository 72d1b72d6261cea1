"""What a request would change, what an amendment has changed, and what in a text could trick the eye."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from cuga.model.value import Value
from cuga.projections.card import Card, is_seen, shown


class Change(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One argument as it was and as it would become."""

    name: str
    was: str
    becomes: str


def count_hidden(value: Any) -> int:
    """Characters of a JSON value's texts that are not printed as themselves; line ends are what they seem."""
    if isinstance(value, str):
        return sum(1 for one in value if not is_seen(one) and one != "\n")
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(count_hidden(one) for one in inner)


_ALPHABETS = (("Latin", 0x41, 0x24F), ("Greek", 0x370, 0x3FF), ("Cyrillic", 0x400, 0x52F), ("Armenian", 0x530, 0x58F))


def mixed_words(text: str) -> set[str]:
    """Words, addresses included, that mix alphabets whose letters look alike."""
    found = set()
    for word in text.split():
        alphabets = {
            name for one in word if one.isalpha() for name, first, last in _ALPHABETS if first <= ord(one) <= last
        }
        if len(alphabets) > 1:
            found.add(shown(word))
    return found


def changes_of(card: Card) -> tuple[Change, ...]:
    """What the call of a card changes, or each call of a list, whose number stands before the name then."""
    if not card.calls:
        return _changes(card.each[card.step])
    each = [(call.rpartition("#")[2], _changes(arguments)) for call, arguments in card.each.items()]
    return tuple(
        msgspec.structs.replace(one, name=f"{number}.{one.name}") for number, changes in each for one in changes
    )


def _changes(arguments: Any) -> tuple[Change, ...]:
    """What a call says it changes: arguments that travel with the value as it stands now (`was`)."""
    was = arguments.get("was") if isinstance(arguments, dict) else None
    if not isinstance(was, dict):
        return ()
    return tuple(
        Change(name=name, was=_text(old), becomes=_text(arguments.get(name)))
        for name, old in was.items()
        if _text(arguments.get(name)) != _text(old)
    )


def edits_of(before: Card, card: Card) -> tuple[Change, ...]:
    """What an amendment changed; of a list for each call, whose number stands before the name, with those left out."""
    if not card.calls:
        old, new = before.each[before.step], card.each[card.step]
        return tuple(_between("", old, new)) if isinstance(old, dict) and isinstance(new, dict) else ()
    found: list[Change] = []
    for call, old in before.each.items():
        number = call.rpartition("#")[2]
        if call in card.each:
            found += _between(f"{number}.", old, card.each[call])
        else:
            found.append(Change(name=number, was=_text(old), becomes=""))
    return tuple(found)


def _between(prefix: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Change(name=f"{prefix}{name}", was=_text(old.get(name)), becomes=_text(new.get(name)))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return shown(value) if isinstance(value, str) else msgspec.json.encode(value).decode()
