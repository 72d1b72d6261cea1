"""A password that is taken away while somebody uses it lets nobody in any more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.doors.http_house import PASSWORD, Client, Served, house

from cuga.people import passwords

OTHER = f"{PASSWORD} and more"


@pytest.fixture
async def team() -> AsyncIterator[Served]:
    async with house() as served:
        kept = served.doors.credentials
        kept.set_password_hash("ann", await passwords.hashed(PASSWORD))
        yield served


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Nobody's password is looked at or hashed meanwhile, as when many sign in at once."""
    with passwords._AT_ONCE, passwords._AT_ONCE:
        yield


async def reset_while(team: Served, path: str, said: dict[str, str], who: Client | None = None) -> Client:
    """A request that comes before an admin's reset of the password and is answered after it."""
    eve, ann = team.browser("eve"), who or team.nobody()
    with busy():
        asked = asyncio.ensure_future(ann.post(path, said))
        await asyncio.sleep(0.2)
        assert (await eve.post("/api/users/ann/reset")).status_code == 200
    answered = await asked
    assert answered.status_code in (401, 403), answered.text
    assert (await ann.get("/api/me")).status_code == 401
    return ann


async def test_who_signs_in_while_the_password_is_reset_is_not_let_in(team):
    await reset_while(team, "/api/login", {"user": "ann", "password": PASSWORD})


async def test_who_changes_the_password_while_it_is_reset_sets_none(team):
    browser = team.browser("ann")
    await reset_while(team, "/api/me/password", {"old": PASSWORD, "password": OTHER}, browser)
    assert team.doors.credentials.password_hash("ann") == ""


async def test_an_invitation_that_is_taken_back_while_it_is_used_sets_no_password(team):
    token = team.doors.credentials.make_link("ann", "invitation")
    await reset_while(team, "/api/login/invitation", {"token": token, "password": OTHER})
    assert team.doors.credentials.password_hash("ann") == ""


async def test_who_leaves_while_they_take_an_invitation_has_no_password_left_behind(team):
    token = team.doors.credentials.make_link("vic", "invitation")
    eve, vic = team.browser("eve"), team.nobody()
    with busy():
        asked = asyncio.ensure_future(vic.post("/api/login/invitation", {"token": token, "password": OTHER}))
        await asyncio.sleep(0.2)
        await eve.post("/api/users/vic/leave", {})
    assert (await asked).status_code == 401
    assert team.doors.credentials.password_hash("vic") == ""
