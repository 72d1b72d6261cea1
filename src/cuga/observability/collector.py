"""A collector that takes spans over OTLP/HTTP: where it is, and one try to hand it some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import unquote, urlsplit

from cuga.errors import BadInput
from cuga.observability.otlp import MEDIA, must_be_there, refused_by, request_of
from cuga.outbound.addresses import Egress
from cuga.outbound.client import SafeClient
from cuga.projections.telemetry import Span

TRACES = "/v1/traces"
HEADERS = "CUGA_OTLP_HEADERS"  # `name=value,name=value`, as OpenTelemetry's own variable has it; values are secrets
CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"  # OpenTelemetry's own switch for what calls were given
READ_S, TOTAL_S = 10.0, 15.0


class Surroundings(Protocol):
    """What settings say of the way to it."""

    @property
    def proxy(self) -> str: ...

    @property
    def inside(self) -> tuple[str, ...]: ...

    @property
    def variables(self) -> Mapping[str, str]: ...


class Collector:
    """One collector. Who named it may have it on this machine or in a private network."""

    def __init__(self, address: str, settings: Surroundings) -> None:
        must_be_there()
        self.address = traces_at(address)
        self._headers = {"content-type": MEDIA, **headers_of(settings.variables.get(HEADERS, ""))}
        parts = urlsplit(self.address)
        host = parts.hostname or ""
        egress = Egress(hosts=(host,), inside=(*settings.inside, host), plain=parts.scheme == "http")
        self._http = SafeClient(egress, proxy=settings.proxy, read_s=READ_S, total_s=TOTAL_S)

    async def take(self, spans: Sequence[Span]) -> tuple[int, str]:
        """Hand it spans, once. Answers how many it did not take, and why; raises what the client raises."""
        answer = await self._http.post(self.address, headers=self._headers, body=request_of(spans))
        return refused_by(answer.body)


def traces_at(address: str) -> str:
    """Where spans go: an address without a path is that of a collector, whose traces are at `/v1/traces`."""
    try:
        parts = urlsplit(address)
        is_fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_fit = False
    if not is_fit or parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput(
            f"{address.rpartition('@')[2]!r} is no address of a collector",
            mend=f"For example http://127.0.0.1:4318; what it wants to know of you stands in {HEADERS}.",
        )
    return address if parts.path.strip("/") else f"{address.rstrip('/')}{TRACES}"


def headers_of(said: str) -> dict[str, str]:
    """The headers that `name=value,name=value` means. `BadInput` names no value."""
    found = {}
    for pair in filter(None, (part.strip() for part in said.split(","))):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise BadInput(
                f"{HEADERS} holds a part without a name or a value", mend="Write authorization=Bearer%20KEY."
            )
        found[name.strip().lower()] = unquote(value.strip())
    return found
