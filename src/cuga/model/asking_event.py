"""Facts about language models: what was sent to one, what came back, and what it took of the budgets.

A model's reply is a fact of the run like any answer: a replay reads it here and asks nobody again.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from cuga.model.fact import Claim, Event
from cuga.model.failure import FailureMode


class ModelCallStart(Event, frozen=True, kw_only=True):
    """A model is asked; written before anything leaves the house. `tokens` and `money` are reserved: the worst case."""

    call: int  # of this run, from 1
    attempt: int  # the plan request that it serves, or of the step whose text it is to write
    step: str = ""  # whose text it is to write; empty: it plans
    provider: str
    name: str
    host: str  # where the words go
    fields: tuple[str, ...]  # kinds of what leaves the house
    tools: tuple[str, ...]  # the only ones it may name
    prompt: str  # all that it is told
    tokens: int
    money: int | None = None  # millionths of a dollar; None: nobody knows the price
    timeout_s: int
    deadline: datetime
    claims: tuple[Claim, ...] = ()


class ModelCallComplete(Event, frozen=True, kw_only=True):
    """The model answered. A count that is None is not known, and what was reserved for it stays taken."""

    call: int
    attempt: int
    step: str = ""
    reply: msgspec.Raw  # the answer as JSON, in the form that was asked for
    requests: int  # an answer that did not do was asked for again
    tokens: int | None = None
    money: int | None = None
    duration_us: int = 0
    claims: tuple[Claim, ...] = ()  # negative: what was reserved and not used


class ModelCallError(Event, frozen=True, kw_only=True):
    """The model did not answer so that it could be used, or was not asked at all: then `sent` is false."""

    call: int
    attempt: int
    step: str = ""
    mode: FailureMode
    message: str
    sent: bool = True
    requests: int = 0
    tokens: int | None = None
    money: int | None = None
    duration_us: int = 0
    claims: tuple[Claim, ...] = ()


ModelHeard = ModelCallComplete | ModelCallError
