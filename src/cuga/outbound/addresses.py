"""Where a client may go: which schemes and hosts, and which addresses a name may stand for.

Every address that a name resolves to is checked, and exactly those are connected to, so that a name cannot mean one
machine when it is checked and another when it is used. What is inside must be named.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cuga.errors import BadInput, EgressRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[list[str]]]  # (host, port) -> addresses
MOST_ADDRESSES = 4  # of one name that are tried

# What looks public or private and answers with a machine's own credentials or belongs to nobody: the wire server of
# Azure, the block 192.0.0.0/24 with the metadata server of Oracle's cloud, that of Alibaba's, and that of Amazon's.
_METADATA = tuple(
    map(ipaddress.ip_network, ("168.63.129.16/32", "192.0.0.0/24", "100.100.100.200/32", "fd00:ec2::254/128"))
)
# The last 32 bits are an IPv4 address: RFC 6052, RFC 7915, and the old IPv4-compatible form.
_CARRIES_IPV4 = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))
_LOOPBACK = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))
_SAFE = ("https", "imaps", "smtps")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")  # a last label that makes a host an address (WHATWG URL, 3.5)
_LOCAL = tuple(map(ipaddress.ip_network, ("fec0::/10", "64:ff9b:1::/48")))  # RFC 3879 and RFC 8215, each house's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """What may be reached.

    `hosts`: names that may be asked, `*.example.com` for all below one; empty: any public one. `inside`: what may be
    reached although it is not public: a host, `host:port`, an address or a network in CIDR form. A host that is named
    may lie in a private network; a link-local or metadata address must be named as an address. `plain` allows http and
    imap without encryption.
    """

    hosts: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    plain: bool = False

    def __post_init__(self) -> None:
        for name in ("hosts", "inside"):
            said = getattr(self, name)
            # a text is a sequence too, of letters: a forgotten comma must not open what nobody named
            if isinstance(said, str) or not all(isinstance(one, str) and one.strip() for one in said):
                raise BadInput(f"`{name}` is a list of names, not {said!r}", mend=f'Write {name}=("api.example.com",).')

    def check_name(self, scheme: str, host: str, port: int) -> None:
        """`EgressRefused` when this scheme or host may not be asked at all."""
        if scheme not in _SAFE and not self.plain:
            raise _refusal(f"{scheme}://{host}: only {scheme}s may be used", f"Use {scheme}s, or allow plain {scheme}.")
        if self.hosts and not any(_fits(host, pattern) for pattern in self.hosts) and not self._named(host, port):
            raise _refusal(f"{host} is not one of the hosts this client may ask: {', '.join(self.hosts)}")
        # a proxy resolves names by itself, so what needs no resolving to mean a machine is refused by its name
        bare = host.rstrip(".").lower()
        if _is_address(host):
            self.check_address(host, port, host)
        elif _NUMBER.fullmatch(bare.rpartition(".")[2]):
            raise _refusal(f"{host} is an address that not everybody reads alike", "Write it as four decimal numbers.")
        elif (bare == "localhost" or bare.endswith(".localhost")) and not self._may_be_here(host, port):
            raise _refusal(f"{host} is this machine, or the proxy's own", _mend(f"{host}:{port}"))

    def check_address(self, host: str, port: int, address: str) -> None:
        """`EgressRefused` when a name stands for an address that may not be connected to."""
        found = _plain(ipaddress.ip_address(address.partition("%")[0]))
        if any(found in network for network in self._networks()):
            return
        if found.is_link_local or any(found in network for network in _METADATA):
            raise _refusal(f"{host} is at {found}, where machines keep their own credentials", _mend(found))
        is_public = found.is_global and not found.is_multicast and not any(found in network for network in _LOCAL)
        if not is_public and not self._named(host, port):
            raise _refusal(f"{host} is at {found}, which is not a public address", _mend(f"{host}:{port}"))

    def _named(self, host: str, port: int) -> bool:
        return host in self.inside or f"{host}:{port}" in self.inside or f"[{host}]:{port}" in self.inside

    def _may_be_here(self, host: str, port: int) -> bool:
        return self._named(host, port) or any(one in network for network in self._networks() for one in _LOOPBACK)

    def _networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        found = []
        for text in self.inside:
            try:
                found.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                continue  # a name
        return found


def _refusal(what: str, mend: str = "") -> EgressRefused:
    return EgressRefused(what, mode="policy_security", mend=mend)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _mend(named: object) -> str:
    return f"If it is meant, name {named} in CUGA_INSIDE, or in what the client may reach inside."


def _fits(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one only wraps (mapped, 6to4, NAT64), else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if (inner := address.ipv4_mapped or address.sixtofour) is not None:
        return inner
    if address.is_loopback or address.is_unspecified or not any(address in network for network in _CARRIES_IPV4):
        return address
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host as this machine knows them; `OSError` when there are none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
