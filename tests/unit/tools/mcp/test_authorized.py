"""A server that wants OAuth: the token comes from the issuer that is named, and the credentials go nowhere else."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs

import pytest
from tests.unit.outbound.loopback import Arrived, Loopback, reply
from tests.unit.tools.mcp.test_line_http import Service, act

from cuga.errors import Unreachable
from cuga.policy.outside import McpServer, OAuth
from cuga.policy.registry import load_registry
from cuga.tools.mcp import Line, Reported

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
VARIABLES = {"CLIENT": "cuga-house", "SECRET": "very-secret-indeed"}


class Guarded:
    """An MCP server and its authorization server behind one address; `issuer` is what the metadata say."""

    def __init__(self, issuer: str = "") -> None:
        self.service = Service()
        self.issuer = issuer
        self.url = ""
        self.tokens: list[tuple[dict[str, list[str]], str]] = []
        self.given = 0

    def __call__(self, request: Arrived) -> bytes:
        path = request.target.partition("?")[0]
        if path.startswith("/.well-known/oauth-protected-resource"):
            return self._json({"resource": f"{self.url}/mcp", "authorization_servers": [self.issuer or self.url],
                               "scopes_supported": ["tools"]})  # fmt: skip
        if path.startswith("/.well-known/"):
            return self._json({
                "issuer": self.issuer or self.url, "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token", "response_types_supported": ["code"],
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            })  # fmt: skip
        if path == "/token":
            self.tokens.append((parse_qs(request.body.decode()), request.headers.get("authorization", "")))
            self.given += 1
            return self._json(
                {"access_token": f"token-number-{self.given}", "token_type": "Bearer", "expires_in": 3600}
            )
        if request.headers.get("authorization") != f"Bearer token-number-{self.given}" or not self.given:
            where = f'Bearer resource_metadata="{self.url}/.well-known/oauth-protected-resource"'
            return reply(401, "{}", **{"www-authenticate": where})
        return self.service(request)

    def _json(self, said: object) -> bytes:
        return reply(200, json.dumps(said), content_type="application/json")


def line(server: Loopback, issuer: str, learned: list[str], *inside: str) -> Line:
    async def hear(_: Reported) -> None: ...

    oauth = OAuth(issuer=issuer, client="CLIENT", secret="SECRET")
    said = McpServer(name="remote", url=f"{server.url}/mcp", oauth=oauth, domain="d")
    return Line(said, VARIABLES, hear, inside=(server.inside, *inside), connect_s=5.0, learn=learned.append)


async def test_a_token_is_got_with_the_clients_own_credentials_and_kept_from_sight() -> None:
    guarded, learned = Guarded(), list[str]()
    async with Loopback(guarded) as server:
        guarded.url = server.url
        asked = line(server, server.url, learned)
        try:
            assert await act(asked) == {"text": "done"}
        finally:
            await asked.close()
    ((form, header),) = guarded.tokens
    assert form["grant_type"] == ["client_credentials"] and form["scope"] == ["tools"]
    assert form["resource"] == [f"{guarded.url}/mcp"]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"cuga-house:very-secret-indeed"
    assert learned == ["token-number-1"] and guarded.service.calls == 1


async def test_a_server_cannot_send_the_credentials_to_an_issuer_of_its_own() -> None:
    guarded = Guarded()
    async with Loopback(guarded) as server, Loopback(Guarded()) as evil:
        guarded.url, guarded.issuer = server.url, evil.url
        asked = line(server, server.url, [], evil.inside)
        try:
            with pytest.raises(Unreachable):
                await asked.look()
        finally:
            await asked.close()
        assert guarded.tokens == []
        assert not [one for one in evil.arrived if b"secret" in one.body or "authorization" in one.headers]


async def test_without_its_variables_nobody_is_asked() -> None:
    async with Loopback(Guarded()) as server:
        asked = line(server, server.url, [])
        asked._variables = {"CLIENT": "x"}
        with pytest.raises(Unreachable, match="needs SECRET"):
            await asked.look()
        assert server.arrived == []


REGISTRY = """version: 1
domains: [knowledge]
adapters: {{crm: [offline]}}
profiles:
  smb: {{calls: 1, approvals: moderate, adapters: [offline, tracker]}}
mcp:
  tracker: {said}
"""


def test_the_registry_names_variables_and_never_what_they_hold() -> None:
    said = (
        "{url: 'https://m.example/mcp', domain: knowledge, oauth: {issuer: 'https://a.example', client: A, secret: B}}"
    )
    found = load_registry(REGISTRY.format(said=said)).mcp["tracker"].oauth
    assert found == OAuth(issuer="https://a.example", client="A", secret="B")
    for wrong in (
        said.replace("secret: B", "secret: 'sk-not a name'"),
        said.replace("oauth:", "token: T, oauth:"),
        said.replace("url: 'https://m.example/mcp'", "command: [x]"),
        said.replace(", secret: B", ""),
    ):
        with pytest.raises(Exception, match=r"mcp\.tracker"):
            load_registry(REGISTRY.format(said=wrong))
