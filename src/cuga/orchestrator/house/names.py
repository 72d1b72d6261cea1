"""Who has a name now, as the record of the house says it: what proves who somebody is, is held against that."""

from __future__ import annotations

from collections.abc import Callable

from cuga.kernel.house_state import HouseState


class NamesNow:
    """Who has a name, by what the house has come to."""

    def __init__(self, state: Callable[[], HouseState]) -> None:
        self._state = state

    def joined(self, user: str) -> int:
        return self._state().joined.get(user, 0)

    def trusted(self, user: str) -> int:
        return max(self.joined(user), self._state().reset.get(user, 0))

    def is_former(self, user: str) -> bool:
        return user in self._state().former
