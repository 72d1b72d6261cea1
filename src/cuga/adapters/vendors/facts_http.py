"""Facts on companies from a service on the network that answers a company's domain with JSON.

Most such services differ only in an address, a header and where a field stands in the answer: these are told, and
nobody has to write code. Only the domain is sent; a company without one is not asked about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from cuga.adapters.capability.enrichment import Asked, Told
from cuga.clock import Clock
from cuga.errors import BadInput, CugaError, NotDone
from cuga.outbound import SafeClient

PLACE = "{domain}"
MAX_VALUE = 2_000  # characters of a fact
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,63}")
_USUAL = "industry=/industry,employees=/employees,country=/country,city=/city,founded=/founded,revenue=/revenue"


class WebFacts:
    """An `Enricher` that asks `url` with the domain in the place of `{domain}`. `header` is `Name: value`, as it is
    sent; `fields` says where in the answer a field stands: `employees=/metrics/employees,...`."""

    def __init__(
        self, url: str, client: SafeClient, clock: Clock, *, header: str = "", fields: str = "", licence: str = ""
    ) -> None:
        if url.count(PLACE) != 1 or PLACE in urlsplit(url).netloc:
            raise BadInput(f"the address of a source of facts holds {PLACE} once, after the host")
        self._url, self._client, self._clock, self._licence = url, client, clock, licence
        name, colon, value = header.partition(":")
        if header and not (colon and name.strip() and value.strip()):
            raise BadInput("the header of a source of facts is written as Name: value")
        self._headers = {name.strip(): value.strip()} if header else {}
        self._fields = _read_fields(fields or _USUAL)
        self._provider = urlsplit(url).hostname or "web"

    def look(self) -> str:
        """Ask about one company and say whether it answers."""
        found = self.facts(Asked(name="Example", domain="example.com"))
        return f"{self._provider} answers; it says {len(found)} of {len(self._fields)} fields of example.com"

    def facts(self, asked: Asked) -> tuple[Told, ...]:
        """What it answers for the domain; 404 means that it does not know the company."""
        if not _DOMAIN.fullmatch(asked.domain):
            return ()
        url = self._url.replace(PLACE, quote(asked.domain, safe=""))
        try:
            answer = self._client.fetch(
                "GET", url, headers={"accept": "application/json", **self._headers}, statuses=(404,)
            )
            said = {} if answer.status == 404 else answer.json()
        except CugaError as error:
            raise NotDone(f"{self._provider} could not be asked: {error.message}", mend=error.next_step) from error
        at: datetime = self._clock.now()
        return tuple(
            Told(
                field=field, value=value, provider=self._provider, seen=at.date(), licence=self._licence,
                source=f"{self._provider}{pointer}",
            )
            for field, pointer in self._fields.items()
            if (value := _found(said, pointer))
        )  # fmt: skip


def _read_fields(text: str) -> Mapping[str, str]:
    found = {}
    for part in text.split(","):
        name, _, pointer = part.strip().partition("=")
        if not name or not pointer.startswith("/"):
            raise BadInput(f"{part.strip()!r} says no field", mend="write employees=/metrics/employees")
        found[name.strip()] = pointer
    return found


def _found(value: Any, pointer: str) -> str:
    for part in pointer.removeprefix("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return ""
    return " ".join(str(value).split())[:MAX_VALUE] if isinstance(value, str | int | float) and value != "" else ""
