"""People and programs over HTTP: who is here, invitations, resets, leaving, keys, and who is told outside the page."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body
from starlette.responses import Response

from cuga.api.answers import answer, nothing, router
from cuga.api.auth import Governing, Here, Keyholding, Looking
from cuga.api.pages import Given
from cuga.errors import NotAllowed
from cuga.kernel.house import ABOUT
from cuga.model.house_event import NoticeAdded
from cuga.model.value import Value
from cuga.orchestrator.changing.doorkeeping import Invited, Left, NewKey, Person
from cuga.orchestrator.changing.noticing import NewNotice
from cuga.people.credentials import Key

people = router("people")


class PersonPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Everybody of the house."""

    items: tuple[Person, ...]
    next: str | None


class NewPerson(Value, frozen=True, kw_only=True):
    """Somebody to invite, with the roles they get; without roles somebody who is here is invited once more.

    With `mail_to` the link is mailed there, where a mail server is set up.
    """

    user: str
    roles: tuple[str, ...] = ()
    mail_to: str = ""


class Roles(Value, frozen=True, kw_only=True):
    """All roles that somebody shall have."""

    roles: tuple[str, ...]


class Leaving(Value, frozen=True, kw_only=True):
    """Who sees through what was somebody's; empty: nobody."""

    hand_over_to: str = ""


class KeyPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Keys, without their texts."""

    items: tuple[Key, ...]
    next: str | None


class KeyWish(Value, frozen=True, kw_only=True):
    """A key to make, for what it is to be used, and for how long."""

    scopes: tuple[str, ...]
    label: str = ""
    days: float = 90.0


class NoticePage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Who is told outside the page, and of what."""

    items: tuple[NoticeAdded, ...]
    next: str | None


class NoticeWish(Value, frozen=True, kw_only=True):
    """Somebody to tell: `channel` is webhook, slack, teams or email, `about` some of waiting, expiring, ended."""

    channel: str
    address: str
    about: tuple[str, ...] = ABOUT


@people.get("/users", response_model=PersonPage)
async def list_people(doors: Here, _: Looking) -> Response:
    """Everybody of the house with their roles."""
    return answer(PersonPage(items=tuple(await doors.front.people()), next=None))


@people.post("/users", status_code=201, response_model=Invited)
async def invite(doors: Here, asker: Governing, wish: Annotated[NewPerson, Body()]) -> Response:
    """Invite somebody: the link lets them set a password, once. A second person ends the solo mode."""
    return answer(await doors.front.invite(wish.user, wish.roles, by=asker.principal, mail_to=wish.mail_to), 201)


@people.post("/users/{user}/roles", response_model=PersonPage)
async def set_roles(doors: Here, asker: Governing, user: str, wish: Annotated[Roles, Body()]) -> Response:
    """Give somebody these roles and no others; it counts from their next request on."""
    await doors.front.set_roles(user, wish.roles, by=asker.principal)
    return answer(PersonPage(items=tuple(await doors.front.people()), next=None))


@people.post("/users/{user}/reset", response_model=Invited)
async def reset_password(doors: Here, asker: Governing, user: str) -> Response:
    """Take somebody's password and sessions away, and make a link to set a new one."""
    return answer(await doors.front.reset_password(user, by=asker.principal))


@people.post("/users/{user}/leave", response_model=Left)
async def let_go(doors: Here, asker: Governing, user: str, wish: Annotated[Leaving, Body()]) -> Response:
    """Let somebody go, and hand over their runs, schedules and what they would have decided."""
    return answer(await doors.front.user_leaves(user, wish.hand_over_to, by=asker.principal))


@people.get("/keys", response_model=KeyPage)
async def list_keys(doors: Here, asker: Keyholding) -> Response:
    """One's own keys; for an admin all of them."""
    return answer(KeyPage(items=tuple(await doors.front.keys(by=asker.principal)), next=None))


@people.post("/keys", status_code=201, response_model=NewKey)
async def make_key(doors: Here, asker: Keyholding, wish: Annotated[KeyWish, Body()]) -> Response:
    """Make a key for a program that acts for oneself. Its text is shown now and never again."""
    if asker.key is not None:
        raise NotAllowed("a key makes no keys")
    made = await doors.front.make_key(wish.scopes, wish.label, wish.days, by=asker.principal)
    return answer(made, 201)


@people.delete("/keys/{key_id}", status_code=204)
async def revoke_key(doors: Here, asker: Keyholding, key_id: str) -> Response:
    """Let a key let nobody in any more."""
    await doors.front.revoke_key(key_id, by=asker.principal)
    return nothing()


@people.get("/notices", response_model=NoticePage)
async def list_notices(doors: Here, _: Looking) -> Response:
    """Who is told outside the page, and of what."""
    return answer(NoticePage(items=tuple(await doors.front.notices()), next=None))


@people.post("/notices", status_code=201, response_model=NewNotice)
async def add_notice(doors: Here, asker: Governing, wish: Annotated[NoticeWish, Body()]) -> Response:
    """Tell somebody from now on. The secret that signs webhooks is shown now and never again."""
    made = await doors.front.add_notice(wish.channel, wish.address, wish.about, by=asker.principal)
    return answer(made, 201)


@people.post("/notices/{notice_id}/test", status_code=204)
async def test_notice(doors: Here, asker: Governing, notice_id: str) -> Response:
    """Send a message there now; answers what went wrong if it does not arrive."""
    await doors.front.test_notice(notice_id, by=asker.principal)
    return nothing()


@people.delete("/notices/{notice_id}", status_code=204)
async def remove_notice(doors: Here, asker: Governing, notice_id: str) -> Response:
    """Tell nobody there any more."""
    await doors.front.remove_notice(notice_id, by=asker.principal)
    return nothing()
