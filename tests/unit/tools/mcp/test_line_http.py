"""Servers at an address: they get their own token and nobody else does, and what they answer is bounded."""

from __future__ import annotations

import json

import pytest
from tests.unit.outbound.loopback import RESET, Arrived, Loopback, reply

from cuga.errors import EgressRefused, Unanswered, Unreachable
from cuga.policy.outside import McpServer
from cuga.tools.mcp import Line, Reported

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
ACT = {"name": "act", "inputSchema": {"type": "object"}}


class Service:
    """An MCP server in one function; `act` says how a call is answered."""

    def __init__(self, act: bytes | dict | None = None) -> None:
        self.act = act or {"content": [{"type": "text", "text": "done"}]}
        self.calls = 0

    def __call__(self, request: Arrived) -> bytes:
        if request.method != "POST":
            return reply(405)
        asked = json.loads(request.body)
        match asked.get("method"):
            case "initialize":
                about = {"name": "remote", "version": "1"}
                result: object = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": about}
            case "tools/list":
                result = {"tools": [ACT]}
            case "tools/call":
                self.calls += 1
                if isinstance(self.act, bytes):
                    return self.act
                result = self.act
            case _ if "id" not in asked:
                return reply(202)
            case _:
                error = {"code": -32601, "message": "no such method"}
                return self.said({"jsonrpc": "2.0", "id": asked["id"], "error": error})
        return self.said({"jsonrpc": "2.0", "id": asked["id"], "result": result})

    def said(self, message: object) -> bytes:
        return reply(200, json.dumps(message), content_type="application/json")


def line(server: Loopback, **how: object) -> Line:
    async def hear(_: Reported) -> None: ...

    said = McpServer(name="remote", url=f"{server.url}/mcp", token="REMOTE_TOKEN", domain="d")
    return Line(said, {"REMOTE_TOKEN": "sesame-opens"}, hear, inside=(server.inside,), connect_s=5.0, **how)


async def act(asked: Line) -> object:
    accepted = (await asked.look())["act"].digest(asked.server.origin)
    return await asked.call("act", {}, accepted=accepted, about={"cuga/key": "k1"})


async def test_every_request_has_the_servers_token_and_the_call_its_key():
    async with Loopback(Service()) as server:
        asked = line(server)
        assert await act(asked) == {"text": "done"}
        await asked.close()
    assert {arrived.headers["authorization"] for arrived in server.arrived} == {"Bearer sesame-opens"}
    (call,) = [json.loads(arrived.body) for arrived in server.arrived if b"tools/call" in arrived.body]
    assert call["params"]["_meta"]["cuga/key"] == "k1"


@pytest.mark.parametrize("place", ["/mcp", "/elsewhere"])
async def test_a_server_that_sends_us_elsewhere_is_not_followed_there(place):
    async with Loopback(Service()) as other:
        away = reply(307, location=f"{other.url}{place}")
        async with Loopback(lambda _: away) as server:
            asked = line(server)
            with pytest.raises(Unreachable):
                await asked.look()
            await asked.close()
    assert other.arrived == []


@pytest.mark.parametrize(
    "answer",
    [
        RESET,
        reply(500),
        reply(302, location="https://evil.example/"),
        reply(200, "<html>", content_type="text/html"),
        reply(200, "{", content_type="application/json"),
        reply(200, "x" * (9 * 1024 * 1024), content_type="application/json"),
        reply(200, "event: message\ndata: nonsense\n\n", content_type="text/event-stream"),
    ],
    ids=["reset", "500", "redirect", "html", "broken", "huge", "stream"],
)
async def test_an_answer_that_is_none_leaves_the_effect_unknown_and_is_not_asked_for_again(answer):
    service = Service(answer)
    async with Loopback(service) as server:
        asked = line(server)
        with pytest.raises(Unanswered):
            await act(asked)
        await asked.close()
    assert service.calls == 1


@pytest.mark.parametrize("answer", [reply(401), reply(404), reply(200, "<html>", content_type="text/html"), RESET])
async def test_what_is_no_server_is_not_reached(answer):
    async with Loopback(lambda _: answer) as server:
        asked = line(server)
        with pytest.raises(Unreachable):
            await asked.look()
        await asked.close()


async def test_a_private_address_that_nobody_named_is_not_asked():
    async with Loopback(Service()) as server:
        asked = line(server)
        asked._inside = ()
        with pytest.raises(EgressRefused, match=r"127\.0\.0\.1"):
            await asked.look()
        await asked.close()
    assert server.arrived == []
