"""Who is asking: the session of a browser or the key of a program; read anew with every request, roles included."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection
from starlette.responses import Response

from cuga.api.doors import Doors, doors_of
from cuga.errors import NotAllowed, NotSignedIn, ProofNeeded
from cuga.model.context import Principal
from cuga.people.credentials import KEY_PREFIX, LONGEST, Key, Session
from cuga.policy.access import FOR_PROGRAMS, Verb, asks_for_proof, may

COOKIE = "cuga_session"
PROVEN = timedelta(minutes=10)  # how long a proof of who somebody is counts


@dataclass(frozen=True)
class Asker:
    """Somebody who is known, with the roles that count now."""

    principal: Principal
    token: str = ""  # of the session
    session: Session | None = None
    key: Key | None = None

    @property
    def id(self) -> str:
        return self.principal.id


async def asker_of(connection: HTTPConnection) -> Asker:
    """Who is asking; `NotSignedIn`."""
    doors = doors_of(connection)
    scheme, _, text = connection.headers.get("authorization", "").partition(" ")
    if scheme:
        key = (
            doors.credentials.key(text.strip()) if scheme.lower() == "bearer" and text.startswith(KEY_PREFIX) else None
        )
        # the record counts: where each machine has a copy of its keys, only one of them took a revoked one away
        assembly = await doors.front.open()
        if key is not None and key.key_id not in assembly.state.keys:
            await assembly.look_at_house()  # it may have been made this moment, by another process
        if key is None or key.key_id not in assembly.state.keys:
            raise NotSignedIn("that key is none of this house, or is over")
        return Asker(await doors.front.principal(key.user), key=key)
    token = connection.cookies.get(COOKIE, "")
    session = doors.credentials.session(token) if token else None
    if session is None:
        raise NotSignedIn("the session is over" if token else "")
    principal = await doors.front.principal(session.user)
    if principal.solo and principal.id != doors.front.user:
        raise NotSignedIn(f"{principal.id} is not the user of this house any more")
    return Asker(principal, token=token, session=session)


async def looker(connection: HTTPConnection) -> Asker:
    """Whoever may look; what changes nothing is asked of nobody further in."""
    asker = await allowed(Verb.LOOK)(connection)
    ruling = may(asker.principal, Verb.LOOK, (await doors_of(connection).front.open()).current)
    if not ruling.allowed:
        raise NotAllowed(
            "; ".join(ruling.reasons), mend="An admin can give a role: cuga users grant NAME --role viewer"
        )
    return asker


def allowed(verb: Verb) -> Callable[[HTTPConnection], Awaitable[Asker]]:
    """Somebody who is known, by a key only if it is for this. Whether they may is judged where it is carried out."""

    async def known(connection: HTTPConnection) -> Asker:
        asker = await asker_of(connection)
        if asker.key is not None and (verb not in FOR_PROGRAMS or verb.value not in asker.key.scopes):
            raise NotAllowed(f"the key {asker.key.label or asker.key.key_id} is not for {verb.value}")
        return asker

    return known


async def must_be_fresh(doors: Doors, asker: Asker, risk: str) -> None:
    """`ProofNeeded` when a decision of this risk asks for a newer proof of who decides."""
    if not asks_for_proof(risk, asker.principal, (await doors.front.open()).current):
        return
    if asker.session is None:
        raise NotAllowed(f"a decision of {risk} risk is made by a person who is signed in, not by a key")
    await must_be_proved(doors, asker.session)


def proved(verb: Verb) -> Callable[[HTTPConnection], Awaitable[Asker]]:
    """Somebody who is known and has lately proved who they are, as a decision of high risk asks for."""
    known = allowed(verb)

    async def fresh(connection: HTTPConnection) -> Asker:
        asker = await known(connection)
        await must_be_fresh(doors_of(connection), asker, "high")
        return asker

    return fresh


async def must_be_proved(doors: Doors, session: Session) -> None:
    """`ProofNeeded` when the person of a session has not proved who they are lately."""
    if (await doors.front.open()).clock.now() - session.proved_at > PROVEN:
        raise ProofNeeded()


def sign_in(
    doors: Doors,
    response: Response,
    user: str,
    way: str,
    proved_at: datetime | None = None,
    *,
    is_proof: bool = True,
) -> None:
    """Begin a session and hand its token to the browser."""
    token = doors.credentials.begin_session(user, way, proved_at, is_proof=is_proof)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(LONGEST.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=doors.address.is_secure,
        path="/",
    )


Here = Annotated[Doors, Depends(doors_of)]
Known = Annotated[Asker, Depends(asker_of)]
Looking = Annotated[Asker, Depends(looker)]
Starting = Annotated[Asker, Depends(allowed(Verb.START))]
Steering = Annotated[Asker, Depends(allowed(Verb.STEER))]
Settling = Annotated[Asker, Depends(allowed(Verb.SETTLE))]
ToppingUp = Annotated[Asker, Depends(allowed(Verb.TOP_UP))]
Deciding = Annotated[Asker, Depends(allowed(Verb.DECIDE))]
Governing = Annotated[Asker, Depends(proved(Verb.GOVERN))]  # who may do what is worth as much as any decision
Feeding = Annotated[Asker, Depends(allowed(Verb.FEED))]
Scheduling = Annotated[Asker, Depends(allowed(Verb.SCHEDULE))]
Stopping = Annotated[Asker, Depends(allowed(Verb.STOP))]
Delegating = Annotated[Asker, Depends(allowed(Verb.DELEGATE))]
Keyholding = Annotated[Asker, Depends(allowed(Verb.KEYS))]
