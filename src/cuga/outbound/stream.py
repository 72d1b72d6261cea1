"""A plain stream to another machine, for what does not speak HTTP, held to the same rules: the name is resolved here,
every address is checked, and exactly one of those is connected to. It blocks; call it in a thread.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable

from cuga.errors import Unreachable
from cuga.outbound.addresses import MOST_ADDRESSES, Egress

Lookup = Callable[[str, int], list[str]]  # (host, port) -> addresses


def connect(
    host: str,
    port: int,
    egress: Egress,
    *,
    scheme: str,
    timeout_s: float,
    tls: ssl.SSLContext | None = None,
    lookup: Lookup | None = None,
) -> socket.socket:
    """A connected socket, encrypted when `tls` is given. `scheme` is checked as the egress has it: one that ends in
    `s` is encrypted now or right after. `EgressRefused` before anything is sent, `Unreachable` when nobody answers."""
    egress.check_name(scheme, host, port)
    failure: OSError | None = None
    for address in _addresses(host, port, egress, lookup or _resolved)[:MOST_ADDRESSES]:
        try:
            plain = socket.create_connection((address, port), timeout_s)
        except OSError as error:
            failure = error
            continue
        if tls is None:
            return plain
        try:
            return tls.wrap_socket(plain, server_hostname=host)
        except (OSError, ValueError) as error:
            plain.close()
            raise Unreachable(f"{host}:{port} gave no safe connection: {error}") from error
    why = failure.strerror or str(failure) if failure is not None else "it has no address"
    raise Unreachable(f"{host}:{port} cannot be reached: {why}")


def is_this_machine(connected: socket.socket) -> bool:
    """Whether a socket leads no further than this machine."""
    return ipaddress.ip_address(connected.getpeername()[0].partition("%")[0]).is_loopback


def _addresses(host: str, port: int, egress: Egress, lookup: Lookup) -> list[str]:
    try:
        found = [str(ipaddress.ip_address(host))]
    except ValueError:
        try:
            found = lookup(host, port)
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"{host} cannot be found: {error}") from error
    for address in found:
        egress.check_address(host, port, address)
    return found


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
