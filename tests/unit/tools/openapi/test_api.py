"""Operations over real HTTP: what arrives, what comes back, and what a refusal means."""

from __future__ import annotations

import re

import msgspec
import pytest
from tests.unit.outbound.loopback import RESET, Arrived, Loopback, json_reply, reply

from cuga.errors import BadInput, NotDone, Rejected, Unanswered
from cuga.policy.outside import OpenApiDocument, Said
from cuga.tools.failing import mode_of
from cuga.tools.openapi import Api, read_document

PATHS = {
    "/things/{id}": {
        "get": {
            "operationId": "get",
            "parameters": [
                {"name": "id", "in": "path", "required": True},
                {"name": "tag", "in": "query", "schema": {"type": "array"}},
                {"name": "csv", "in": "query", "explode": False, "schema": {"type": "array"}},
                {"name": "where", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
                {"name": "X-Kind", "in": "header"},
            ],
        }
    },
    "/things": {
        "get": {"operationId": "list"},
        "post": {
            "operationId": "make",
            "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
        },
        "put": {
            "operationId": "form",
            "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}},
        },
    },
}
SCHEMES = {
    "header": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "key"},
    "basic": {"type": "http", "scheme": "basic"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "oauth": {"type": "oauth2"},
}


class Asking:
    """An `Api` on a local server."""

    def __init__(self, server: Loopback, *, variables: dict[str, str] | None = None, security: object = None, **said):
        root = {"openapi": "3.1.0", "servers": [{"url": f"{server.url}/v1"}], "paths": PATHS}
        root["components"] = {"securitySchemes": SCHEMES}
        if security is not None:
            root["security"] = security
        words = OpenApiDocument(name="x", document="x.json", domain="d", **said)
        self.document = read_document(msgspec.json.encode(root), words)
        self.api = Api(words, self.document, variables or {}, inside=(server.inside,))

    async def __call__(self, name: str, key: str = "", **arguments: object):
        return await self.api.call(self.document.operations[name], arguments, key)


async def test_arguments_go_where_the_document_says():
    async with Loopback(lambda _: json_reply({"a": 1})) as server:
        found = await Asking(server)(
            "get", id="a/b ?", tag=["x", "y"], csv=["1", "2"], where={"city": "Bern"}, **{"X-Kind": "good"}
        )
    assert found == {"status": 200, "body": {"a": 1}, "next": None}
    (arrived,) = server.arrived
    assert arrived.target == "/v1/things/a%2Fb%20%3F?tag=x&tag=y&csv=1%2C2&where%5Bcity%5D=Bern"
    assert arrived.headers["x-kind"] == "good"


@pytest.mark.parametrize("said", ["..", ".", ""])
async def test_no_argument_leads_to_another_address(said):
    async with Loopback(lambda _: json_reply({})) as server:
        with pytest.raises(BadInput):
            await Asking(server)("get", id=said)
        with pytest.raises(BadInput, match="is missing"):
            await Asking(server)("get")
    assert server.arrived == []


async def test_no_argument_becomes_another_header():
    async with Loopback(lambda _: json_reply({})) as server:
        with pytest.raises(BadInput):
            await Asking(server)("get", id="1", **{"X-Kind": "a\r\nAuthorization: Bearer x"})
    assert server.arrived == []


async def test_bodies_are_json_or_forms_and_the_key_is_sent_where_there_is_one():
    async with Loopback(lambda _: json_reply({})) as server:
        await Asking(server)("make", key="k1", body={"a": [1]})
        await Asking(server)("form", body={"a": "x y", "n": 1})
    made, form = server.arrived
    assert (made.body, made.headers["idempotency-key"]) == (b'{"a":[1]}', "k1")
    assert (form.body, form.headers["content-type"]) == (b"a=x+y&n=1", "application/x-www-form-urlencoded")
    assert "idempotency-key" not in form.headers


@pytest.mark.parametrize(
    ("scheme", "header", "target"),
    [
        ("header", ("x-key", "sesame"), "/v1/things"),
        ("query", ("x-key", ""), "/v1/things?key=sesame"),
        ("basic", ("authorization", "Basic c2VzYW1l"), "/v1/things"),
        ("bearer", ("authorization", "Bearer sesame"), "/v1/things"),
        ("oauth", ("authorization", "Bearer sesame"), "/v1/things"),
    ],
)
async def test_a_secret_goes_where_its_scheme_says(scheme, header, target):
    async with Loopback(lambda _: json_reply({})) as server:
        await Asking(server, variables={"S": "sesame"}, secrets={scheme: "S"}, security=[{scheme: []}])("list")
    (arrived,) = server.arrived
    assert (arrived.headers.get(header[0], ""), arrived.target) == (header[1], target)


async def test_the_first_way_in_for_which_all_secrets_are_there_is_taken():
    async with Loopback(lambda _: json_reply({})) as server:
        ways = [{"header": [], "query": []}, {"bearer": []}]
        await Asking(server, variables={"S": "sesame"}, secrets={"bearer": "S", "header": "H"}, security=ways)("list")
        await Asking(server, security=[{"bearer": []}, {}])("list")
    first, second = server.arrived
    assert first.headers["authorization"] == "Bearer sesame" and "authorization" not in second.headers


async def test_a_secret_that_is_missing_is_named_and_nothing_is_sent():
    async with Loopback(lambda _: json_reply({})) as server:
        with pytest.raises(NotDone, match="needs the secret bearer"):
            await Asking(server, secrets={"bearer": "S"}, security=[{"bearer": []}])("list")
        with pytest.raises(NotDone, match="not sent from here"):
            await Asking(server, variables={"S": "x"}, secrets={"cookie": "S"}, security=[{"cookie": []}])("list")
    assert server.arrived == []


class Pages:
    """A list in three pages."""

    def __init__(self, wrap: bool = False, elsewhere: str = "") -> None:
        self.wrap = wrap
        self.elsewhere = elsewhere

    def __call__(self, request: Arrived) -> bytes:
        found = re.search(r"page=([0-9]+)", request.target)
        page = int(found[1]) if found else 1
        items = [page * 10, page * 10 + 1]
        link = f'<{self.elsewhere or "/v1/things"}?page={page + 1}>; rel="next", </x>; rel="last"' if page < 3 else ""
        body = msgspec.json.encode({"items": items, "total": 6} if self.wrap else items)
        return reply(200, body, content_type="application/json", link=link, x_ratelimit_remaining=str(9 - page))


@pytest.mark.parametrize("wrap", [False, True])
async def test_pages_are_joined_as_far_as_the_registry_says_and_what_is_left_is_told(wrap):
    def items(found):
        return found["body"]["items"] if wrap else found["body"]

    async with Loopback(Pages(wrap)) as server:
        one = await Asking(server)("list")
        two = await Asking(server, pages=2)("list")
        every = await Asking(server, pages=9)("list")
    assert (items(one), one["next"]) == ([10, 11], f"{server.url}/v1/things?page=2")
    assert (items(two), two["next"]) == ([10, 11, 20, 21], f"{server.url}/v1/things?page=3")
    assert (items(every), every["next"]) == ([10, 11, 20, 21, 30, 31], None)
    assert every["rate"] == {"remaining": 6}


async def test_every_page_is_signed_and_none_is_asked_for_elsewhere():
    async with Loopback(Pages()) as server:
        asking = Asking(server, pages=3, variables={"S": "sesame"}, secrets={"query": "S"}, security=[{"query": []}])
        await asking("list")
    assert [arrived.target.count("key=sesame") for arrived in server.arrived] == [1, 1, 1]
    async with Loopback(Pages(elsewhere="http://evil.example/things")) as server:
        found = await Asking(server, pages=3)("list")
    assert len(server.arrived) == 1 and found["next"] is None


@pytest.mark.parametrize(
    ("answer", "error", "mode"),
    [
        (reply(422, '{"error": "no such field"}', content_type="application/json"), Rejected, "user_invalid_input"),
        (reply(401), Rejected, "user_permission"),
        (reply(429, retry_after="7"), Rejected, "resource_rate_limit"),
        (reply(500), Unanswered, "resource_api_unavailable"),
        (reply(302, location="https://other.example/"), Unanswered, "agent_contract"),
        (RESET, Unanswered, "system_network"),
    ],
)
async def test_a_refusal_is_told_apart_from_what_nobody_knows_and_nothing_is_sent_twice(answer, error, mode):
    async with Loopback(lambda _: answer) as server:
        with pytest.raises(error) as caught:
            await Asking(server)("make", key="k1", body={})
    assert len(server.arrived) == 1
    assert mode_of(caught.value).value == mode
    if mode == "user_invalid_input":
        assert "no such field" in caught.value.detail
    if mode == "resource_rate_limit":
        assert caught.value.facts["retry_after_s"] == 7


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (reply(204), None),
        (reply(200, "hi", content_type="text/plain"), {"text": "hi"}),
        (reply(200, '{"a": 1}', content_type="application/vnd.x+json"), {"a": 1}),
    ],
)
async def test_other_bodies_are_told_as_what_they_are(answer, body):
    async with Loopback(lambda _: answer) as server:
        assert (await Asking(server)("list"))["body"] == body
    async with Loopback(lambda _: reply(200, b"\x00\x01", content_type="image/png")) as server:
        found = (await Asking(server)("list"))["body"]
    assert (found["type"], found["size"], len(found["sha256"])) == ("image/png", 2, 64)


def test_an_operation_of_the_registry_that_is_idempotent_is_keyed():
    said = OpenApiDocument(name="x", document="x", domain="d", operations={"make": Said(idempotent=True)})
    root = {"openapi": "3.1.0", "servers": [{"url": "https://a.example"}], "paths": PATHS}
    found = read_document(msgspec.json.encode(root), said)
    assert found.contracts["make"].repeatable.value == "key"
