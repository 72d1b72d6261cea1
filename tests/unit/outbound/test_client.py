"""The client against a server on the loopback interface: what arrived, how often, and what the caller was told."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import zlib
from collections.abc import AsyncIterator

import pytest
from tests.unit.outbound.loopback import RESET, Arrived, Loopback, json_reply, reply

from cuga.errors import BadInput, CugaError, EgressRefused, NotDone, Rejected, Unanswered, Unreachable
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty
from cuga.model.tool import SideEffect
from cuga.outbound import Egress, SafeClient
from cuga.outbound.sending import prepared
from cuga.settings import read_settings
from cuga.tools.failing import certainty_of, mode_of

WAITS: list[float] = []


@pytest.fixture(autouse=True)
def waits() -> list[float]:
    WAITS.clear()
    return WAITS


async def no_sleep(seconds: float) -> None:
    WAITS.append(seconds)


def client(server: Loopback, **how: object) -> SafeClient:
    egress = Egress(inside=(server.inside,), plain=True)
    how = {"attempts": 4, **how}
    return SafeClient(egress, sleep=no_sleep, chance=lambda: 1.0, **how)  # type: ignore[arg-type]


class Turns:
    """Answers one after another; the last one for ever."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)

    def __call__(self, _: Arrived) -> bytes:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def nobody_listens() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# --- asking and answering -------------------------------------------------------------------------------------------
async def test_an_answer_is_status_headers_and_body():
    async with Loopback(lambda _: json_reply({"a": [1, 2]})) as server:
        answer = await client(server).get(f"{server.url}/x", params={"q": "two words"})
    assert (answer.status, answer.json(), answer.content_type) == (200, {"a": [1, 2]}, "application/json")
    assert server.arrived[0].target == "/x?q=two+words"


async def test_the_other_side_is_told_what_is_sent_and_no_more():
    async with Loopback(lambda _: reply(200)) as server:
        await client(server).post(f"{server.url}/x", json={"n": 1}, key="k1", headers={"X-Team": "a"})
    (request,) = server.arrived
    assert request.body == b'{"n":1}'
    assert request.headers == {
        "host": server.inside,
        "accept-encoding": "gzip",
        "connection": "close",
        "content-length": "7",
        "user-agent": "cuga",
        "accept": "*/*",
        "content-type": "application/json",
        "x-team": "a",
        "idempotency-key": "k1",
    }


async def test_cookies_are_not_kept():
    async with Loopback(lambda _: reply(200, set_cookie="a=b")) as server:
        asking = client(server)
        await asking.get(server.url)
        await asking.get(server.url)
    assert [request.headers.get("cookie") for request in server.arrived] == [None, None]


async def test_a_tool_in_a_thread_can_ask_too():
    async with Loopback(lambda _: reply(200, "hello")) as server:
        answer = await asyncio.to_thread(client(server).fetch, "GET", server.url)
    assert answer.text() == "hello"


async def test_what_is_packed_is_unpacked():
    async with Loopback(lambda _: reply(200, gzip.compress(b"hello"), content_encoding="gzip")) as server:
        assert (await client(server).get(server.url)).body == b"hello"


async def test_what_is_no_json_is_no_usable_answer():
    async with Loopback(lambda _: reply(200, "<html>")) as server:
        answer = await client(server).get(server.url)
    with pytest.raises(Unanswered, match="no JSON"):
        answer.json()


# --- again ----------------------------------------------------------------------------------------------------------
async def test_nothing_is_sent_again_unless_that_is_asked_for():
    for method in ("GET", "POST"):
        async with Loopback(lambda _: reply(503)) as server:
            asking = SafeClient(Egress(inside=(server.inside,), plain=True), sleep=no_sleep)
            with pytest.raises(Unanswered, match="503"):
                await asking.request(method, server.url, key="k1")
        assert len(server.arrived) == 1 and WAITS == []


async def test_who_asks_for_four_attempts_gets_them_with_growing_waits():
    async with Loopback(lambda _: reply(503)) as server:
        with pytest.raises(Unanswered, match="503"):
            await client(server).get(server.url)
    assert len(server.arrived) == 4
    assert WAITS == [0.5, 1.0, 2.0]


async def test_waits_grow_to_eight_seconds_and_no_further():
    async with Loopback(lambda _: reply(503)) as server:
        with pytest.raises(Unanswered):
            await client(server, attempts=8, total_s=100).get(server.url)
    assert WAITS == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


async def test_an_effect_without_a_key_is_sent_once_whatever_comes_back():
    for answer in (reply(503), reply(429), reply(500), RESET):
        async with Loopback(lambda _, answer=answer: answer) as server:
            with pytest.raises(CugaError):
                await client(server).post(server.url, body=b"x")
        assert len(server.arrived) == 1


async def test_an_effect_with_a_key_is_sent_again_with_the_same_key():
    async with Loopback(Turns(RESET, reply(503), reply(201, "made"))) as server:
        answer = await client(server).post(server.url, body=b"x", key="k1")
    assert answer.status == 201
    assert [request.headers["idempotency-key"] for request in server.arrived] == ["k1"] * 3


async def test_a_connection_that_never_came_about_is_tried_again_for_any_method():
    port = nobody_listens()
    asking = SafeClient(Egress(inside=(f"127.0.0.1:{port}",), plain=True), sleep=no_sleep, attempts=4)
    with pytest.raises(Unreachable) as caught:
        await asking.post(f"http://127.0.0.1:{port}/", body=b"x")
    assert len(WAITS) == 3
    assert certainty_of(caught.value, SideEffect.EXECUTE) is Certainty.NOT_DONE
    assert mode_of(caught.value) is FailureMode.SYSTEM_NETWORK


async def test_a_refusal_after_an_attempt_without_an_answer_leaves_it_open():
    async with Loopback(Turns(RESET, reply(400))) as server:
        with pytest.raises(Unanswered, match="earlier attempt") as caught:
            await client(server).post(server.url, body=b"x", key="k1")
    assert certainty_of(caught.value, SideEffect.EXECUTE) is Certainty.UNKNOWN


async def test_a_name_that_turns_to_the_inside_after_an_attempt_without_an_answer_leaves_it_open_and_ends():
    places = ["127.0.0.1", "10.0.0.1"]
    async with Loopback(lambda _: RESET) as server:

        async def turning(host: str, port: int) -> list[str]:
            return [places.pop(0)]

        asking = SafeClient(Egress(inside=("127.0.0.1",), plain=True), resolver=turning, sleep=no_sleep, attempts=4)
        with pytest.raises(Unanswered, match=r"earlier attempt got no answer.*10\.0\.0\.1"):
            await asking.post(f"http://rebinding.example:{server.port}/", key="k1")
    assert (len(server.arrived), places, len(WAITS)) == (1, [], 1)


async def test_what_is_asked_to_wait_is_waited_for_when_it_is_short():
    async with Loopback(Turns(reply(429, retry_after="3"), reply(200))) as server:
        await client(server).get(server.url)
    assert WAITS == [3.0]


async def test_a_date_to_wait_for_is_reckoned_from_the_answers_own_date():
    now, then = "Mon, 05 Jan 2026 09:00:00 GMT", "Mon, 05 Jan 2026 09:00:05 GMT"
    async with Loopback(Turns(reply(503, retry_after=then, date=now), reply(200))) as server:
        await client(server).get(server.url)
    assert WAITS == [5.0]


@pytest.mark.parametrize(
    ("status", "headers", "wait", "mode"),
    [
        (429, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "120"}, 120, FailureMode.RESOURCE_RATE_LIMIT),
        (403, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1767603660"}, 60, FailureMode.RESOURCE_RATE_LIMIT),
        (403, {"ratelimit_remaining": "0", "ratelimit_reset": "7"}, 7, FailureMode.RESOURCE_RATE_LIMIT),
        (403, {"ratelimit_remaining": "5", "ratelimit_reset": "7"}, 0, FailureMode.USER_PERMISSION),
        (429, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "soon"}, 0, FailureMode.RESOURCE_RATE_LIMIT),
        (429, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "9", "retry_after": "3"}, 3, None),
        (400, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "9"}, 0, FailureMode.USER_INVALID_INPUT),
    ],
)
async def test_a_rate_that_is_used_up_says_when_it_begins_anew(status, headers, wait, mode):
    when = "Mon, 05 Jan 2026 09:00:00 GMT"
    async with Loopback(lambda _: reply(status, date=when, **headers)) as server:
        with pytest.raises(Rejected) as caught:
            await client(server, attempts=1).get(server.url)
    assert caught.value.facts["retry_after_s"] == wait
    assert mode is None or mode_of(caught.value) is mode


async def test_a_moment_without_a_date_to_reckon_from_is_no_wait():
    said = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1767603660"}
    async with Loopback(lambda _: reply(429, **said)) as server:
        with pytest.raises(Rejected) as caught:
            await client(server, attempts=1).get(server.url)
    assert caught.value.facts["retry_after_s"] == 0


async def test_what_a_refusal_says_for_people_is_told_with_it_and_nothing_else():
    for body, kind, said in (
        ('{"error":\n "no such field"}', "application/json", '{"error": "no such field"}'),
        ("<html>", "text/html", ""),
    ):
        async with Loopback(lambda _, body=body, kind=kind: reply(400, body, content_type=kind)) as server:
            with pytest.raises(Rejected) as caught:
                await client(server).get(server.url)
        assert caught.value.facts["said"] == said


async def test_a_long_wait_is_handed_to_the_caller():
    async with Loopback(lambda _: reply(429, retry_after="3600")) as server:
        with pytest.raises(Rejected) as caught:
            await client(server).get(server.url)
    assert (WAITS, len(server.arrived)) == ([], 1)
    assert caught.value.facts["retry_after_s"] == 3600
    assert mode_of(caught.value) is FailureMode.RESOURCE_RATE_LIMIT


# --- what an outcome says of the effect -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "certainty", "mode"),
    [
        (reply(400), Certainty.NOT_DONE, FailureMode.USER_INVALID_INPUT),
        (reply(403), Certainty.NOT_DONE, FailureMode.USER_PERMISSION),
        (reply(409), Certainty.NOT_DONE, FailureMode.USER_INVALID_INPUT),
        (reply(429), Certainty.NOT_DONE, FailureMode.RESOURCE_RATE_LIMIT),
        (reply(408), Certainty.UNKNOWN, FailureMode.SYSTEM_TIMEOUT),
        (reply(500), Certainty.UNKNOWN, FailureMode.RESOURCE_API_UNAVAILABLE),
        (reply(504), Certainty.UNKNOWN, FailureMode.SYSTEM_TIMEOUT),
        (reply(302, location="/y"), Certainty.UNKNOWN, FailureMode.AGENT_CONTRACT),
        (RESET, Certainty.UNKNOWN, FailureMode.SYSTEM_NETWORK),
        (b"not http at all\r\n\r\n", Certainty.UNKNOWN, FailureMode.SYSTEM_NETWORK),
        (b"", Certainty.UNKNOWN, FailureMode.SYSTEM_NETWORK),
    ],
)
async def test_an_effect_is_refused_for_sure_or_open(answer: bytes, certainty: Certainty, mode: FailureMode):
    async with Loopback(lambda _: answer) as server:
        with pytest.raises(CugaError) as caught:
            await client(server).post(f"{server.url}/x", body=b"x")
    assert len(server.arrived) == 1
    assert certainty_of(caught.value, SideEffect.EXECUTE) is certainty
    assert mode_of(caught.value) is mode


async def test_two_attempts_at_one_keyed_effect_at_once_leave_it_open():
    async with Loopback(lambda _: reply(409)) as server:
        with pytest.raises(Unanswered):
            await client(server, attempts=2).post(server.url, key="k1")
    assert len(server.arrived) == 2


async def test_a_status_that_is_wanted_is_an_answer():
    async with Loopback(lambda _: reply(404)) as server:
        assert (await client(server).get(server.url, statuses=(404,))).status == 404


# --- time and size --------------------------------------------------------------------------------------------------
async def test_a_body_that_drips_for_ever_ends_with_the_whole_time():
    async def drip(_: Arrived) -> AsyncIterator[bytes]:
        yield reply(200, content_length="1000")
        while True:
            yield b"."
            await asyncio.sleep(0.02)

    async with Loopback(drip) as server:
        with pytest.raises(Unanswered, match=r"within 0\.5 s") as caught:
            await client(server, read_s=10, total_s=0.5).post(server.url, key="k1")
    assert mode_of(caught.value) is FailureMode.SYSTEM_TIMEOUT


async def test_each_pause_of_the_other_side_is_bounded_too():
    async def silent(_: Arrived) -> bytes:
        await asyncio.sleep(30)
        return b""

    async with Loopback(silent) as server:
        with pytest.raises(Unanswered, match="too long"):
            await client(server, read_s=0.05, attempts=1).get(server.url)


async def test_a_wait_that_does_not_fit_into_the_time_is_not_begun():
    async with Loopback(lambda _: reply(503, retry_after="7")) as server:
        with pytest.raises(Unanswered, match="503"):
            await client(server, total_s=5).get(server.url)
    assert WAITS == []


async def test_a_body_of_the_largest_size_is_taken_and_one_byte_more_is_not():
    async with Loopback(lambda r: reply(200, b"x" * int(r.target[1:]))) as server:
        asking = client(server, max_bytes=1000)
        assert len((await asking.get(f"{server.url}/1000")).body) == 1000
        with pytest.raises(Unanswered, match="more than 1,000 bytes"):
            await asking.get(f"{server.url}/1001")
    assert len(server.arrived) == 2, "what is too large is not asked for again"


@pytest.mark.parametrize(
    ("packed", "encoding", "said"),
    [
        (gzip.compress(b"0" * 10_000_000), "gzip", "more than"),
        (gzip.compress(gzip.compress(b"0" * 100))[:-9], "gzip", "cut off"),
        (gzip.compress(b"hello")[:12], "gzip", "cut off"),
        (gzip.compress(b"hello") + b"." * 200_000, "gzip", "more than"),
        (gzip.compress(b"hello ") + gzip.compress(b"world"), "gzip", "something follows"),
        (b"no gzip", "gzip", "cannot be unpacked"),
        (zlib.compress(b"0"), "br", "not asked for"),
    ],
    ids=["bomb", "cut", "cut early", "tail", "two", "broken", "other"],
)
async def test_packed_bodies_are_bounded_and_whole(packed: bytes, encoding: str, said: str):
    async with Loopback(lambda _: reply(200, packed, content_encoding=encoding)) as server:
        with pytest.raises(Unanswered, match=said):
            await client(server, max_bytes=100_000).get(server.url)
    assert len(server.arrived) == 1


async def test_another_media_type_than_wanted_is_no_answer():
    async with Loopback(lambda _: reply(200, "<html>", content_type="text/html; charset=utf-8")) as server:
        with pytest.raises(Unanswered, match="text/html instead of application/json"):
            await client(server).get(server.url, types=("application/json",))
        assert (await client(server).get(server.url, types=("text/*",))).status == 200


# --- redirects ------------------------------------------------------------------------------------------------------
async def test_a_redirect_is_not_followed_unless_that_was_asked_for():
    async with Loopback(lambda r: reply(200) if r.target == "/b" else reply(302, location="/b")) as server:
        with pytest.raises(Unanswered, match="redirect"):
            await client(server).get(f"{server.url}/a")
        assert (await client(server, redirects=1).get(f"{server.url}/a")).url.endswith("/b")


async def test_a_redirect_into_the_inside_is_refused_before_anything_is_sent():
    async with (
        Loopback(lambda _: reply(200)) as secret,
        Loopback(lambda _: reply(302, location=secret.url)) as server,
    ):
        with pytest.raises(EgressRefused, match="not a public address"):
            await client(server, redirects=3).get(server.url)
    assert secret.connections == 0


async def test_an_effect_is_never_redirected():
    async with Loopback(lambda _: reply(307, location="/elsewhere")) as server:
        with pytest.raises(Unanswered):
            await client(server, redirects=3).post(server.url, body=b"x", key="k")
    assert [request.target for request in server.arrived] == ["/"]


async def test_redirects_end():
    async with Loopback(lambda _: reply(302, location="/again")) as server:
        with pytest.raises(Unanswered, match="leads on and on"):
            await client(server, redirects=2).get(server.url)
    assert len(server.arrived) == 3


async def test_what_was_told_to_one_host_is_not_told_to_the_next():
    async with (
        Loopback(lambda _: reply(200)) as other,
        Loopback(lambda _: reply(302, location=f"{other.url}/x")) as server,
    ):
        egress = Egress(inside=(server.inside, other.inside), plain=True)
        asking = SafeClient(egress, redirects=1)
        await asking.get(server.url, headers={"Authorization": "Bearer s3cret-value", "Accept": "text/plain"})
    assert "authorization" in server.arrived[0].headers
    assert "authorization" not in other.arrived[0].headers
    assert other.arrived[0].headers["accept"] == "text/plain"


def test_a_redirect_away_from_encryption_is_refused_even_where_plain_http_is_allowed():
    how = {"params": None, "headers": None, "body": b"", "key": "", "agent": "cuga"}
    asking = prepared("GET", "https://example.com/a/b?c=d", **how)
    with pytest.raises(EgressRefused, match="not encrypted"):
        asking.led_to("http://example.com/")
    assert asking.led_to("../x").shown == "https://example.com/x"
    assert asking.led_to("//other.example/y").shown == "https://other.example/y"


async def test_a_redirect_to_no_address_is_no_answer():
    async with Loopback(lambda _: reply(302, location="javascript:alert(1)")) as server:
        with pytest.raises(Unanswered, match="no address"):
            await client(server, redirects=1).get(server.url)


# --- names and addresses --------------------------------------------------------------------------------------------
async def test_a_name_that_turns_to_the_inside_between_two_attempts_is_refused_at_the_second():
    asked: list[str] = []
    async with Loopback(lambda _: reply(503)) as server:

        async def turning(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

        egress = Egress(inside=("127.0.0.1",), plain=True)
        asking = SafeClient(egress, resolver=turning, sleep=no_sleep, attempts=4)
        with pytest.raises(EgressRefused, match=r"127\.0\.0\.2"):
            await asking.get(f"http://rebinding.example:{server.port}/")
    assert (len(asked), len(server.arrived)) == (2, 1)


async def test_one_bad_address_among_good_ones_refuses_the_name():
    async def both(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "10.0.0.1"]

    with pytest.raises(EgressRefused, match=r"10\.0\.0\.1") as caught:
        await SafeClient(resolver=both).get("https://example.com/")
    assert mode_of(caught.value) is FailureMode.POLICY_SECURITY


async def test_a_named_host_may_be_inside_and_is_connected_to_by_what_it_resolved_to():
    async with Loopback(lambda _: reply(200)) as server:

        async def local(host: str, port: int) -> list[str]:
            return ["127.0.0.1"]

        egress = Egress(hosts=("crm.example",), inside=(f"crm.example:{server.port}",), plain=True)
        await SafeClient(egress, resolver=local).get(f"http://crm.example:{server.port}/")
    assert server.arrived[0].headers["host"] == f"crm.example:{server.port}"


async def test_a_name_without_an_address_cannot_be_reached():
    async def nothing(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(Unreachable, match="cannot be found"):
        await SafeClient(resolver=nothing, sleep=no_sleep).post("https://example.com/")


async def test_a_name_that_is_looked_up_too_long_was_never_asked():
    async def slow(host: str, port: int) -> list[str]:
        await asyncio.sleep(30)
        return []

    for bounds in ({"connect_s": 0.05, "attempts": 1}, {"total_s": 0.05}):
        with pytest.raises(Unreachable) as caught:
            await SafeClient(resolver=slow, **bounds).post("https://example.com/", body=b"x")
        assert mode_of(caught.value) is FailureMode.SYSTEM_TIMEOUT
        assert certainty_of(caught.value, SideEffect.EXECUTE) is Certainty.NOT_DONE


async def test_plain_http_and_foreign_hosts_are_refused_by_rule():
    with pytest.raises(EgressRefused, match="only https"):
        await SafeClient().get("http://example.com/")
    with pytest.raises(EgressRefused, match="not one of the hosts"):
        await SafeClient(Egress(hosts=("*.example.com",))).get("https://example.org/")


# --- proxies --------------------------------------------------------------------------------------------------------
async def test_a_proxy_of_the_environment_is_not_taken(monkeypatch: pytest.MonkeyPatch):
    async with Loopback(lambda _: reply(200, "proxy")) as proxy, Loopback(lambda _: reply(200, "direct")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert (await client(server).get(server.url)).text() == "direct"
    assert proxy.connections == 0


async def test_a_proxy_that_was_named_is_used_and_inside_addresses_stay_refused():
    async with Loopback(lambda _: reply(200, "proxy")) as proxy:
        address = f"http://ann:pass%40word@{proxy.inside}"
        asking = SafeClient(Egress(plain=True), proxy=address, sleep=no_sleep)
        assert (await asking.get("http://example.com/x")).text() == "proxy"
        with pytest.raises(EgressRefused):
            await asking.get("http://169.254.169.254/latest")
    (request,) = proxy.arrived
    assert request.target == "http://example.com:80/x"
    assert request.headers["proxy-authorization"].startswith("Basic ")


async def test_settings_name_the_proxy_and_the_inside():
    async with Loopback(lambda _: reply(200)) as server:
        said = read_settings({"CUGA_INSIDE": f"10.0.0.0/8, {server.inside}", "CUGA_PROXY": ""})
        assert (await SafeClient.under(said, plain=True).get(server.url)).status == 200
        with pytest.raises(EgressRefused):
            await SafeClient.under(read_settings({}), plain=True).get(server.url)


# --- what may be sent -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "url", "how"),
    [
        ("GET", "https://example.com/a b", {}),
        ("GET", "https://example.com/\r\nHost: x", {}),
        ("GET", "https://example.com\\@evil.example/", {}),
        ("GET", "https://ann:secret@example.com/", {}),
        ("GET", "https://exämple.com/", {}),
        ("GET", "https://example.com:99999/", {}),
        ("GET", "https://[::1/", {}),
        ("GET", "https:///x", {}),
        ("GET", "file:///etc/passwd", {}),
        ("GET", "gopher://example.com/", {}),
        ("TRACE", "https://example.com/", {}),
        ("get", "https://example.com/", {}),
        ("GET", "https://example.com/", {"headers": {"X-A": "b\r\nX-C: d"}}),
        ("GET", "https://example.com/", {"headers": {"X-A\n": "b"}}),
        ("GET", "https://example.com/", {"headers": {"Host": "other"}}),
        ("GET", "https://example.com/", {"headers": {"Content-Length": "0"}}),
        ("POST", "https://example.com/", {"key": "a\nb"}),
    ],
)
async def test_what_could_mean_something_else_is_refused_before_a_name_is_looked_up(method, url, how):
    async def never(host: str, port: int) -> list[str]:
        raise AssertionError("it was looked up")

    with pytest.raises(BadInput):
        await SafeClient(resolver=never).request(method, url, **how)


# --- secrets --------------------------------------------------------------------------------------------------------
async def test_neither_errors_nor_logs_hold_a_query_a_header_or_a_cookie(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    seen = []
    for answer in (reply(403, set_cookie="sid=s3cret-cookie"), reply(500), RESET, reply(302, location="/?t=s3cret-t")):
        async with Loopback(lambda _, answer=answer: answer) as server:
            with pytest.raises(CugaError) as caught:
                await client(server, attempts=2).get(
                    f"{server.url}/path?token=s3cret-query", headers={"Authorization": "Bearer s3cret-bearer"}
                )
            seen += [caught.value.message, repr(caught.value), str(caught.value.facts)]
    assert any("/path" in text for text in seen)
    assert "s3cret" not in " ".join([*seen, caplog.text])
    assert "/path: 403, attempt 1" in caplog.text


def test_nothing_done_is_a_kind_of_not_done():
    assert {kind for kind in (EgressRefused, Unreachable, Rejected) if issubclass(kind, NotDone)} == {
        EgressRefused,
        Unreachable,
        Rejected,
    }
    assert not issubclass(Unanswered, NotDone)
