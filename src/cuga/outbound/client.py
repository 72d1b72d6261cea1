"""`SafeClient`: sends one request, again where that is safe, and says exactly what became of it.

It is sent once, unless who asks wants more `attempts`; then again only when asking changes nothing, when it carries a
key by which the other side knows it, or when not a byte of it was sent. Each attempt has its own connection, so each is
resolved and checked anew.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

import msgspec

from cuga.errors import BadInput, CugaError, EgressRefused, Unanswered, Unreachable
from cuga.outbound.addresses import Egress, Resolver, resolve
from cuga.outbound.answer import Answer, TooMuch, read_body
from cuga.outbound.sending import Sending, prepared, read_proxy
from cuga.outbound.verdict import judged, left_open, may_pass

READ_S, CONNECT_S, TOTAL_S = 10.0, 5.0, 25.0
ATTEMPTS = 1  # again is the kernel's to say, and is recorded; who asks outside of a run may want more
BASE_S, CAP_S = 0.5, 8.0  # of the wait between attempts; a longer `Retry-After` is the caller's to wait for
MAX_BYTES = 1 << 20  # of a body
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_log = logging.getLogger("cuga.outbound")


class Surroundings(Protocol):
    """What settings say of the network."""

    @property
    def proxy(self) -> str:
        """The address of the proxy; empty without one."""
        ...

    @property
    def inside(self) -> tuple[str, ...]:
        """What may be reached although it is not public."""
        ...


class SafeClient:
    """Asks other machines, within an `Egress`. Holds no connection, cookie or secret; one serves any number of tasks.

    `total_s` bounds all attempts and waits of one request together. `redirects` is how many may be followed, each
    checked like a first address, and only where asking changes nothing. `proxy` is an http(s) address: with one, names
    are looked up by it, so it has to refuse private addresses itself.
    """

    def __init__(
        self,
        egress: Egress | None = None,
        *,
        attempts: int = ATTEMPTS,
        redirects: int = 0,
        max_bytes: int = MAX_BYTES,
        read_s: float = READ_S,
        connect_s: float = CONNECT_S,
        total_s: float = TOTAL_S,
        proxy: str = "",
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._egress = egress or Egress()
        self._attempts = max(1, attempts)
        self._redirects = redirects
        self._max_bytes = max_bytes
        self._timeouts = {"connect": connect_s, "read": read_s, "write": read_s, "pool": connect_s}
        self._total_s = total_s
        self._proxy = read_proxy(proxy)
        self._resolver = resolver
        self._tls = tls
        self._sleep = sleep
        self._chance = chance

    @classmethod
    def under(
        cls, settings: Surroundings, *, hosts: tuple[str, ...] = (), plain: bool = False, **how: Any
    ) -> SafeClient:
        """A client with the proxy and the inside that the settings of this process name."""
        return cls(Egress(hosts=hosts, inside=settings.inside, plain=plain), proxy=settings.proxy, **how)

    async def get(self, url: str, **how: Any) -> Answer:
        """Ask for something; as `request`."""
        return await self.request("GET", url, **how)

    async def post(self, url: str, *, key: str = "", **how: Any) -> Answer:
        """Send something; as `request`. Without a `key` it is never sent twice."""
        return await self.request("POST", url, key=key, **how)

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        body: bytes = b"",
        key: str = "",
        statuses: Collection[int] = (),
        types: Collection[str] = (),
    ) -> Answer:
        """One request and its answer: 2xx, or one of `statuses`; of a media type among `types`, if any are named.

        `key` is sent as `Idempotency-Key`. Raises `BadInput` (it cannot be sent), `EgressRefused`, `Unreachable` and
        `Rejected` (surely not done), and `Unanswered` (it was sent, and nobody knows what became of it).
        """
        if json is not None:
            body, headers = msgspec.json.encode(json), {"content-type": "application/json", **(headers or {})}
        sending = prepared(method, url, params=params, headers=headers, body=body, key=key, agent="cuga")
        course = _Course(sending)
        self._get_ready(sending)
        try:
            async with asyncio.timeout(self._total_s) as limit:
                return await self._try(course, limit, statuses, types)
        except TimeoutError:
            said = f"{sending.method} {sending.shown}: no answer within {self._total_s:g} s"
            if course.is_open or course.was_sent:
                raise Unanswered(said, mode="system_timeout") from None
            raise Unreachable(said, mode="system_timeout") from None

    def fetch(self, method: str, url: str, **how: Any) -> Answer:
        """The same as `request` for a tool that is no coroutine; not to be called where an event loop runs."""
        return asyncio.run(self.request(method, url, **how))

    async def _try(
        self, course: _Course, limit: asyncio.Timeout, statuses: Collection[int], types: Collection[str]
    ) -> Answer:
        sending = course.sending
        for attempt in range(1, self._attempts + 1):
            course.was_sent = False
            answer: Answer | None = None
            try:
                answer = await self._follow(course)
                failure = judged(sending, answer, statuses, types)
            except (EgressRefused, Unanswered, Unreachable) as error:
                failure = error
            status = answer.status if answer is not None else "no answer"
            _log.info("%s %s: %s, attempt %d", sending.method, sending.shown, status, attempt)
            if failure is None and answer is not None:
                return answer
            assert failure is not None  # only an answer has none
            is_known = sending.is_safe or sending.has_key
            again = may_pass(failure) and (is_known or not course.was_sent)
            if course.is_open:
                failure = left_open(failure)
            course.is_open = course.is_open or (isinstance(failure, Unanswered) and not sending.is_safe)
            wait = self._wait(failure, attempt)
            left = (limit.when() or 0.0) - asyncio.get_running_loop().time()
            if attempt == self._attempts or not again or wait is None or wait >= left:
                raise failure
            await self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, failure: CugaError, attempt: int) -> float | None:
        """Seconds until the next attempt; None when the other side asks for more than is waited for here."""
        asked = failure.facts.get("retry_after_s")
        if isinstance(asked, int) and asked:
            return float(asked) if asked <= CAP_S else None
        whole: float = min(BASE_S * 2 ** (attempt - 1), CAP_S)
        return whole * (0.5 + 0.5 * self._chance())

    async def _follow(self, course: _Course) -> Answer:
        sending = course.sending
        for _ in range(self._redirects + 1):
            answer = await self._ask(sending, course)
            place = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS or not place or not self._redirects or not sending.is_safe:
                return answer
            try:
                sending = sending.led_to(place)
            except BadInput as error:
                said = f"{sending.shown} leads to what is no address: {error.detail}"
                raise Unanswered(said, mode="agent_contract", final=True) from None
        said = f"{course.sending.shown} leads on and on"
        raise Unanswered(said, mode="agent_contract", final=True)

    async def _ask(self, sending: Sending, course: _Course) -> Answer:
        """One request on one connection of its own."""
        import httpcore2

        self._egress.check_name(sending.scheme, sending.host, sending.port)

        async def trace(name: str, _: object) -> None:
            if name == "http11.send_request_headers.started":
                course.was_sent = True

        request = httpcore2.Request(
            sending.method,
            httpcore2.URL(scheme=sending.scheme, host=sending.host, port=sending.port, target=sending.target),
            headers=sending.wire_headers(),
            content=sending.body,
            extensions={"timeout": self._timeouts, "trace": trace},
        )
        try:
            async with self._connections() as pool:
                response = await pool.handle_async_request(request)
                try:
                    headers = {
                        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
                    }
                    packed = headers.get("content-encoding", "")
                    body = await read_body(response.aiter_stream(), packed, self._max_bytes)
                finally:
                    await response.aclose()
                return Answer(response.status, sending.shown, headers, body)
        except TooMuch as error:
            said = f"the answer of {sending.shown} is not taken: {error}"
            raise Unanswered(said, mode="agent_contract", final=True) from None
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
            raise self._broken(sending, course, error) from None

    def _broken(self, sending: Sending, course: _Course, error: Exception) -> CugaError:
        import httpcore2

        is_late = isinstance(error, httpcore2.TimeoutException | TimeoutError)
        mode = "system_timeout" if is_late else "system_network"
        what = "it took too long" if is_late else str(error)[:120] or type(error).__name__
        said = f"{sending.method} {sending.shown}: {what}"
        return Unanswered(said, mode=mode) if course.was_sent else Unreachable(said, mode=mode)

    def _get_ready(self, sending: Sending) -> None:
        """What takes long the first time is no part of a request's time."""
        import httpcore2

        logging.getLogger("httpcore2").setLevel(logging.WARNING)  # at DEBUG it would log headers with their secrets
        if self._tls is None and (sending.scheme == "https" or self._redirects or self._proxy):
            self._tls = httpcore2.default_ssl_context()

    def _connections(self) -> Any:
        """A pool of one connection, which is gone after the request."""
        import httpcore2

        from cuga.outbound.network import Network

        proxy = httpcore2.Proxy(self._proxy[0], auth=self._proxy[1]) if self._proxy else None
        network = Network(self._egress, self._resolver, self._proxy[2] if self._proxy else None)
        return httpcore2.AsyncConnectionPool(
            ssl_context=self._tls, proxy=proxy, max_connections=1, max_keepalive_connections=0, network_backend=network
        )


class _Course:
    """How one request has fared so far."""

    __slots__ = ("is_open", "sending", "was_sent")

    def __init__(self, sending: Sending) -> None:
        self.sending = sending
        self.was_sent = False  # bytes of the attempt that goes on
        self.is_open = False  # an earlier attempt with an effect got no answer
