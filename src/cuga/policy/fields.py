"""Fields of a strict text: each read with its type, its range and its known words, each mistake noted with its place.

A mistake never stops the reading and never becomes a value: what cannot be read comes back as None, and the text as a
whole is refused at the end.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection
from typing import TypeVar

from cuga.errors import RegistryInvalid
from cuga.model.value import MICRO
from cuga.policy.strict import MAX_MISTAKES, Mistake, Node, Place

T = TypeVar("T")
_DURATION = re.compile(r"([0-9]{1,9})\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,99}")
_MOST = 10**12


class Fields:
    """Reads nodes and gathers mistakes."""

    def __init__(self, mistakes: list[Mistake], source: str) -> None:
        self.mistakes = mistakes
        self.source = source

    def wrong(self, node: Node | Place, where: str, what: str) -> None:
        """Note a mistake at a node."""
        self.mistakes.append(Mistake(line=node.line, column=node.column, where=where, what=what))

    def finish(self) -> None:
        """Raise `RegistryInvalid` with all mistakes in the order of their lines; nothing when there are none."""
        if self.mistakes:
            raise self.refusal()

    def refusal(self) -> RegistryInvalid:
        """All mistakes as the error they are."""
        told, found = self.told()
        return RegistryInvalid(told, mistakes=found)

    def told(self) -> tuple[str, tuple[Mistake, ...]]:
        """All mistakes in the order of their lines: as a text, and as data."""
        found = sorted(dict.fromkeys(self.mistakes), key=lambda mistake: (mistake.line, mistake.column))
        shown = [f"  {mistake}" for mistake in found[:MAX_MISTAKES]]
        if len(found) >= MAX_MISTAKES:
            shown.append("  there may be more: mend these first")
        count = "1 mistake" if len(found) == 1 else f"{len(found)} mistakes"
        return "\n".join([f"{count} in {self.source}", *shown]), tuple(found)

    def mapping(
        self, node: Node | None, where: str, known: Collection[str] | None = None, required: Collection[str] = ()
    ) -> dict[str, Node]:
        """The entries of a mapping; unknown keys are mistakes and left out, missing required ones are mistakes."""
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            self.wrong(node, where, f"expected a mapping, got {node.kind}")
            return {}
        entries = {key: entry for key, entry in node.value.items() if not key.startswith("\0")}
        for key in tuple(entries):
            line, column = node.keys[key]
            at = Place(line=line, column=column, where=where)
            if known is not None and key not in known:
                del entries[key]
                self.wrong(at, _under(where, key), f"unknown key{_meant(key, known)}")
            elif known is None and not _NAME.fullmatch(key):
                del entries[key]
                self.wrong(
                    at,
                    _under(where, key),
                    "a name begins with a letter and has letters, digits and _ - . : /, 100 at most",
                )
        for key in required:
            if key not in node.value:
                self.wrong(node, where, f"{key!r} is missing")
        return entries

    def text(self, node: Node | None, where: str) -> str | None:
        """A text that is not empty."""
        if node is None:
            return None
        if not isinstance(node.value, str) or not node.value.strip():
            self._refuse(node, where, "a text")
            return None
        return node.value

    def flag(self, node: Node | None, where: str) -> bool | None:
        """true or false."""
        if node is None:
            return None
        if isinstance(node.value, bool):
            return node.value
        self._refuse(node, where, "true or false")
        return None

    def whole(self, node: Node | None, where: str, low: int = 0, high: int = _MOST) -> int | None:
        """A whole number in a range."""
        if node is None:
            return None
        if type(node.value) is int and low <= node.value <= high:
            return int(node.value)
        upper = "" if high == _MOST else f" to {high:,}"
        self._refuse(node, where, f"a whole number from {low}{upper or ' up'}")
        return None

    def micros(self, node: Node | None, where: str) -> int | None:
        """A number of units with at most six decimals, in micro-units."""
        if node is None:
            return None
        if type(node.value) in (int, float) and 0 <= node.value <= 10**9:
            found: int = round(node.value * MICRO)
            if abs(node.value * MICRO - found) < 1e-3:
                return found
        self._refuse(node, where, "a number from 0 up, with at most six decimals")
        return None

    def percent(self, node: Node | None, where: str) -> int | None:
        """A share from 0 to 1 in steps of a hundredth, as a percentage."""
        if node is None:
            return None
        if type(node.value) in (int, float) and 0 <= node.value <= 1:
            found: int = round(node.value * 100)
            if abs(node.value * 100 - found) < 1e-6:
                return found
        self._refuse(node, where, "a share from 0 to 1, such as 0.8")
        return None

    def seconds(self, node: Node | None, where: str, low: int = 0, high: int = 366 * 86400) -> int | None:
        """A time such as 30s, 15m, 24h or 7d; a bare whole number is seconds."""
        if node is None:
            return None
        found = node.value if type(node.value) is int else None
        if isinstance(node.value, str) and (said := _DURATION.fullmatch(node.value)):
            found = int(said[1]) * _SECONDS[said[2]]
        if found is not None and low <= found <= high:
            return found
        self._refuse(node, where, f"a time from {low}s to {high}s, such as 30s, 15m or 24h")
        return None

    def choice(self, node: Node | None, where: str, known: Collection[str], what: str = "") -> str | None:
        """One of the known words."""
        if node is None:
            return None
        if isinstance(node.value, str) and node.value in known:
            return node.value
        said = node.value if isinstance(node.value, str) else None
        if said is None:
            self._refuse(node, where, _one_of(known))
            return None
        self.wrong(node, where, f"unknown {what or 'word'} {said!r}{_meant(said, known)}; known: {_listed(known)}")
        return None

    def names(
        self, node: Node | None, where: str, known: Collection[str] | None = None, what: str = ""
    ) -> tuple[str, ...] | None:
        """A list of names, each once, each known."""
        if node is None:
            return None
        if not isinstance(node.value, list):
            self._refuse(node, where, "a list of names")
            return None
        found: list[str] = []
        for index, entry in enumerate(node.value):
            at = f"{where}[{index}]"
            name = self.text(entry, at) if known is None else self.choice(entry, at, known, what)
            if name is not None and name in found:
                self.wrong(entry, at, f"{name!r} stands here twice")
            elif name is not None:
                found.append(name)
        return tuple(found)

    def counts(self, node: Node | None, where: str, known: Collection[str] | None = None) -> dict[str, int] | None:
        """A mapping of names to whole numbers."""
        if node is None:
            return None
        found: dict[str, int] = {}
        for name, entry in self.mapping(node, where, known).items():
            if (number := self.whole(entry, _under(where, name))) is not None:
                found[name] = number
        return found

    def each(self, node: Node | None, where: str, read: Callable[[Node, str], T | None]) -> tuple[T, ...] | None:
        """A list whose entries are read one by one."""
        if node is None:
            return None
        if not isinstance(node.value, list):
            self._refuse(node, where, "a list")
            return None
        found = [read(entry, f"{where}[{index}]") for index, entry in enumerate(node.value)]
        return tuple(entry for entry in found if entry is not None)

    def _refuse(self, node: Node, where: str, expected: str) -> None:
        got = node.kind
        if isinstance(node.value, str):
            got = repr(node.value[:60])
        elif isinstance(node.value, bool | int | float):
            got = str(node.value).lower()
        self.wrong(node, where, f"expected {expected}, got {got}")


def _under(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _meant(said: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(said[:64], list(known)[:500])
    return f"; did you mean {close[0]!r}?" if close else ""


def _listed(known: Collection[str]) -> str:
    names = sorted(known)
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "") if names else "none"


def _one_of(known: Collection[str]) -> str:
    return f"one of {_listed(known)}"
