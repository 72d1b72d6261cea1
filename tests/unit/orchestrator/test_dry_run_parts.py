"""The parts of a dry run by themselves: what is held, what the wire counts, what is said to differ, what is kept."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cuga.adapters.capability.model import ModelFailed
from cuga.errors import NotFound
from cuga.kernel.state import RunState
from cuga.model.event import ApprovalRequested, ToolCallStart
from cuga.model.outcome import Done, Outcome
from cuga.orchestrator.dryrun.answer import ModelThere
from cuga.orchestrator.dryrun.holding import Holding, ModelByName
from cuga.orchestrator.dryrun.kept import Kept, KeptCard, keep, kept_card, unlike, usable
from cuga.orchestrator.dryrun.tripwire import _LOOKS, Tripped, Tripwire
from cuga.orchestrator.house.place import Place
from cuga.projections.card import cards_of
from cuga.testing import approve, completes, given, run_started, tick
from cuga.testing.factories import AT, EXECUTE, READ, plan, step
from cuga.testing.story import Story, raw


def calling(tool: Any) -> tuple[RunState, ToolCallStart]:
    story = given(run_started(plan(step("s", tool, {"to": "ann"})))).when(tick())
    if story.state.pending:
        story.when(approve("s"))
    return story.state, story.call("s")


async def until_held(holding: Holding, state: RunState, start: ToolCallStart) -> bool:
    """Whether a call is still unanswered after everything that could be done was done."""
    call = asyncio.ensure_future(holding.call(state, start))
    for _ in range(5):
        await asyncio.sleep(0)
    was_done = call.done()
    call.cancel()
    return not was_done


async def test_a_call_with_an_effect_is_held_whoever_agreed_to_it(tmp_path: Path) -> None:
    made: list[str] = []

    async def perform(_state: RunState, start: ToolCallStart) -> Outcome:
        made.append(start.tool)
        return Done(result=raw({}))

    wire = Tripwire(str(tmp_path))
    holding = Holding(wire)
    assert holding.over(perform) == holding.call
    assert not await until_held(holding, *calling(READ))
    state, start = calling(EXECUTE)
    assert await until_held(holding, state, start)
    assert made == [READ.name]
    assert [(one.kind, one.tool, one.times) for one in wire.trips] == [("effect", EXECUTE.name, 1)]
    assert holding.holds(state)
    simulated = msgspec.structs.replace(start, simulated=True)
    assert not await until_held(holding, state, simulated)
    assert made == [READ.name, EXECUTE.name]


@pytest.mark.parametrize(
    ("act", "arguments", "found"),
    [
        ("open", ("{out}/x", "w", os.O_WRONLY), ("file", "{out}/x")),
        ("open", ("{out}/x", "rb+", 0), ("file", "{out}/x")),
        ("open", (b"{out}/x", None, os.O_CREAT | os.O_RDONLY), ("file", "{out}/x")),
        ("open", ("{out}/x", "r", os.O_RDONLY), None),
        ("open", ("{in}/x", "w", os.O_WRONLY), None),
        ("open", ("{in}/../x", "w", os.O_WRONLY), ("file", "{in}/../x")),
        ("open", ("{in}/link/x", "w", os.O_WRONLY), ("file", "{in}/link/x")),
        ("open", ("/dev/null", "w", os.O_WRONLY), None),
        ("open", (7, "w", os.O_WRONLY), None),
        ("os.rename", ("{in}/a", "{out}/b", -1, -1), ("file", "{out}/b")),
        ("os.link", ("{out}/a", "{in}/b", -1, -1), ("file", "{out}/a")),
        ("os.symlink", ("{out}/a", "{in}/b", -1), None),
        ("os.remove", ("{out}/a", -1), ("file", "{out}/a")),
        ("sqlite3.connect", (":memory:",), None),
        ("sqlite3.connect", ("{out}/a.db",), ("file", "{out}/a.db")),
        ("socket.connect", (None, ("10.0.0.1", 443)), ("connection", "10.0.0.1:443")),
        ("socket.connect", (None, "/run/a.sock"), ("connection", "/run/a.sock")),
        ("socket.getaddrinfo", ("api.example", 443, 0, 0, 0), ("connection", "api.example:443")),
        ("subprocess.Popen", ("sh", ["sh", "-c", "x"], None, None), ("process", "sh -c x")),
        ("os.system", (b"ls",), ("process", "ls")),
        ("os.fork", (), ("process", "a copy of this one")),
        ("os.kill", (12, 9), ("signal", "9 to 12")),
        ("sys.remote_exec", (12, "/tmp/x.py"), ("signal", "/tmp/x.py to 12")),
    ],
)
def test_what_an_act_is(tmp_path: Path, act: str, arguments: tuple[Any, ...], found: tuple[str, str] | None) -> None:
    inside, out = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    out.mkdir()
    (inside / "link").symlink_to(out)

    def filled(value: Any) -> Any:
        if isinstance(value, bytes):
            return filled(value.decode()).encode()
        return value.replace("{in}", str(inside)).replace("{out}", str(out)) if isinstance(value, str) else value

    wire = Tripwire(str(inside))
    said = _LOOKS[act](wire, tuple(filled(one) for one in arguments))
    assert said == (None if found is None else tuple(filled(one) for one in found))


def test_the_same_thing_tried_again_is_counted(tmp_path: Path) -> None:
    wire = Tripwire(str(tmp_path))
    for _ in range(3):
        with pytest.raises(Tripped, match=r"10\.0\.0\.1"):
            wire._hear("socket.connect", (None, ("10.0.0.1", 1)))
    assert [(one.times, one.step) for one in wire.trips] == [(3, "")]
    wire._hear("import", ("x", None, None, None, None))
    assert wire.attempts == 3


async def test_a_model_by_name_says_nothing() -> None:
    model = ModelByName(ModelThere(provider="openai", name="m", host="h", why_not="no key"))
    assert (model.name, model.host, model.why_not(), model.worst_case("x", ())) == ("m", "h", "no key", (0, 0))
    for asked in (model.decompose_goal("g", ()), model.rank_tools("g", ()), model.explain_plan("g", ())):
        with pytest.raises(ModelFailed):
            await asked


def asking() -> Story:
    story = given(run_started(plan(step("look", READ), step("s", EXECUTE, {"to": "ann", "n": [1, 2]}))))
    return story.when(tick()).when(completes("look", 1))


def kept(story: Story, **changes: Any) -> Kept:
    request = story.found("approval_requested")
    start = story.state.started
    card = KeptCard(
        step=request.step, tool=request.tool, tool_digest=request.tool_digest, adapters=request.adapters,
        cost=request.cost, requesters=request.requesters, digest="another", values={},
    )  # fmt: skip
    card = msgspec.structs.replace(card, **changes.pop("card", {}))
    fields: dict[str, Any] = {
        "run_id": "R1", "at": AT, "goal": "g", "profile": "p", "requester": "ada", "as_of": AT, "budget": None,
        "planner": "rules", "plan": None, "policy_digest": start.policy_digest, "crm_version": start.crm_version,
        "cards": (card,), **changes,
    }  # fmt: skip
    return Kept(**fields)


def kept_values(request: ApprovalRequested) -> dict[str, str]:
    card = cards_of("r1", asking().events)[request.approval_id]
    return kept_card(card).values


def test_every_way_to_differ_is_named() -> None:
    story = asking()
    request = story.found("approval_requested")

    def said(**changes: Any) -> tuple[str, ...]:
        return unlike(kept(story, **changes), story.state, request).differs

    assert said(card={"digest": request.digest}) == ()
    assert said() == ("other values in n/0, n/1, to",)
    assert said(crm_version="older") == ("other values in n/0, n/1, to; the CRM records have changed",)
    assert said(policy_digest="older")[0] == "the rules have changed"
    assert said(card={"tool_digest": "older"})[0] == "the tool send has changed"
    assert said(card={"tool": "post"})[0] == "it uses send, not post"
    assert said(card={"cost": 5})[0] == "it costs something else"
    assert said(card={"adapters": {"mail": "smtp"}})[0] == "it goes by way of no adapter, not mail through smtp"
    assert said(card={"requesters": ("bob",)})[0] == "it is asked for by ada"
    leaves = {"values": kept_values(request)}
    assert said(card=leaves) == ("where it leads by way of no adapter has changed",)
    assert said(cards=()) == ("the dry run came to no approval of s",)
    amended = msgspec.structs.replace(request, amends="r1-a1")
    assert "a person has amended it" in unlike(kept(story), story.state, amended).differs


def test_what_is_kept_is_found_for_a_week_and_then_let_go(tmp_path: Path) -> None:
    place, one = Place(tmp_path), kept(asking())
    keep(place, one)
    assert usable(place, "R1", AT + timedelta(days=7)) == one
    for name, at in (("R1", AT + timedelta(days=7, seconds=1)), ("R2", AT), ("../R1", AT)):
        with pytest.raises(NotFound):
            usable(place, name, at)
    keep(place, msgspec.structs.replace(one, run_id="R2", at=AT + timedelta(days=8)))
    assert [path.name for path in place.rehearsed.iterdir()] == ["R2.json"]
    assert (place.rehearsed / "R2.json").stat().st_mode & 0o077 == 0
