"""Runs that begin once for an Idempotency-Key, whichever machine of the house hears it, and however often.

The run's id is made of who asks and of the key, so the journal itself takes no second one. That another request came
under the key is seen in full by the machine that heard the first, and by the others as far as the record tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime

from starlette.requests import Request

from cuga.api.answers import body_digest, once_key
from cuga.api.auth import Asker
from cuga.api.doors import Doors
from cuga.clock import ulid
from cuga.errors import InvalidTransition, KeyReused
from cuga.model.plan import Budget
from cuga.model.run_event import RunStarted
from cuga.model.value import Value
from cuga.orchestrator.rehearsal.replaying import has_gaps
from cuga.people.credentials import KEPT


class Asked(Value, frozen=True, kw_only=True):
    """What a request asks for, as far as the beginning of its run tells."""

    goal: str
    profile: str = ""  # empty: whichever
    as_of: datetime | None = None
    budget: Budget | None = None
    plan_only: bool = False

    def is_of(self, started: RunStarted) -> bool:
        """Whether a run that has begun may be what was asked for; one that has lost words may be."""
        goal = self.goal.strip().encode("utf-8", "replace").decode()
        return has_gaps(started) or (
            started.goal == goal
            and self.profile in ("", started.profile)
            and (self.as_of, self.budget, self.plan_only) == (started.as_of, started.budget, started.plan_only)
        )


async def begin_once(
    doors: Doors, asker: Asker, request: Request, asked: Asked, begin: Callable[[str], Awaitable[str]]
) -> tuple[str, bool]:
    """Begin a run under the request's Idempotency-Key, once; the run's id, and whether it is a new one."""
    doors.rates.take("start", asker.id)
    assembly = await doors.front.open()
    key = once_key(request)
    if not key:
        return await begin(assembly.clock.new_id()), True
    run_id, started = await _run_of(doors, asker.id, key)
    _must_be(started, asked, asker.id, key)
    given = doors.credentials.once(asker.id, key, body_digest(request, await request.body()), run_id)
    if given is None:
        raise KeyReused(key)
    if await assembly.journal.version(given):
        return given, False
    try:
        return await begin(given), True
    except InvalidTransition:
        started = await _started(doors, given)
        if started is None:
            raise
        _must_be(started, asked, asker.id, key)
        return given, False  # the same request, at the same time


async def _run_of(doors: Doors, user: str, key: str) -> tuple[str, RunStarted | None]:
    """The run of a key, and how it began if it did. Once that is longer ago than keys are kept, it is the next one."""
    assembly = await doors.front.open()
    number, now = 0, assembly.clock.now()
    while True:
        said = f"{assembly.tenant}\n{user}\n{key}\n{number}"
        made = hashlib.sha256(said.encode()).digest()
        run_id = ulid(int.from_bytes(made[:6]), made[6:16])
        started = await _started(doors, run_id)
        if started is None or now - started.at < KEPT:
            return run_id, started
        number += 1


async def _started(doors: Doors, run_id: str) -> RunStarted | None:
    front = doors.front
    return (await front.state(run_id)).started if await (await front.open()).journal.version(run_id) else None


def _must_be(started: RunStarted | None, asked: Asked, user: str, key: str) -> None:
    if started is not None and not (started.requester.id == user and asked.is_of(started)):
        raise KeyReused(key)
