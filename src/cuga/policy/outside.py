"""Tools from outside, read from their nodes: MCP servers, OpenAPI documents, what an operator says of their tools.

What the registry says of them is the operator's word; what a server says of its own tools is only a hint. Names of
variables stand here, never what they hold.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from cuga.model.tool import SideEffect
from cuga.model.value import MICRO, Value
from cuga.policy.fields import Fields
from cuga.policy.strict import Node

TIMEOUT_S = 30  # of a call
COST = MICRO  # of a call
MEMORY_MB = 4_096  # of a server that is started here
PAGES = 1  # of a list that are read by one call
MOST_PAGES = 20
_SERVER_KEYS = (
    "command",
    "url",
    "token",
    "oauth",
    "env",
    "memory",
    "domain",
    "trust",
    "cost",
    "timeout",
    "only",
    "tools",
)
_DOCUMENT_KEYS = (
    "document", "url", "secrets", "domain", "cost", "timeout", "pages", "only", "operations",
)  # fmt: skip
_OAUTH_KEYS = ("issuer", "client", "secret")
_SAID_KEYS = ("side_effect", "idempotent", "cost", "timeout")
_OWN_NAME = re.compile(r"[a-z][a-z0-9_-]{0,29}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


class Said(Value, frozen=True, kw_only=True):
    """What an operator says of one tool from outside. None: as the server, the document or the defaults have it."""

    side_effect: SideEffect | None = None
    idempotent: bool | None = None  # a second call with the same arguments changes nothing more
    cost: int | None = None
    timeout_s: int | None = None


class OAuth(Value, frozen=True, kw_only=True):
    """How a token for a server is got: as a client of this authorization server, by its own credentials."""

    issuer: str
    client: str  # the variable that holds the client's id
    secret: str  # the variable that holds its secret


class McpServer(Value, frozen=True, kw_only=True):
    """An MCP server: a command to start, or an address to ask. Its tools are named `name/tool`."""

    name: str
    command: tuple[str, ...] = ()
    url: str = ""
    token: str = ""  # the variable that holds the bearer token of `url`
    oauth: OAuth | None = None  # instead of a token
    memory_mb: int = MEMORY_MB  # that the command may take for its data
    env: tuple[str, ...] = ()  # variables that the command gets, beside the few that every one gets
    domain: str
    trust: bool = False  # whether its hints may lower a class
    cost: int = COST
    timeout_s: int = TIMEOUT_S
    only: tuple[str, ...] = ()  # its tools that are used; none: all
    tools: dict[str, Said] = {}

    @property
    def capability(self) -> str:
        """What its tools use; the adapter for it has the server's own name."""
        return f"mcp:{self.name}"

    @property
    def origin(self) -> str:
        """Where its tools come from, as it goes into their digests."""
        return self.url or "\0".join(self.command)


class OpenApiDocument(Value, frozen=True, kw_only=True):
    """An OpenAPI document and where its operations are asked. Its tools are named `name/operation`."""

    name: str
    document: str  # a file, from the house's directory
    url: str = ""  # instead of the first server that the document names
    secrets: dict[str, str] = {}  # security scheme of the document -> the variable that holds its secret
    domain: str
    cost: int = COST
    timeout_s: int = TIMEOUT_S
    pages: int = PAGES
    only: tuple[str, ...] = ()  # operations, or tags; none: all
    operations: dict[str, Said] = {}

    @property
    def capability(self) -> str:
        """What its tools use; the adapter for it has the document's own name."""
        return f"openapi:{self.name}"


class OutsideReader:
    """Reads the servers and documents of one text. `taken` are names that mean something else already."""

    def __init__(self, fields: Fields, domains: Collection[str], adapters: Mapping[str, tuple[str, ...]]) -> None:
        self._fields = fields
        self._domains = domains
        self._taken = {name for names in adapters.values() for name in names} | {"offline"}

    def servers(self, node: Node | None) -> dict[str, McpServer]:
        """The MCP servers by name."""
        return {name: self._server(name, entry) for name, entry in self._named(node, "mcp")}

    def documents(self, node: Node | None) -> dict[str, OpenApiDocument]:
        """The OpenAPI documents by name."""
        return {name: self._document(name, entry) for name, entry in self._named(node, "openapi")}

    def _named(self, node: Node | None, where: str) -> list[tuple[str, Node]]:
        found = []
        for name, entry in self._fields.mapping(node, where).items():
            at = f"{where}.{name}"
            if not _OWN_NAME.fullmatch(name):
                self._fields.wrong(entry, at, "a name has small letters, digits, _ and -, 30 at most")
            elif name in self._taken:
                self._fields.wrong(entry, at, f"{name!r} is the name of an adapter already: call it something else")
            self._taken.add(name)
            found.append((name, entry))
        return found

    def _server(self, name: str, node: Node) -> McpServer:
        f, where = self._fields, f"mcp.{name}"
        said = f.mapping(node, where, _SERVER_KEYS, ("domain",))
        if ("command" in said) == ("url" in said):
            f.wrong(node, where, "say either `command`, to start it here, or `url`, to ask it where it is")
        command = f.each(said.get("command"), f"{where}.command", f.text) or ()
        if "command" in said and not command:
            f.wrong(said["command"], f"{where}.command", "the command is empty")
        if "token" in said and "oauth" in said:
            f.wrong(said["oauth"], where, "say either `token` or `oauth`")
        for key, needs in (("token", "url"), ("oauth", "url"), ("env", "command"), ("memory", "command")):
            if key in said and needs not in said:
                f.wrong(said[key], f"{where}.{key}", f"`{key}` goes with `{needs}`")
        return McpServer(
            name=name,
            command=command,
            url=self._url(said.get("url"), f"{where}.url"),
            token=self._variable(said.get("token"), f"{where}.token"),
            oauth=self._oauth(said.get("oauth"), f"{where}.oauth"),
            memory_mb=_or(f.whole(said.get("memory"), f"{where}.memory", 64, 65_536), MEMORY_MB),
            env=f.each(said.get("env"), f"{where}.env", self._variable) or (),
            domain=self._domain(said.get("domain"), f"{where}.domain"),
            trust=f.flag(said.get("trust"), f"{where}.trust") or False,
            cost=_or(f.micros(said.get("cost"), f"{where}.cost"), COST),
            timeout_s=_or(f.seconds(said.get("timeout"), f"{where}.timeout", 1, 3600), TIMEOUT_S),
            only=self._only(said.get("only"), f"{where}.only"),
            tools=self._said(said.get("tools"), f"{where}.tools"),
        )

    def _oauth(self, node: Node | None, where: str) -> OAuth | None:
        if node is None:
            return None
        said = self._fields.mapping(node, where, _OAUTH_KEYS, _OAUTH_KEYS)
        return OAuth(
            issuer=self._url(said.get("issuer"), f"{where}.issuer"),
            client=self._variable(said.get("client"), f"{where}.client"),
            secret=self._variable(said.get("secret"), f"{where}.secret"),
        )

    def _document(self, name: str, node: Node) -> OpenApiDocument:
        f, where = self._fields, f"openapi.{name}"
        said = f.mapping(node, where, _DOCUMENT_KEYS, ("document", "domain"))
        secrets = {}
        for scheme, entry in f.mapping(said.get("secrets"), f"{where}.secrets").items():
            secrets[scheme] = self._variable(entry, f"{where}.secrets.{scheme}")
        return OpenApiDocument(
            name=name,
            document=f.text(said.get("document"), f"{where}.document") or "",
            url=self._url(said.get("url"), f"{where}.url"),
            secrets=secrets,
            domain=self._domain(said.get("domain"), f"{where}.domain"),
            cost=_or(f.micros(said.get("cost"), f"{where}.cost"), COST),
            timeout_s=_or(f.seconds(said.get("timeout"), f"{where}.timeout", 1, 3600), TIMEOUT_S),
            pages=_or(f.whole(said.get("pages"), f"{where}.pages", 1, MOST_PAGES), PAGES),
            only=self._only(said.get("only"), f"{where}.only"),
            operations=self._said(said.get("operations"), f"{where}.operations"),
        )

    def _said(self, node: Node | None, where: str) -> dict[str, Said]:
        f, found = self._fields, {}
        for name, entry in f.mapping(node, where).items():
            at = f"{where}.{name}"
            said = f.mapping(entry, at, _SAID_KEYS)
            effect = f.choice(
                said.get("side_effect"), f"{at}.side_effect", [kind.value for kind in SideEffect], "class"
            )
            found[name] = Said(
                side_effect=SideEffect(effect) if effect else None,
                idempotent=f.flag(said.get("idempotent"), f"{at}.idempotent"),
                cost=f.micros(said.get("cost"), f"{at}.cost"),
                timeout_s=f.seconds(said.get("timeout"), f"{at}.timeout", 1, 3600),
            )
        return found

    def _only(self, node: Node | None, where: str) -> tuple[str, ...]:
        found = self._fields.names(node, where)
        if found == ():
            assert node is not None
            self._fields.wrong(node, where, "an empty list would allow every one: name some or leave the key out")
        return found or ()

    def _domain(self, node: Node | None, where: str) -> str:
        return self._fields.choice(node, where, self._domains, "domain") or ""

    def _variable(self, node: Node | None, where: str) -> str:
        said = self._fields.text(node, where)
        if node is not None and said is not None and not _VARIABLE.fullmatch(said):
            what = "expected the name of a variable, such as BILLING_TOKEN; what it holds never stands here"
            self._fields.wrong(node, where, what)
            return ""
        return said or ""

    def _url(self, node: Node | None, where: str) -> str:
        said = self._fields.text(node, where)
        if node is None or said is None:
            return ""
        try:
            parts = urlsplit(said)
            is_fit = parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
            is_fit = is_fit and not parts.query and not parts.fragment and parts.port != 0
        except ValueError:
            is_fit = False
        if not is_fit:
            self._fields.wrong(
                node, where, "expected an address such as https://api.example.com/v1, without a login and without ?"
            )
        return said if is_fit else ""


def _or(said: int | None, otherwise: int) -> int:
    return otherwise if said is None else said
