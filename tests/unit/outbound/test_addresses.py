"""Which addresses may be reached: disguised, wrapped and odd ones are seen for what they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.errors import BadInput, EgressRefused
from cuga.outbound import Egress, SafeClient
from cuga.outbound.addresses import resolve

REFUSED = """
127.0.0.1 127.8.8.8 0.0.0.0 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.254 192.168.0.1 192.168.255.255 100.64.0.1
100.100.100.200 169.254.169.254 169.254.0.1 168.63.129.16 192.0.0.192 198.18.0.1 224.0.0.1 239.1.1.1 240.0.0.1
255.255.255.255 192.0.2.1 198.51.100.7 203.0.113.9 ::1 :: ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:10.0.0.1
fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 fd12:3456::1 ff02::1 2002:7f00:1:: 2002:a9fe:a9fe:: 64:ff9b::7f00:1
64:ff9b::a9fe:a9fe 2001:db8::1 ::7f00:1 ::a9fe:a9fe fec0::1 64:ff9b:1::1 2001:0:7f00:1::1
::ffff:0:7f00:1 ::ffff:0:a9fe:a9fe ::ffff:0:a00:1
""".split()  # noqa: SIM905


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_public_is_refused(address: str):
    with pytest.raises(EgressRefused):
        Egress().check_address("example.com", 443, address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:0:101:101"]
)
def test_what_is_public_is_not(address: str):
    Egress().check_address("example.com", 443, address)


@pytest.mark.parametrize(
    "written",
    ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1.", "[::1]", "[::ffff:127.0.0.1]", "localhost", "0"],
)
async def test_no_way_of_writing_loopback_gets_through(written: str):
    with pytest.raises((EgressRefused, BadInput)):
        await SafeClient(Egress(plain=True), attempts=1).get(f"http://{written}:9/")


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "0x7F000001", "0177.0.0.1", "127.1", "127.0.0.1.", "0", "a.0x", "localhost"]
)
@pytest.mark.parametrize("dot", ["", "."])
def test_what_means_a_machine_without_being_resolved_is_refused_by_its_name(host: str, dot: str):
    with pytest.raises(EgressRefused):
        Egress().check_name("https", host + dot, 443)


async def test_a_proxy_is_not_asked_for_it_either():
    client = SafeClient(Egress(), attempts=1, proxy="http://127.0.0.1:9")
    for host in ("2130706433", "0x7f.1", "localhost", "api.localhost", "LOCALHOST"):
        with pytest.raises(EgressRefused):
            await client.get(f"https://{host}/")


@pytest.mark.parametrize("inside", ["localhost", "localhost:443", "127.0.0.0/8", "::1"])
def test_this_machine_may_be_named(inside: str):
    Egress(inside=(inside,)).check_name("https", "localhost", 443)


@pytest.mark.parametrize("host", ["3com.example", "a1.example", "x0.example", "example.x0", "deadbeef.example"])
def test_names_with_digits_are_names(host: str):
    Egress().check_name("https", host, 443)


def test_a_named_host_may_be_private_but_never_where_credentials_are_kept():
    egress = Egress(inside=("crm.example:8443",))
    egress.check_address("crm.example", 8443, "10.0.0.1")
    for host, port, address in (
        ("crm.example", 443, "10.0.0.1"),
        ("other.example", 8443, "10.0.0.1"),
        ("crm.example", 8443, "169.254.169.254"),
        ("crm.example", 8443, "168.63.129.16"),
        ("crm.example", 8443, "100.100.100.200"),
        ("crm.example", 8443, "::ffff:100.100.100.200"),
    ):
        with pytest.raises(EgressRefused):
            egress.check_address(host, port, address)


def test_a_network_and_an_address_can_be_named():
    egress = Egress(inside=("10.1.0.0/16", "169.254.169.254"))
    egress.check_address("any.example", 443, "10.1.2.3")
    egress.check_address("any.example", 80, "169.254.169.254")
    with pytest.raises(EgressRefused):
        egress.check_address("any.example", 443, "10.2.0.1")


def test_a_pattern_of_hosts_means_what_lies_below_it():
    egress = Egress(hosts=("*.example.com",))
    egress.check_name("https", "a.b.example.com", 443)
    for host in ("example.com", "evilexample.com", "example.com.evil.org"):
        with pytest.raises(EgressRefused):
            egress.check_name("https", host, 443)


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_changes_nothing(address):
    def verdict(text: str) -> bool:
        try:
            Egress().check_address("h", 443, text)
        except EgressRefused:
            return False
        return True

    assert (
        verdict(f"::ffff:{address}")
        == verdict(f"64:ff9b::{int(address) >> 16:x}:{int(address) & 0xFFFF:x}")
        == verdict(str(address))
    )


async def test_this_machine_knows_itself():
    assert "127.0.0.1" in await resolve("localhost", 80) or "::1" in await resolve("localhost", 80)


@pytest.mark.parametrize("said", ["127.0.0.1", "x127.0.0.1y", ("",), (5,)])
def test_what_may_be_reached_is_a_list_of_names_and_nothing_else(said: object) -> None:
    with pytest.raises(BadInput, match="is a list of names"):
        Egress(inside=said)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="is a list of names"):
        Egress(hosts=said)  # type: ignore[arg-type]
