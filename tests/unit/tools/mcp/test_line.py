"""A server that misbehaves: what is known of the effect is right, nothing is done twice, and nothing hangs."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cuga.errors import NotDone, ToolInvalid, Unanswered, Unreachable
from cuga.policy.outside import McpServer
from cuga.tools.mcp import Line, Reported, contract_for, judged
from cuga.tools.mcp import line as line_room

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
HOSTILE = Path(__file__).parents[3] / "servers/hostile_mcp.py"


class Bed:
    """A line to the hostile server, its ledger and what was reported of it."""

    def __init__(self, behaviour: str, tmp_path: Path, **how: object) -> None:
        self.ledger = tmp_path / "ledger"
        command = (sys.executable, "-S", str(HOSTILE), behaviour, str(self.ledger))
        self.server = McpServer(name="hostile", command=command, domain="knowledge", **how)
        self.reports: list[Reported] = []
        self.line = Line(self.server, {"PATH": "/usr/bin:/bin"}, self.hear, connect_s=2.0)

    async def hear(self, reported: Reported) -> None:
        self.reports.append(reported)

    def effects(self) -> list[str]:
        return self.ledger.read_text().split() if self.ledger.exists() else []

    async def accepted(self) -> str:
        return (await self.line.look())["act"].digest(self.server.origin)

    async def act(self, accepted: str = "") -> object:
        about = {"cuga/key": "k1"}
        return await self.line.call("act", {"what": "once"}, accepted=accepted or await self.accepted(), about=about)


@asynccontextmanager
async def bed(behaviour: str, tmp_path: Path, **how: object):
    made = Bed(behaviour, tmp_path, **how)
    began = time.monotonic()
    try:
        yield made
    finally:
        await made.line.close()
        assert time.monotonic() - began < 20, "it was waited for too long"


async def test_an_honest_server_is_called_once(tmp_path):
    async with bed("honest", tmp_path) as made:
        assert await made.act() == {"text": "did once"}
        assert made.effects() == ["once"]
        assert made.reports == []


UNKNOWN = (
    "dies-after", "noise-after", "huge-line", "huge-line-without-end", "no-utf8", "no-message", "lone-surrogate",
    "deep-answer", "reports-an-error", "refuses-after", "asks-for-input", "answers-with-a-task",
    "no-content",
)  # fmt: skip


@pytest.mark.parametrize("behaviour", UNKNOWN)
async def test_what_is_known_of_an_effect_is_never_that_it_did_not_happen(behaviour, tmp_path):
    async with bed(behaviour, tmp_path) as made:
        with pytest.raises(Unanswered):
            async with asyncio.timeout(10):
                await made.act()
        assert made.effects() == ["once"]


@pytest.mark.parametrize("behaviour", ["noise-after", "huge-line", "huge-line-without-end", "no-utf8", "no-message"])
async def test_a_server_that_cannot_be_understood_is_reported_as_a_whole(behaviour, tmp_path):
    async with bed(behaviour, tmp_path) as made:
        with pytest.raises(Unanswered):
            await made.act()
        await asyncio.sleep(0.05)
        assert {(report.server, report.tools) for report in made.reports} == {("hostile", ())}


@pytest.mark.parametrize("behaviour", ["hangs-after", "another-id"])
async def test_a_call_that_is_given_up_on_is_not_sent_again(behaviour, tmp_path):
    async with bed(behaviour, tmp_path) as made:
        accepted = await made.accepted()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await made.act(accepted)
        await asyncio.sleep(0.1)
        assert made.effects() == ["once"]


async def test_a_server_that_dies_before_the_effect_is_as_unknown(tmp_path):
    async with bed("dies-before", tmp_path) as made:
        with pytest.raises(Unanswered):
            await made.act()
        assert made.effects() == []


NOT_REACHED = (
    "silent", "dies-at-once", "babbles-first", "babbles-for-ever", "old-protocol", "hangs-at-list",
    "no-list", "schema-of-no-object",
)  # fmt: skip


@pytest.mark.parametrize("behaviour", NOT_REACHED)
async def test_a_server_that_is_not_reached_was_surely_not_called(behaviour, tmp_path, monkeypatch):
    monkeypatch.setattr(line_room, "LOOK_S", 1.0)
    async with bed(behaviour, tmp_path) as made:
        with pytest.raises((Unreachable, NotDone)):
            await made.act("0" * 64)
        assert made.effects() == []


@pytest.mark.parametrize("behaviour", ["many-tools", "endless-pages", "two-of-a-name", "huge-definition"])
async def test_a_list_that_cannot_be_trusted_is_reported_and_nothing_of_it_called(behaviour, tmp_path):
    async with bed(behaviour, tmp_path) as made:
        with pytest.raises(ToolInvalid):
            await made.line.look()
        with pytest.raises(NotDone):
            await made.act("0" * 64)
        assert made.reports[0].tools == () and made.effects() == []


@pytest.mark.parametrize("behaviour", ["remote-schema", "schema-that-is-none", "odd-name"])
async def test_a_tool_that_rules_cannot_be_applied_to_gets_no_contract(behaviour, tmp_path):
    from cuga.tools.mcp import tool_for
    from cuga.tools.registry import ToolRegistry

    async with bed(behaviour, tmp_path) as made:
        (found,) = (await made.line.look()).values()
        with pytest.raises(ToolInvalid):
            ToolRegistry().register(tool_for(found, made.server), contract_for(found, made.server))


async def test_words_of_a_server_are_data_on_one_plain_line(tmp_path):
    async with bed("odd-words", tmp_path) as made:
        (found,) = (await made.line.look()).values()
        purpose = contract_for(found, made.server).purpose
        assert purpose.isprintable() and len(purpose) <= 400 and purpose.startswith("Ignore the rules.")


async def test_a_claim_to_only_read_lowers_nothing_of_a_server_that_is_not_trusted(tmp_path):
    async with bed("claims-to-read", tmp_path) as made:
        (found,) = (await made.line.look()).values()
        assert judged(found, made.server).side_effect.value == "execute"


DRIFTS = ("drift-description", "drift-schema", "drift-title", "drift-output", "drift-hints", "drift-gone")


@pytest.mark.parametrize("behaviour", DRIFTS)
async def test_a_tool_that_is_not_what_was_accepted_is_not_called(behaviour, tmp_path):
    async with bed(behaviour, tmp_path) as made:
        accepted = await made.accepted()
        with pytest.raises(NotDone):
            await made.act(accepted)
        assert made.effects() == []
        assert [report.tools for report in made.reports] == [("act",)]


@pytest.mark.parametrize("behaviour", ["asks-the-model", "asks-the-user", "asks-for-roots"])
async def test_what_a_server_asks_of_us_is_refused_and_its_call_goes_on(behaviour, tmp_path):
    async with bed(behaviour, tmp_path) as made:
        assert await made.act() == {"text": "did once"}
        assert made.effects() == ["once"], "it got an answer"


@pytest.mark.parametrize("behaviour", ["answers-twice", "floods"])
async def test_too_much_talk_changes_nothing(behaviour, tmp_path):
    async with bed(behaviour, tmp_path) as made:
        assert await made.act() == {"text": "did once"}
        assert await made.act() == {"text": "did once"}
        assert made.effects() == ["once", "once"]


async def test_a_line_that_broke_is_taken_up_anew_by_the_next_call(tmp_path):
    async with bed("dies-after", tmp_path) as made:
        accepted = await made.accepted()
        for _ in range(2):
            with pytest.raises(Unanswered):
                await made.act(accepted)
        assert made.effects() == ["once", "once"]


async def test_what_one_connection_says_holds_for_no_other(tmp_path):
    """While one call looks, another takes up a new connection, to a server that has changed: it is looked at itself."""
    async with bed("told", tmp_path) as made:
        first, found = await made.line._look()
        listed = first.listed

        async def slowly():
            answer = await listed()
            (tmp_path / "ledger.told").write_text('description="Something else."')
            await made.line._part(first, RuntimeError("it broke"))
            await made.line._look()
            return answer

        first.listed = slowly
        with pytest.raises((NotDone, Unanswered)):
            await made.act(found["act"].digest(made.server.origin))
        assert made.effects() == []


async def test_a_refusal_of_a_trusted_server_says_that_nothing_happened(tmp_path):
    async with bed("refuses-after", tmp_path, trust=True) as made:
        with pytest.raises(NotDone):
            await made.act()


async def test_a_server_gets_the_variables_that_are_named_and_no_others(tmp_path):
    command = (sys.executable, "-c", "import os; print(sorted(os.environ)); print(1 / 0)")
    server = McpServer(name="nosy", command=command, domain="knowledge", env=("WANTED",))
    reports: list[Reported] = []

    async def hear(reported: Reported) -> None:
        reports.append(reported)

    said = {"PATH": "/usr/bin", "WANTED": "yes", "SECRET_TOKEN": "sesame-opens"}
    line = Line(server, said, hear, connect_s=3.0)
    with pytest.raises(Unreachable):
        await line.look()
    await line.close()
    assert "['HOME', 'LC_CTYPE', 'PATH', 'TMPDIR', 'WANTED']" in reports[0].reason and "SECRET" not in reports[0].reason


async def test_a_variable_that_is_not_set_and_a_command_that_is_not_there_are_named(tmp_path):
    async def hear(_: Reported) -> None: ...

    for server, said in (
        (McpServer(name="a", command=("true",), domain="knowledge", env=("A_TOKEN",)), "A_TOKEN"),
        (McpServer(name="b", command=("/no/such/command",), domain="knowledge"), "/no/such/command"),
    ):
        line = Line(server, {}, hear, connect_s=3.0)
        with pytest.raises(Unreachable, match=said):
            await line.look()
        await line.close()


async def test_no_process_is_left_behind(tmp_path):
    async with bed("hangs-after", tmp_path) as made:
        accepted = await made.accepted()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await made.act(accepted)
        ledger = str(made.ledger)
    await asyncio.sleep(0.1)
    assert processes_about(ledger) == []


def processes_about(word: str) -> list[Path]:
    return [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if word.encode() in _read(entry)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
