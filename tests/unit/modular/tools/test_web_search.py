"""The web search: offline in pages at hand, live against a service on the loopback interface."""

from __future__ import annotations

import pytest
from tests.unit.outbound.loopback import Loopback, json_reply, reply

from cuga.errors import Rejected, Unanswered
from cuga.modular.tools.research.web_search import LiveSearch, OfflineSearch, web_search, web_search_in
from cuga.outbound import Egress, SafeClient
from cuga.tools import ToolContext

ROWS = {
    "results": [{"title": f"Page {n}", "url": f"https://p.example/{n}", "content": "text " * 200} for n in range(20)]
}


def live(server: Loopback, key: str = "") -> LiveSearch:
    client = SafeClient(Egress(inside=(server.inside,), plain=True), attempts=1)
    return LiveSearch(client, f"{server.url}/search", key)


async def test_offline_it_finds_pages_at_hand_and_says_that_it_is_offline():
    found = await web_search(ToolContext.for_tests(), query="buying committee in larger companies")
    assert (found.source, found.hits[0].title) == ("offline", "How buying committees decide")
    assert "no search service" in found.notes[-1]


async def test_offline_it_can_look_in_other_pages():
    pages = [{"title": "Bees", "url": "https://b.example", "text": "How bees find their way"}]
    found = await web_search_in(OfflineSearch(pages))(ToolContext.for_tests(), query="bees")
    assert [hit.url for hit in found.hits] == ["https://b.example"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("Search the web for shift planning", "shift planning"),
        ("please look up  buying committees", "buying committees"),
        ("find out about cold email", "cold email"),
        ("google bees", "bees"),
        ("Search online: bees", "bees"),
        ("search engines in the EU", "search engines in the EU"),
        ("researching bees", "researching bees"),
    ],
)
async def test_what_is_asked_of_the_service_is_the_matter_alone(query: str, words: str):
    assert (await web_search(ToolContext.for_tests(), query=query)).query == words


@pytest.mark.parametrize("query", ["", "  ", "qqqq zzzz"])
async def test_what_is_not_found_is_said(query: str):
    found = await web_search(ToolContext.for_tests(), query=query)
    assert found.hits == () and found.notes[0] == "nothing was found"


async def test_live_it_asks_the_service_once_and_keeps_what_was_asked_for():
    async with Loopback(lambda _: json_reply(ROWS)) as server:
        found = await web_search_in(live(server, "s3cret-key"))(ToolContext.for_tests(), query="shift planning", most=3)
    (request,) = server.arrived
    assert request.target == "/search?q=shift+planning&format=json"
    assert request.headers["authorization"] == "Bearer s3cret-key"
    assert [hit.title for hit in found.hits] == ["Page 0", "Page 1", "Page 2"]
    assert max(len(hit.snippet) for hit in found.hits) <= 300
    assert found.source == server.inside and "s3cret" not in str(found)


async def test_live_it_takes_only_web_addresses_and_texts():
    rows = [{"url": "javascript:alert(1)"}, {"url": "https://ok.example", "title": 7, "content": "a\nb"}, "x", {}]
    async with Loopback(lambda _: json_reply({"results": rows})) as server:
        found = await web_search_in(live(server))(ToolContext.for_tests(), query="x")
    assert [(hit.url, hit.title, hit.snippet) for hit in found.hits] == [("https://ok.example", "", "a b")]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(403), Rejected),
        (reply(503), Unanswered),
        (reply(200, "<html>", content_type="text/html"), Unanswered),
        (json_reply([1]), Unanswered),
        (json_reply({"results": {}}), Unanswered),
    ],
)
async def test_a_service_that_does_not_answer_is_no_empty_result(answer: bytes, error: type[Exception]):
    async with Loopback(lambda _: answer) as server:
        with pytest.raises(error):
            await web_search_in(live(server))(ToolContext.for_tests(), query="x")
