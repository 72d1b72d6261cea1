"""A corpus of addresses that mean this machine, the network behind it, or a cloud's metadata: none is connected to.

Names are looked up in a made-up DNS. Connections are counted below the library, where they would be made.
"""

from __future__ import annotations

import httpcore2
import pytest

from cuga.errors import BadInput, EgressRefused
from cuga.outbound import Egress, SafeClient, streaming_client
from cuga.outbound.network import Network

NAMES = {
    "rebind.example": ["93.184.216.34", "127.0.0.1"],
    "inside.example": ["10.0.0.5"],
    "metadata.example": ["169.254.169.254"],
    "six.example": ["fd00::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "six-to-four.example": ["2002:7f00:1::"],
    "site.example": ["fec0::1"],
    "cgnat.example": ["100.64.1.1"],
    "azure.example": ["168.63.129.16"],
    "alibaba.example": ["100.100.100.200"],
    "oracle.example": ["192.0.0.192"],
    "aws-six.example": ["fd00:ec2::254"],
    "broadcast.example": ["255.255.255.255"],
    "multicast.example": ["224.0.0.1"],
    "unspecified.example": ["0.0.0.0"],
    "scoped.example": ["fe80::1%eth0"],
    "documentation.example": ["192.0.2.1"],
    "benchmark.example": ["198.18.0.1"],
    "localhost.example": ["127.1.2.3"],
}
HOSTILE = [
    *(f"http://{name}/" for name in NAMES),
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://127.0.0.1./",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://api.localhost/",
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254.:80/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://169.254.43518/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://user@127.0.0.1/",
    "http://good.example@127.0.0.1/",
    "http://127.0.0.1:80@good.example/",
    "http://good.example\\@127.0.0.1/",
    "http://127.0.0.1\t/",
    "http://good.example /",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://loc\u00adalhost/",
    "http://good.example%2f@127.0.0.1/",
    "http:///127.0.0.1/",
    "http:127.0.0.1/",
    "//127.0.0.1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp://127.0.0.1/",
    "dict://127.0.0.1:11211/stats",
    "unix:///var/run/docker.sock",
    "http://127.0.0.1:99999/",
    "http://[::1/",
    "http://[::1%25lo]/",
    "javascript:alert(1)",
]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []

    class Counted(httpcore2.AnyIOBackend):
        async def connect_tcp(self, host, *words, **named):
            made.append(host)
            raise httpcore2.ConnectError("this is no network")

    begin = Network.__init__

    def counted(self, *words, **named) -> None:
        begin(self, *words, **named)
        self._below = Counted()

    monkeypatch.setattr(Network, "__init__", counted)
    return made


async def made_up(host: str, port: int) -> list[str]:
    return NAMES.get(host, ["93.184.216.34"])


def test_the_corpus_is_large_enough_and_names_nothing_twice():
    assert len(HOSTILE) == len(set(HOSTILE)) >= 60


@pytest.mark.parametrize("url", HOSTILE)
async def test_it_is_refused_before_anything_is_connected_to(url, connections):
    client = SafeClient(Egress(plain=True), resolver=made_up)
    with pytest.raises((EgressRefused, BadInput)):
        await client.get(url)
    assert connections == []


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_library_that_speaks_http_itself_gets_no_further(url, connections):
    async with streaming_client(Egress(plain=True), resolver=made_up) as client:
        with pytest.raises(Exception):  # noqa: B017 - whoever refuses it first, ours or the library's own
            await client.get(url)
    assert [host for host in connections if host != "93.184.216.34"] == []


async def test_what_is_public_is_connected_to_by_the_address_that_was_checked(connections):
    with pytest.raises(Exception, match="no network"):
        await SafeClient(Egress(plain=True), resolver=made_up).get("http://good.example/")
    async with streaming_client(Egress(plain=True), resolver=made_up) as client:
        with pytest.raises(Exception, match="no network"):
            await client.get("http://good.example/")
    assert connections == ["93.184.216.34", "93.184.216.34"]


@pytest.mark.parametrize(
    "url", ["https://other.example/", "http://good.example/", "https://good.example.evil.example/"]
)
async def test_a_host_outside_the_allowlist_is_no_place_to_go(url, connections):
    egress = Egress(hosts=("good.example",))
    with pytest.raises(EgressRefused):
        await SafeClient(egress, resolver=made_up).get(url)
    async with streaming_client(egress, resolver=made_up) as client:
        with pytest.raises(EgressRefused):
            await client.get(url)
    assert connections == []
