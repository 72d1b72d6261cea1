"""A password that is taken away while somebody uses it lets nobody in any more."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import apsw
import pytest
from tests.doors.http_house import PASSWORD, Client, Served, house

from cuga.api.app import create_app
from cuga.orchestrator.house.names import NamesNow
from cuga.people import passwords
from cuga.people.credentials import Credentials

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


@contextlib.contextmanager
def machine(team: Served, path: Path | str = ":memory:") -> Iterator[Served]:
    """Another machine of the house: the same record, and a `people.db` of its own."""
    assembly = team.front._assembly
    kept = Credentials(path, assembly.clock, NamesNow(lambda: assembly.state))
    doors = dataclasses.replace(team.doors, credentials=kept)
    try:
        yield Served(doors, create_app(doors), team.world)
    finally:
        kept.close()


async def status(client: Client) -> int:
    return (await client.get("/api/me")).status_code


async def test_what_another_machine_keeps_of_somebody_who_left_lets_nobody_in_under_their_name(team):
    with machine(team) as there:
        kept = there.doors.credentials
        kept.set_password_hash("ann", await passwords.hashed(PASSWORD))
        kept.link_account("https://idp.example", "a-1", "ann")
        before, links = there.browser("ann"), [kept.make_link("ann", purpose) for purpose in ("welcome", "invitation")]
        assert await status(before) == 200
        await team.front.user_leaves("ann")
        await team.front.invite("ann", ("operator",))
        assert await status(before) == 401
        assert (await there.nobody().post("/api/login", {"user": "ann", "password": PASSWORD})).status_code == 401
        assert (await there.nobody().post("/api/login/link", {"token": links[0]})).status_code == 401
        told = {"token": links[1], "password": OTHER}
        assert (await there.nobody().post("/api/login/invitation", told)).status_code == 401
        assert kept.account("https://idp.example", "a-1") == "" and kept.last_seen("ann") is None
        kept.link_account("https://idp.example", "a-1", "ann")  # the new one, by a verified address
        assert kept.account("https://idp.example", "a-1") == "ann" and await status(there.browser("ann")) == 200


async def test_a_reset_takes_the_password_and_the_sessions_of_every_machine(team):
    with machine(team) as there:
        kept = there.doors.credentials
        kept.set_password_hash("ann", await passwords.hashed(PASSWORD))
        kept.link_account("https://idp.example", "a-1", "ann")
        before = there.browser("ann")
        await team.front.reset_password("ann")
        assert await status(before) == 401
        assert (await there.nobody().post("/api/login", {"user": "ann", "password": PASSWORD})).status_code == 401
        assert kept.account("https://idp.example", "a-1") == "ann", "their account is still theirs"


_OF_BEFORE = """
create table password (user text primary key, hash text not null, changed integer not null) strict, without rowid;
create table session (digest blob primary key, user text not null, way text not null, created integer not null,
    seen integer not null, expires integer not null, proved integer not null) strict, without rowid;
create table link (digest blob primary key, user text not null, purpose text not null, expires integer not null)
    strict, without rowid;
create table account (issuer text not null, subject text not null, user text not null, primary key (issuer, subject))
    strict, without rowid;
"""


async def test_a_file_of_before_is_taken_over_but_for_what_is_of_somebody_who_left(team, tmp_path):
    old = apsw.Connection(str(tmp_path / "people.db"))
    old.execute(_OF_BEFORE)
    now = int(team.front._assembly.clock.now().timestamp())
    for user in ("eve", "ann", "bob"):
        at = now + 5 if user == "ann" else now - 5  # the one before or after they came
        old.execute("insert into password values (?, 'hash', ?)", (user, at))
        old.execute(
            "insert into session values (?, ?, 'password', ?, ?, ?, ?)", (user[0].encode(), user, at, now, now + 60, at)
        )
        old.execute("insert into link values (?, ?, 'welcome', ?)", (user[1:].encode(), user, now + 60))
        old.execute("insert into account values ('https://idp.example', ?, ?)", (user, user))
    old.close()
    await team.front.user_leaves("bob")
    await team.front.invite("bob", ("approver",))
    for _ in range(2):
        with machine(team, tmp_path / "people.db") as there:
            kept = there.doors.credentials
            has = {user: bool(kept.password_hash(user)) for user in ("eve", "ann", "bob")}
            seen = {user: kept.last_seen(user) is not None for user in has}
            known = {user: kept.account("https://idp.example", user) == user for user in has}
            assert has == seen == known == {"eve": True, "ann": True, "bob": False}
            assert kept._db.execute("select count(*) from link").fetchall() == [(2,)]
