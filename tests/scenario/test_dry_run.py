"""A dry run shows what a run would come to, fires nothing, and what it showed can be begun as it was shown."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.postgres import fresh_database
from tests.scenario.reaching_tools import TOOLS
from tests.servers.houses import hostile, house_of, registry_with

from cuga.errors import BadInput, InvalidTransition, NotAllowed, NotFound
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.event import Status
from cuga.model.value import encode
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.orchestrator.changing.bringing import at_store, sample_into
from cuga.orchestrator.dryrun.copying import fingerprint
from cuga.orchestrator.dryrun.kept import KEPT_FOR
from cuga.orchestrator.house.place import Place, make
from cuga.orchestrator.ipc.connect import connect
from cuga.packs.sales.sample import HERO
from cuga.settings import read_settings

GOAL = f"Draft a first email to the buyer of {HERO} and send it"
OUTSIDE = {"CUGA_HUBSPOT_TOKEN": "pat-na1-11111111-2222-3333-4444-555555555555"}


@pytest.fixture(scope="module")
def _sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = make(tmp_path_factory.mktemp("sample") / "house")
    at_store(place, lambda store: sample_into(store, datetime(2026, 1, 5, tzinfo=UTC).date(), place))
    return place.root


@pytest.fixture
def place(_sample: Path, tmp_path: Path) -> Place:
    import shutil

    shutil.copytree(_sample, tmp_path / "house")
    return Place(tmp_path / "house")


def front(place: Place, **options: object) -> Coordinator:
    return Coordinator("smb", house=place.root, user="ann", settings=read_settings(), **options)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A server that would hear whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


# --- nothing happens --------------------------------------------------------------------------------------------------
async def test_whatever_reaches_out_is_stopped_named_and_has_not_happened(
    place: Place, tmp_path: Path, listening: socket.socket
) -> None:
    port, victim = listening.getsockname()[1], place.root / "registry.yaml"
    said = {
        "ask_network": {"port": port},
        "ask_quietly": {"port": port},
        "write_file": {"path": str(place.root / "intruder.txt")},
        "remove_file": {"path": str(victim)},
        "change_book": {"path": str(place.crm)},
        "change_book_otherwise": {"path": str(place.crm)},
        "start_program": {"path": str(tmp_path / "started")},
        "end_process": {"pid": os.getpid()},
        "stay_inside": {},
        "write_below": {"path": str(tmp_path / "below")},
    }
    steps = tuple(PlanStep(step_id=f"s{n}", tool=name, input=told) for n, (name, told) in enumerate(said.items(), 1))
    place.registry.write_text(place.registry.read_text().replace("max_parallel: 4", "max_parallel: 16"))
    async with front(place, tools=TOOLS) as house:
        before = fingerprint(place)
        found = await house.dry_run(plan=Plan(goal="reach out", steps=steps), goal="reach out")
        assert await house.runs() == []
    stopped = {(one.tool, one.kind) for one in found.trips}
    assert stopped == {
        ("ask_network", "connection"),
        ("ask_quietly", "connection"),
        ("write_file", "file"),
        ("remove_file", "file"),
        ("change_book", "file"),
        ("change_book_otherwise", "file"),
        ("start_program", "process"),
        ("end_process", "signal"),
    }
    assert {f"127.0.0.1:{port}", str(victim), str(place.crm)} <= {one.what for one in found.trips}
    done = {step.tool: step.value for step in found.result.steps if step.state == "done"}
    below = done.pop("write_below")  # of this Python tells nobody; the operating system's own wall stands there
    if "kernel" in found.proof.walls:
        assert below == "Permission denied"
        assert not (tmp_path / "below").exists()
    assert done == {"stay_inside": "inside"}
    with pytest.raises(BlockingIOError):
        listening.accept()
    assert not (tmp_path / "started").exists()
    after = fingerprint(place)
    assert before.changed(after) == (f"rehearsed/{found.run_id}.json",)
    assert (found.proof.effects, found.proof.files_changed, found.proof.attempts) == (0, (), 8)
    assert found.proof.events_before == found.proof.events_after


async def test_a_tool_that_no_other_process_can_find_is_refused(place: Place) -> None:
    from cuga.tools import tool

    @tool(domain="knowledge", side_effect="read-only", purpose="Be somewhere inside.")
    def lost() -> str:
        return ""

    async with front(place, tools=(lost,)) as house:
        with pytest.raises(BadInput, match="not found in another process"):
            await house.dry_run("Find duplicate accounts")


async def test_a_house_in_memory_says_that_it_cannot_be_copied() -> None:
    async with Coordinator("smb") as house:
        with pytest.raises(BadInput, match="memory"):
            await house.dry_run("Find duplicate accounts")


# --- what it shows ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("profile", ["smb", "enterprise"])
async def test_the_approvals_of_the_real_run_have_the_digests_that_were_shown(place: Place, profile: str) -> None:
    settings = read_settings({**os.environ, **OUTSIDE})
    async with Coordinator(profile, house=place.root, user="ann", settings=settings) as house:
        found = await house.dry_run(GOAL, profile=profile)
        assert (found.status, found.is_whole, found.trips) == ("parked", True, ())
        run_id = await house.start_rehearsed(found.run_id)
        assert run_id == found.run_id
        await house.wait(run_id)
        cards = await house.inbox(run_id)
        assert [card.digest for card in found.cards] == [card.digest for card in cards] != []
        volatile = ("requested_at", "expires_at", "escalates_at")
        for shown, real in zip(found.cards, cards, strict=True):
            same = {name: getattr(real, name) for name in volatile}
            assert msgspec.structs.replace(shown, **same) == real
        state = await house.state(run_id)
        assert encode(state.plan.steps) == encode(found.planned.plan.steps)
        assert state.started.as_of == found.as_of
        asked = {card.approval_id for card in cards}
        told = [one.differs for one in await house.rehearsed(run_id) if one.approval_id in asked]
        assert told == [()] * len(cards)
        with pytest.raises(InvalidTransition):
            await house.start_rehearsed(run_id)


async def test_what_happened_once_is_known_in_a_rehearsal(place: Place) -> None:
    async with front(place) as house:
        assert len((await house.dry_run(GOAL)).cards) == 1
        result = await house.run(GOAL)
        (card,) = await house.inbox()
        await house.answer(card.approval_id, "approve")
        assert (await house.wait(result.run_id)).status is Status.SUCCESS
        again = await house.dry_run(GOAL)
        assert not again.cards, "the address is claimed under a digest that only the keys of the house make"
        assert any("once" in one.reason or "already" in one.reason for one in again.refusals), again.refusals


async def test_what_would_be_refused_is_shown_with_its_reason(place: Place) -> None:
    async with front(place) as house:
        await house.change(h.ToolForbidden(at=datetime.now(UTC), tool="send_message", reason="a recall"))
        found = await house.dry_run(GOAL)
    assert [(one.tool, one.step) for one in found.refusals] == [("send_message", "s3")]
    assert "a recall" in found.refusals[0].reason
    assert found.cards == ()


async def test_a_server_of_somebody_else_is_named_and_not_asked(tmp_path: Path) -> None:
    pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
    ledger = tmp_path / "ledger"
    text = registry_with(hostile("claims-to-read", ledger, ", trust: true"), "hostile")
    plan = Plan(goal="act", steps=(PlanStep(step_id="s1", tool="hostile/act", input={"what": "once"}),))
    async with Coordinator("smb", house=house_of(tmp_path / "house", text), settings=read_settings()) as house:
        await house.accept_tools("hostile")
        found = await house.dry_run("act", plan=plan)
        assert [(one.step, one.tool, one.kind) for one in found.trips] == [("s1", "hostile/act", "process")]
        assert found.trips[0].adapters == {"mcp:hostile": "hostile"}
        assert "hostile_mcp.py" in found.trips[0].what
        assert not ledger.exists()
        done = await house.wait(await house.start_rehearsed(found.run_id))
        assert (done.results, ledger.read_text().split()) == ({"s1": {"text": "did once"}}, ["once"])


async def test_a_model_is_not_asked(place: Place) -> None:
    text = place.registry.read_text().replace("    model: off", "    model: plan", 2)
    place.registry.write_text(text)
    settings = read_settings({**os.environ, "OPENAI_API_KEY": "sk-none"})
    async with Coordinator("enterprise", house=place.root, user="ann", settings=settings) as house:
        found = await house.dry_run("Score Velkarin Foods and tell me more about its people")
    if found.planned.plan is not None:
        assert "model" in " ".join(found.planned.plan.notes)  # the extra is not installed here: rules plan, and say so
    else:
        assert [one.kind for one in found.trips] == ["model"]


# --- what is not as it was --------------------------------------------------------------------------------------------
async def begun(house: Coordinator, run_id: str) -> str:
    """All that is said of the last approval of a rehearsed run."""
    await house.start_rehearsed(run_id)
    await house.wait(run_id)
    return "; ".join((await house.rehearsed(run_id))[-1].differs)


async def test_a_changed_record_shows(place: Place) -> None:
    async with front(place) as house:
        found = await house.dry_run(GOAL)
        crm = (await house.open()).crm
        others = [msgspec.structs.replace(one, email=f"other.{one.email}") for one in crm.each("contacts") if one.email]
        crm.store({"contacts": others})
        said = await begun(house, found.run_id)
        (card,) = await house.inbox(found.run_id)
        assert card.digest != found.cards[-1].digest
    assert "other values in " in said
    assert "the CRM records have changed" in said


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("quorum: 1 ", "quorum: 2 ", "the rules have changed"),
        (
            "\nprofiles:",
            "\ntools:\n  draft_outbound_message: {cost: 7}\n\nprofiles:",
            "the tool draft_outbound_message has changed",
        ),
    ],
)
async def test_a_changed_rule_or_tool_shows(place: Place, before: str, after: str, said: str) -> None:
    async with Coordinator("enterprise", house=place.root, user="ann", settings=read_settings()) as house:
        step = PlanStep(step_id="s1", tool="draft_outbound_message", input={"account": HERO, "channel": "email"})
        found = await house.dry_run(plan=Plan(goal="write it", steps=(step,)), goal="write it")
        assert len(found.cards) == 1
        text = place.registry.read_text()
        assert before in text
        place.registry.write_text(text.replace(before, after))
        told = await begun(house, found.run_id)
        (card,) = await house.inbox(found.run_id)
        assert card.digest != found.cards[0].digest
    assert said in told


async def test_only_who_rehearsed_it_begins_it_and_only_for_a_week(place: Place) -> None:
    async with front(place) as house:
        found = await house.dry_run("Find duplicate accounts")
        assert (found.status, found.cards) == ("success", ())
        with pytest.raises(NotAllowed, match="ann"):
            await house.start_rehearsed(found.run_id, by=Principal(id="eve", solo=True))
        with pytest.raises(NotFound):
            await house.start_rehearsed("01M8M951ZSK8YFJAYR97EW2KTS")
        (file,) = place.rehearsed.glob("*.json")
        old = file.read_text().replace(f'"at":"{datetime.now(UTC):%Y-%m-%d}', '"at":"2001-01-01')
        file.write_text(old)
        with pytest.raises(NotFound, match="no dry run"):
            await house.start_rehearsed(found.run_id)
        assert timedelta(days=7) == KEPT_FOR
        assert await house.rehearsed((await house.run("Find duplicate accounts")).run_id) is None


# --- through the desk -------------------------------------------------------------------------------------------------
async def test_who_does_not_hold_the_house_rehearses_through_its_desk(place: Place) -> None:
    holder = await connect(place, user="ann")
    visitor = await connect(place)
    try:
        assert not visitor.is_ours
        found = await visitor.front.dry_run("Find duplicate accounts", profile="smb")
        assert found.status == "success"
        run_id = await visitor.front.start_rehearsed(found.run_id)
        done = await visitor.front.wait(run_id)
        assert (done.run_id, done.status) == (found.run_id, Status.SUCCESS)
        assert await visitor.front.rehearsed(run_id) == []
        again = await visitor.front.replay(run_id, True)
        assert (again.verdict, len(again.hashes)) == ("same", again.version)
    finally:
        await visitor.close()
        await holder.close()


# --- a house in a database --------------------------------------------------------------------------------------------
async def test_a_house_in_a_database_is_rehearsed_on_a_file(place: Place) -> None:
    settings = replace(read_settings(), database=fresh_database())
    async with Coordinator("smb", house=place.root, user="ann", settings=settings) as house:
        found = await house.dry_run(GOAL)
        assert await house.runs() == []
        await house.start_rehearsed(found.run_id)
        await house.wait(found.run_id)
        assert [card.digest for card in await house.inbox(found.run_id)] == [card.digest for card in found.cards] != []
        assert (await house.replay(found.run_id)).verdict == "same"
