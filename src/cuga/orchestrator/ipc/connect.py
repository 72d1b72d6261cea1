"""Reach a house: take it when it is free, else talk to the process that holds it."""

from __future__ import annotations

from cuga.errors import HouseBusy, NotAllowed, RegistryInvalid
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.place import Place, check_guest_directory
from cuga.orchestrator.ipc.desk import Desk
from cuga.orchestrator.ipc.remote import Remote
from cuga.settings import Settings


class Session:
    """A house at hand: `front` has the coordinator's methods, wherever they run; `is_ours` says who holds the house."""

    def __init__(self, front: Coordinator | Remote, desk: Desk | None = None) -> None:
        self.front = front
        self._desks = [desk] if desk is not None else []

    async def let_in(self, place: Place, group: int) -> None:
        """Stand a desk beside the house for the people of a group, as long as this session lasts."""
        assert isinstance(self.front, Coordinator)
        desk = Desk.for_guests(self.front, place, group)
        await desk.open()
        self._desks.append(desk)

    @property
    def is_ours(self) -> bool:
        """Whether this process holds the house."""
        return isinstance(self.front, Coordinator)

    async def close(self) -> None:
        """Let go."""
        for desk in reversed(self._desks):
            await desk.close()
        await self.front.close()


async def connect(
    place: Place, *, settings: Settings | None = None, user: str = "", drives_all: bool = False
) -> Session:
    """A session with a house. `HouseBusy` when it is held by a process that does not answer."""
    coordinator = Coordinator(house=place.root, settings=settings, user=user, drives_all=drives_all)
    try:
        await coordinator.open()
    except NotAllowed:
        await coordinator.close()
        if not place.lets_guests_in:
            raise
        check_guest_directory(place)
        remote = Remote(place.guest_socket, "the house's owner holds it")
        await remote.connect()
        return Session(remote)
    except HouseBusy as busy:
        await coordinator.close()
        remote = Remote(place.socket, busy.detail)
        await remote.connect()
        return Session(remote)
    except RegistryInvalid as mistakes:
        # whoever holds the house works under the registry that it read, and answers
        await coordinator.close()
        remote = Remote(place.socket, "another process holds it")
        try:
            await remote.connect()
        except HouseBusy:
            raise mistakes from None
        return Session(remote)
    if (await coordinator.open()).book is not None:
        return Session(coordinator)  # the database is everybody's: each process has it open by itself
    desk = Desk(coordinator, place.socket)
    try:
        await desk.open()
    except BaseException:
        await coordinator.close()
        raise
    return Session(coordinator, desk)
