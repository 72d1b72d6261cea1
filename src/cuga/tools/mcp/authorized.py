"""A token of an authorization server for an MCP server: OAuth 2.1 with a client's own credentials.

The SDK does the talking (metadata, scopes, resource indicators, the token request), bound to the issuer that the
registry names: a server cannot send the credentials anywhere else. Tokens live in memory and are asked for anew by each
process.
There is no flow for a person's browser: who has a person's token names it as `token`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cuga.policy.outside import McpServer


class _Tokens:
    """Where the SDK keeps a token; whoever shows anything is told what must not be seen."""

    def __init__(self, learn: Callable[[str], None]) -> None:
        self._learn = learn
        self._token: Any = None

    async def get_tokens(self) -> Any:
        return self._token

    async def set_tokens(self, tokens: Any) -> None:
        self._token = tokens
        for secret in (tokens.access_token, tokens.refresh_token):
            if secret:
                self._learn(secret)

    async def get_client_info(self) -> Any:
        return None

    async def set_client_info(self, client_info: Any) -> None:
        raise NotImplementedError("the client is known; none is registered")


def authorization(server: McpServer, variables: Mapping[str, str], learn: Callable[[str], None]) -> Any:
    """What the client of an HTTP line asks with. The variables are set: `Line` has looked."""
    from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider

    assert server.oauth is not None
    return ClientCredentialsOAuthProvider(
        server_url=server.url,
        storage=_Tokens(learn),
        client_id=variables[server.oauth.client],
        client_secret=variables[server.oauth.secret],
        issuer=server.oauth.issuer,
    )
