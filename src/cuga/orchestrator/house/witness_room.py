"""What makes an open house a witness of others: the shelf, the key, and who judges. Opened when first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from cuga.kernel.house import HouseState
from cuga.orchestrator.house.place import Place
from cuga.orchestrator.keeping.sealing import Sealer, cosigner_of, holds
from cuga.witness import Cosigner, Shelf, ShelfFile, Witness


class WitnessRoom:
    """`shared` opens the shelf of a house in a database; else it is a file, or in memory for a house in memory."""

    def __init__(
        self,
        place: Place | None,
        sealer: Sealer | None,
        state: Callable[[], HouseState],
        shared: Callable[[], Shelf] | None = None,
    ) -> None:
        self._place = place
        self._sealer = sealer
        self._state = state
        self._shared = shared
        self._shelf: Shelf | None = None
        self._cosigner: Cosigner | None = None
        self._judge: Witness | None = None

    def shelf(self) -> Shelf:
        """What was seen of other houses' journals."""
        if self._shelf is None:
            if self._shared is not None:
                self._shelf = self._shared()
            else:
                self._shelf = ShelfFile(self._place.witness if self._place is not None else ":memory:")
        return self._shelf

    async def cosigner(self) -> Cosigner:
        """The key by which this house is a witness, made when there is none."""
        if self._cosigner is None:
            if self._sealer is not None and not self._sealer.origin:
                await self._sealer.seal()  # its journal has a name from the first append on
            self._cosigner = await asyncio.to_thread(cosigner_of, self._sealer)
        return self._cosigner

    async def judge(self) -> Witness:
        """Who judges what other houses send."""
        if self._judge is None:
            self._judge = Witness(self.shelf(), await self.cosigner(), self._keys_of, holds)
        return self._judge

    def _keys_of(self, origin: str) -> Iterable[str]:
        return [one.key for one in self._state().origins.get(origin, ())]

    def close(self) -> None:
        """Let the shelf go."""
        if self._shelf is not None:
            self._shelf.close()
