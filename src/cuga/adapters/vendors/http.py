"""Asking a vendor's API over HTTP: one request, with who we are, and again only after a token was renewed.

A 401 says that nothing was done, so the same request may go out once more with a new token. Every other repeat is the
kernel's: limits of a rate, outages and lost answers come back as errors that say what is known and how long to wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from cuga.errors import BadInput, CugaError, Rejected, Unanswered
from cuga.outbound import Answer, Egress, SafeClient
from cuga.outbound.client import Surroundings

MAX_BYTES = 16 << 20  # of one page of records
SAID = 240  # characters of a vendor's own words


def client_for(url: str, around: Surroundings) -> SafeClient:
    """A client that can ask the host of a URL and no other; http only for what is named as inside."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise BadInput(f"{url[:80]!r} is no address of an API", mend="It begins with https://.")
    named = {parts.hostname, parts.netloc}
    is_plain = parts.scheme == "http" and not named.isdisjoint(around.inside)
    egress = Egress(hosts=(parts.hostname,), inside=around.inside, plain=is_plain)
    return SafeClient(egress, proxy=around.proxy, max_bytes=MAX_BYTES)


class VendorApi:
    """The API of one vendor. `token` gives the headers that say who we are; `renew` gets new ones, if it can."""

    def __init__(
        self,
        title: str,
        base: str,
        client: SafeClient,
        token: Callable[[], Mapping[str, str]],
        renew: Callable[[], bool] = lambda: False,
    ) -> None:
        self._title, self._base, self._client = title, base.rstrip("/"), client
        self._token, self._renew = token, renew
        self._lock = threading.Lock()

    def get(self, path: str, **params: str | int) -> Any:
        """Ask for something; its JSON."""
        return self.ask("GET", path, params=params).json()

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        missing: bool = False,
    ) -> Answer:
        """One request. With `missing` a 404 is an answer. Raises what `SafeClient.request` raises."""
        if not path.startswith("/"):  # behind the host's name anything else could make another host of it
            raise Unanswered(f"{self._title} named {path[:80]!r} as the next page", mode="agent_contract")
        for is_last in (False, True):
            with self._lock:  # a token is fetched once, whoever needs it first
                said = {"accept": "application/json", **self._token(), **(headers or {})}
            try:
                return self._client.fetch(
                    method,
                    self._base + path,
                    params=params or None,
                    json=json,
                    headers=said,
                    statuses=(404,) if missing else (),
                )
            except Rejected as error:
                if error.facts.get("status") == 401 and not is_last:
                    with self._lock:
                        is_renewed = self._renew()
                    if is_renewed:
                        continue
                raise self._worded(error) from error
            except CugaError as error:
                raise self._worded(error) from error
        raise AssertionError("the last round returns or raises")

    def _worded(self, error: CugaError) -> CugaError:
        """The same error with the vendor's own words, and with what helps against the usual ones."""
        facts = dict(error.facts)
        words = str(facts.get("said") or "")[:SAID]
        if "REQUEST_LIMIT_EXCEEDED" in words:
            facts["mode"] = "resource_rate_limit"
        if facts.get("status") in (401, 403) and facts.get("mode") != "resource_rate_limit":
            facts["mend"] = f"`cuga adapters setup {self._title.lower()}` says what is needed and takes a new token"
        detail = f"{self._title}: {error.detail}" + (f": {words}" if words else "")
        return type(error)(detail, **facts)
