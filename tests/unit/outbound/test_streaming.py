"""The client for libraries that speak HTTP themselves: bounded, with no redirects and no proxy unasked."""

from __future__ import annotations

import pytest
from tests.unit.outbound.loopback import Loopback, reply

from cuga.outbound import Egress, streaming_client

httpx2 = pytest.importorskip("httpx2", reason="the extra `mcp` is not installed")


def client(server: Loopback, **how):
    return streaming_client(Egress(inside=(server.inside,), plain=True), **how)


async def test_an_answer_comes_through_with_what_was_said():
    async with Loopback(lambda _: reply(200, "hello", x_kind="good")) as server, client(server) as asking:
        answer = await asking.post(server.url + "/a?b=c", content=b"body", headers={"x-asked": "yes"})
    assert (answer.status_code, answer.text, answer.headers["x-kind"]) == (200, "hello", "good")
    (arrived,) = server.arrived
    assert (arrived.method, arrived.target, arrived.body) == ("POST", "/a?b=c", b"body")
    assert arrived.headers["x-asked"] == "yes" and arrived.headers["accept-encoding"] == "identity"


async def test_a_body_may_have_so_many_bytes_and_no_more():
    async with Loopback(lambda _: reply(200, b"x" * 1001)) as server:
        async with client(server, max_bytes=1000) as asking:
            with pytest.raises(httpx2.ReadError, match="more than 1,000"):
                await asking.get(server.url)
        async with client(server, max_bytes=1001) as asking:
            assert len((await asking.get(server.url)).content) == 1001


async def test_redirects_are_not_followed_and_the_environment_says_nothing(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with Loopback(lambda _: reply(302, location="http://127.0.0.1:1/")) as server, client(server) as asking:
        assert (await asking.get(server.url)).status_code == 302


async def test_a_machine_that_cannot_be_reached_and_an_answer_that_breaks_off_are_errors_of_the_library():
    async with Loopback(lambda _: b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nshort") as server:
        async with client(server) as asking:
            with pytest.raises(httpx2.ReadError):
                await asking.get(server.url)
        port = server.port
    async with streaming_client(Egress(inside=(f"127.0.0.1:{port}",), plain=True)) as asking:
        with pytest.raises(httpx2.ConnectError):
            await asking.get(f"http://127.0.0.1:{port}/")
