"""Where the operations of one document are asked: its hosts and nothing else, with the secrets that the registry names.

One request a call, never sent again from here: what may be tried again is the kernel's to say, and is recorded.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from cuga.errors import CugaError, NotDone
from cuga.model.value import digest_bytes
from cuga.outbound import Answer, Egress, SafeClient
from cuga.policy.outside import OpenApiDocument
from cuga.tools.openapi.document import BEARER, Document
from cuga.tools.openapi.operation import Operation

_NEXT = re.compile(r"<([^<>]{1,2000})>\s*;[^,]*?\brel=\"?next\"?")
_RATE = ("limit", "remaining", "reset")


class Api:
    """The adapter behind the capability of a document's tools."""

    def __init__(
        self,
        said: OpenApiDocument,
        document: Document,
        variables: Mapping[str, str],
        *,
        inside: tuple[str, ...] = (),
        proxy: str = "",
    ) -> None:
        self._said = said
        self._document = document
        self._variables = variables
        base = urlsplit(document.base)
        egress = Egress(hosts=(base.hostname or "",), inside=inside, plain=base.scheme == "http")
        self._client = SafeClient(egress, attempts=1, total_s=float(said.timeout_s), proxy=proxy)

    async def call(self, operation: Operation, arguments: dict[str, Any], key: str) -> dict[str, Any]:
        """Ask, and give status and body; of a list with `pages` in the registry, all of those pages as one."""
        path, headers, body = operation.request(arguments)
        signed, query = self._signed(operation)
        url = _with(self._document.base + path, query)
        answer = await self._asked(operation.method, url, {**headers, **signed}, body, key)
        found = _told(answer)
        further = self._next(url, answer) if operation.method == "GET" else None
        for _ in range(self._said.pages - 1):
            if further is None:
                break
            answer = await self._asked("GET", _with(further, query), {**headers, **signed}, b"", "")
            if not _joined(found, _told(answer)):
                break
            further = self._next(further, answer)
        return {**found, "next": further}

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _asked(self, method: str, url: str, headers: dict[str, str], body: bytes, key: str) -> Answer:
        try:
            return await self._client.request(method, url, headers=headers, body=body, key=key)
        except CugaError as error:
            if not (said := error.facts.get("said")):
                raise
            facts = {name: value for name, value in error.facts.items() if name != "said"}
            raise type(error)(f"{error.detail}: {said}", **facts) from error

    def _signed(self, operation: Operation) -> tuple[dict[str, str], list[tuple[str, str]]]:
        """Headers and query that say who asks. `NotDone` when the operation wants a secret that is not there."""
        wanted = next((one for one in operation.security if one and self._has(one)), ())
        if not wanted and operation.security and () not in operation.security:
            names = " or ".join(" and ".join(one) for one in operation.security)
            mend = f"Name a variable for it under openapi.{self._said.name}.secrets, and set that in the environment."
            raise NotDone(f"{operation.name} needs the secret {names}", mode="user_permission", mend=mend)
        headers: dict[str, str] = {}
        query: list[tuple[str, str]] = []
        for scheme in wanted:
            self._sign(scheme, self._variables[self._said.secrets[scheme]], headers, query)
        return headers, query

    def _has(self, schemes: tuple[str, ...]) -> bool:
        return all(self._variables.get(self._said.secrets.get(one, "")) for one in schemes)

    def _sign(self, name: str, secret: str, headers: dict[str, str], query: list[tuple[str, str]]) -> None:
        scheme = self._document.schemes.get(name, {"type": "http", "scheme": BEARER})
        match scheme.get("type"), scheme.get("in"), str(scheme.get("scheme", "")).lower():
            case "apiKey", "header", _:
                headers[str(scheme.get("name"))] = secret
            case "apiKey", "query", _:
                query.append((str(scheme.get("name")), secret))
            case "http", _, "basic":
                headers["authorization"] = f"Basic {base64.b64encode(secret.encode()).decode()}"
            case ("http", _, "bearer") | (("oauth2" | "openIdConnect"), _, _):
                headers["authorization"] = f"Bearer {secret}"
            case _:
                raise NotDone(
                    f"the security scheme {name} is of a kind that is not sent from here", mode="user_permission"
                )

    def _next(self, url: str, answer: Answer) -> str | None:
        """The address of the next page, when the answer names one at the same place."""
        if (found := _NEXT.search(answer.headers.get("link", ""))) is None:
            return None
        further = urlsplit(urljoin(url, found[1]))
        here = urlsplit(url)
        return further.geturl() if further[:2] == here[:2] else None


def _with(url: str, query: list[tuple[str, str]]) -> str:
    """The address with what says who asks, unless that stands there already."""
    added = urlencode([one for one in query if one not in parse_qsl(urlsplit(url).query)])
    return f"{url}{'&' if '?' in url else '?'}{added}" if added else url


def _told(answer: Answer) -> dict[str, Any]:
    """What a run keeps of an answer."""
    found: dict[str, Any] = {"status": answer.status, "body": _body(answer), "next": None}
    rate = {}
    for family in ("x-ratelimit", "ratelimit"):
        for name in _RATE:
            said = answer.headers.get(f"{family}-{name}", "").strip()
            if said.isascii() and said.isdigit():
                rate[name] = int(said[:15])
    if rate:
        found["rate"] = rate
    return found


def _body(answer: Answer) -> Any:
    if not answer.body:
        return None
    kind = answer.content_type
    if kind == "application/json" or kind.endswith("+json"):
        return answer.json()
    if kind.startswith("text/"):
        return {"text": answer.text()}
    return {"type": kind, "size": len(answer.body), "sha256": digest_bytes(answer.body)}


def _joined(found: dict[str, Any], page: dict[str, Any]) -> bool:
    """Put the list of a further page behind that of the first; False when it is no list of the same kind."""
    before, more = _list(found["body"]), _list(page["body"])
    if before is None or more is None:
        return False
    before += more
    found |= {"rate": page["rate"]} if "rate" in page else {}
    return True


def _list(body: Any) -> list[Any] | None:
    if isinstance(body, list):
        return body
    lists = [one for one in body.values() if isinstance(one, list)] if isinstance(body, dict) else []
    return lists[0] if len(lists) == 1 else None
