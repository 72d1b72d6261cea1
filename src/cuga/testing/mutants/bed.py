"""Where planted bugs grow: what replaces functions in memory and puts them back, and the list of all bugs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cuga.kernel import evolve
from cuga.kernel.state import RunState
from cuga.model import event as e

Plant = Callable[["Bed"], None]
Change = Callable[[RunState, Any], None]
REGISTER: dict[str, Plant] = {}  # of kernel, policy and journal
ENGINE: dict[str, Plant] = {}
STORAGE: dict[str, Plant] = {}  # of what lies on the disk: drills notice them, not schedules


class Bed:
    """Replaces attributes and table entries, and puts everything back."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def set(self, owner: Any, name: str, value: Any) -> Any:
        """Replace an attribute; returns the one before."""
        before = owner.__dict__[name]
        setattr(owner, name, value)
        self._undo.append(lambda: setattr(owner, name, before))
        return before

    def change(self, kind: type[e.Event], wrap: Callable[[Change], Change]) -> None:
        """Replace how a fact changes the state; `wrap` gets the right way and gives the wrong one."""
        table = evolve._CHANGES
        before = table[kind]
        table[kind] = wrap(before)
        self._undo.append(lambda: table.__setitem__(kind, before))

    def clear(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()


def mutant(plant: Plant) -> Plant:
    """Register a planted bug under its function's name; the docstring says what is broken."""
    REGISTER[plant.__name__.strip("_")] = plant
    return plant


def engine_mutant(plant: Plant) -> Plant:
    """Register a bug of the driver or the engine."""
    ENGINE[plant.__name__] = plant
    return plant


def storage_mutant(plant: Plant) -> Plant:
    """Register a bug of what lies on the disk."""
    STORAGE[plant.__name__] = plant
    return plant
