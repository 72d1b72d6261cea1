"""What the doors hold in common: the house behind them, who is known, where they stand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from cuga.api.rates import Rates
from cuga.api.requests import Requests
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.operating.readiness import Readiness
from cuga.people.credentials import Credentials

if TYPE_CHECKING:
    from cuga.api.live import Live
    from cuga.people.oidc import Provider


@dataclass(frozen=True)
class Address:
    """Where the doors stand, as a browser names it."""

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""  # behind a proxy: what people type, https://cuga.example.com

    @property
    def url(self) -> str:
        """The beginning of every link."""
        return self.public_url or f"http://{bracketed(self.host)}:{self.port}"

    @property
    def is_secure(self) -> bool:
        """Whether people reach it over TLS."""
        return self.url.startswith("https://")

    @property
    def hosts(self) -> frozenset[str]:
        """The `Host` headers that are ours: any other one was made to point here."""
        names = {self.url.partition("://")[2]}
        if not self.public_url:
            names |= {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]", bracketed(self.host))}
        return frozenset(name.lower() for name in names)

    @property
    def origins(self) -> frozenset[str]:
        """The `Origin` headers that are ours."""
        scheme = self.url.partition("://")[0]
        return frozenset(f"{scheme}://{host}" for host in self.hosts)


def bracketed(host: str) -> str:
    """A host as it stands before a port."""
    return f"[{host}]" if ":" in host else host


@dataclass
class Doors:
    """The house and its doors."""

    front: Coordinator
    credentials: Credentials
    live: Live
    address: Address = field(default_factory=Address)
    rates: Rates = field(default_factory=Rates)
    requests: Requests = field(default_factory=Requests)
    readiness: Readiness = field(default_factory=Readiness)
    oidc: Provider | None = None
    topping_up: asyncio.Lock = field(default_factory=asyncio.Lock)  # one at a time: each looks at what was raised
    port: int = 0  # where the server listens, whatever people type


def doors_of(connection: HTTPConnection) -> Doors:
    """The doors that a request came through."""
    found: Doors = connection.app.state.doors
    return found
