"""Coming in and going out: the one-use link, passwords, and a fresh proof of who decides."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Body, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from cuga.api.answers import answer, nothing, router
from cuga.api.auth import COOKIE, Asker, Here, Known, must_be_proved, sign_in
from cuga.api.doors import Doors
from cuga.api.pages import Given
from cuga.api.rates import address_of
from cuga.errors import NotAllowed, NotFound, NotSignedIn
from cuga.model.value import Value
from cuga.people import passwords
from cuga.people.oidc import Provider
from cuga.policy.access import verbs_of

login = router("signing in")
_BACK = "/api/login/oidc/callback"
_STATE = "cuga_oidc"


class Me(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Who is signed in, and what they may do now."""

    user: str
    roles: tuple[str, ...]
    is_solo: bool
    tenant: str
    can: tuple[str, ...]
    way: str  # link, password, oidc, key
    has_password: bool
    needs_step_up: bool  # a decision of high risk asks for the password first


class Ways(Given, frozen=True, kw_only=True, omit_defaults=False):
    """How one can come in here."""

    solo: bool
    password: bool
    oidc: bool


class NameAndPassword(Value, frozen=True, kw_only=True):
    """Who, and the proof of it."""

    user: str
    password: str


class Token(Value, frozen=True, kw_only=True):
    """The token of a link."""

    token: str


class Invitation(Value, frozen=True, kw_only=True):
    """The token of an invitation or a reset, and the password that is wanted."""

    token: str
    password: str


class Password(Value, frozen=True, kw_only=True):
    """The password of whoever is signed in."""

    password: str


class NewPassword(Value, frozen=True, kw_only=True):
    """A new password, and the one before when there is one."""

    password: str
    old: str = ""


@login.get("/login/ways", response_model=Ways)
async def ways_in(doors: Here) -> Response:
    """How one can come in here; needs no login."""
    roles = (await doors.front.open()).current.roles
    return answer(Ways(solo=not roles, password=bool(roles), oidc=doors.oidc is not None and bool(roles)))


@login.get("/me", response_model=Me)
async def who_am_i(doors: Here, asker: Known) -> Response:
    """Who is signed in, and what they may do now."""
    return answer(await _me(doors, asker))


@login.post("/login", status_code=204)
async def log_in(doors: Here, request: Request, said: Annotated[NameAndPassword, Body()]) -> Response:
    """Sign in with a password."""
    doors.rates.take("login", address_of(request))
    doors.rates.take("login of", said.user)
    kept = doors.credentials.password_hash(said.user)
    if not await passwords.holds(kept, said.password) or doors.credentials.password_hash(said.user) != kept:
        await doors.front.login_failed(said.user)  # it was wrong, or was taken away while it was looked at
        raise NotSignedIn("this name and this password do not belong together")
    response = nothing()
    sign_in(doors, response, said.user, "password")
    return response


@login.post("/login/link", status_code=204)
async def come_in_by_link(doors: Here, request: Request, said: Annotated[Token, Body()]) -> Response:
    """Sign in with the link that `cuga serve` printed. It works once."""
    doors.rates.take("login", address_of(request))
    user = doors.credentials.take_link(said.token, "welcome")
    if not user:
        raise NotSignedIn(
            "this link was used or is too old", mend="`cuga serve` prints a new one; so does `cuga link`."
        )
    response = nothing()
    sign_in(doors, response, user, "link")
    return response


@login.post("/login/invitation", status_code=204)
async def accept_invitation(doors: Here, request: Request, said: Annotated[Invitation, Body()]) -> Response:
    """Set a first or a new password with the link of an invitation, and sign in."""
    doors.rates.take("login", address_of(request))
    hashed = await passwords.hashed(said.password)  # before: a link that is taken back meanwhile sets none
    user = doors.credentials.take_link(said.token, "invitation", "reset")
    if not user:
        raise NotSignedIn("this link was used or is too old", mend="Ask an admin for a new one.")
    doors.credentials.set_password_hash(user, hashed)
    response = nothing()
    sign_in(doors, response, user, "password")
    return response


@login.get("/login/oidc", status_code=302, response_class=RedirectResponse)
async def begin_at_provider(doors: Here, request: Request, step_up: bool = False) -> Response:
    """Go to the OpenID provider of this house and come back signed in; with `step_up` prove there who you are."""
    doors.rates.take("login", address_of(request))
    provider = _provider(doors)
    url, state = await provider.begin(f"{doors.address.url}{_BACK}", proves=step_up)
    response = RedirectResponse(url, 302)
    response.set_cookie(  # sent along when the provider sends them back, which no stricter cookie is
        _STATE, state, max_age=600, httponly=True, samesite="lax", secure=doors.address.is_secure, path=_BACK
    )
    return response


@login.get("/login/oidc/callback", status_code=302, response_class=RedirectResponse)
async def come_back_from_provider(
    doors: Here,
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4_000)] = "",
) -> Response:
    """Where the provider sends people back."""
    doors.rates.take("login", address_of(request))
    provider = _provider(doors)
    if not state or not secrets.compare_digest(state.encode(), request.cookies.get(_STATE, "").encode()):
        raise NotSignedIn("this way in was begun in another browser", mend="Begin again.")
    identity = await provider.finish(state, code, f"{doors.address.url}{_BACK}")
    user = await doors.front.user_of(identity)
    response = RedirectResponse("/", 302)
    response.delete_cookie(_STATE, path=_BACK)
    is_proof = identity.proved_at is not None
    sign_in(doors, response, user, "oidc", identity.proved_at, is_proof=is_proof)
    return response


def _provider(doors: Doors) -> Provider:
    if doors.oidc is None:
        raise NotFound("no OpenID provider is set", mend="Set CUGA_OIDC_ISSUER and CUGA_OIDC_CLIENT.")
    return doors.oidc


@login.post("/logout", status_code=204)
async def log_out(doors: Here, request: Request) -> Response:
    """Sign out of this browser."""
    doors.credentials.end_session(request.cookies.get(COOKIE, ""))
    response = nothing()
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=doors.address.is_secure)
    return response


@login.post("/step-up", response_model=Me)
async def prove_again(doors: Here, request: Request, asker: Known, said: Annotated[Password, Body()]) -> Response:
    """Prove once more who decides, for decisions of high risk in the next minutes."""
    doors.rates.take("login", address_of(request))
    doors.rates.take("login of", asker.id)
    if asker.session is None:
        raise NotAllowed("a key proves nothing about a person")
    if not await passwords.holds(doors.credentials.password_hash(asker.id), said.password):
        await doors.front.login_failed(asker.id)
        raise NotAllowed("that is not the password")
    doors.credentials.prove(asker.token)
    return answer(await _me(doors, asker))


@login.post("/me/password", status_code=204)
async def set_password(doors: Here, request: Request, asker: Known, said: Annotated[NewPassword, Body()]) -> Response:
    """Set one's own password. Every other browser is signed out. It counts as a proof of who one is, so it takes one:
    the password before, or without any a sign-in of the last minutes."""
    doors.rates.take("login", address_of(request))
    doors.rates.take("login of", asker.id)
    if asker.session is None:
        raise NotAllowed("a key sets no password")
    kept = doors.credentials.password_hash(asker.id)
    if kept and not await passwords.holds(kept, said.old):
        await doors.front.login_failed(asker.id)
        raise NotAllowed("that is not the password before")
    if not kept:
        await must_be_proved(doors, asker.session)
    hashed = await passwords.hashed(said.password, asker.id)
    if doors.credentials.session(asker.token) is None or doors.credentials.password_hash(asker.id) != kept:
        raise NotSignedIn("the password or this way in was taken away meanwhile")
    doors.credentials.set_password_hash(asker.id, hashed)
    response = nothing()
    sign_in(doors, response, asker.id, "password")
    return response


async def _me(doors: Doors, asker: Asker) -> Me:
    current = (await doors.front.open()).current
    can = verbs_of(asker.principal, current)
    if asker.key is not None:
        can = tuple(verb for verb in can if verb in asker.key.scopes)
    return Me(
        user=asker.id,
        roles=asker.principal.roles,
        is_solo=asker.principal.solo,
        tenant=asker.principal.tenant,
        can=can,
        way=asker.session.way if asker.session else "key",
        has_password=bool(doors.credentials.password_hash(asker.id)),
        needs_step_up=not asker.principal.solo,
    )
