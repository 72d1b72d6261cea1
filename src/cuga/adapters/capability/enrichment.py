"""What tools ask of somebody who knows companies: facts on one, with where each is from. No person is asked about."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from cuga.model.value import Value


class Asked(Value, frozen=True, kw_only=True):
    """The company that is asked about."""

    name: str
    domain: str = ""
    country: str = ""


class Told(Value, frozen=True, kw_only=True):
    """One field as one source has it. `source` is file:line or an address, `licence` what it may be used for."""

    field: str
    value: str
    provider: str
    seen: date | None = None
    licence: str = ""
    source: str = ""


class Enricher(Protocol):
    """A source of facts on companies."""

    def facts(self, asked: Asked) -> tuple[Told, ...]:
        """What it says of a company; nothing when it does not know it. `NotDone` when it cannot be asked."""
        ...
