"""A process that ends at any moment of planning by a model: its reply is read, or asked for by a call of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.checks import sample_house

from cuga.adapters.capability.model import Judge, ModelFailed, Spent, Thought
from cuga.journal.memory import MemoryJournal
from cuga.model import event as e
from cuga.model.event import Event, Status
from cuga.model.failure import FailureMode
from cuga.model.tool import ToolContract
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.assemble import open_house
from cuga.policy.budget import TOKENS
from cuga.projections.runs import state_of
from cuga.tools import tool

STEPS: tuple[dict[str, Any], ...] = (
    {"id": "a", "tool": "look_about", "input": {"topic": "Kestrel"}, "reason": "asked for", "depends_on": []},
)
RESERVED, USED = 9_000, 1_350


@tool(domain="intelligence", side_effect="read-only", cost=1, keywords=("look",))
def look_about(topic: str = "") -> dict[str, str]:
    """Look about for a topic."""
    return {"seen": topic}


class Puppet:
    """A model that answers as it is told, and counts how often it was asked."""

    name, provider, host, deadline_s = "puppet", "openai", "models.example", 10

    def __init__(self, *, fails: bool = False) -> None:
        self.asked = 0
        self.fails = fails

    def why_not(self) -> str:
        return ""

    def worst_case(self, prompt: str, tools: Sequence[ToolContract]) -> tuple[int, int | None]:
        return RESERVED, 5_000

    async def decompose_goal(
        self, goal: str, tools: Sequence[ToolContract], *, prompt: str = "", judge: Judge | None = None
    ) -> Thought:
        self.asked += 1
        if self.fails:
            raise ModelFailed("it is tired", FailureMode.RESOURCE_API_UNAVAILABLE, Spent(requests=1, tokens=7, money=1))
        return Thought(steps=STEPS, spent=Spent(requests=1, tokens=USED, money=600))

    async def rank_tools(self, goal: str, tools: Sequence[ToolContract]) -> list[str]:
        return [one.name for one in tools]

    async def explain_plan(self, goal: str, steps: Sequence[Mapping[str, Any]]) -> str:
        return "[by the model puppet] it looks about"


async def history() -> tuple[str, list[Event]]:
    """A whole run that a model planned."""
    async with Coordinator("smb", model=Puppet(), tools=(look_about,)) as house:
        result = await house.run("look about Kestrel")
        assert result.status is Status.SUCCESS
        return result.run_id, list(await house.events(result.run_id))


async def gone_on(run_id: str, so_far: Sequence[Event], model: Puppet) -> tuple[Any, list[Event], Any]:
    """What becomes of a run of which only these facts are durable, in a process of its own."""
    journal = MemoryJournal()
    assembly = await open_house(None, journal=journal, model=model, tools=(look_about,))
    house = Coordinator.on(assembly)
    try:
        await assembly.rules_for("smb")
        await journal.append(run_id, 0, list(so_far))
        result = await house.resume(run_id)
        return result, list(await house.events(run_id)), await state_of(journal, run_id)
    finally:
        await assembly.close()


async def test_whenever_the_process_ends_the_plan_comes_and_no_reply_is_asked_for_twice() -> None:
    run_id, whole = await history()
    kinds = [type(event) for event in whole]
    started, answered = kinds.index(e.ModelCallStart), kinds.index(e.ModelCallComplete)
    for count in range(2, len(whole)):
        model = Puppet()
        result, events, state = await gone_on(run_id, whole[:count], model)
        assert result.status is Status.SUCCESS and state.plan.planner == "model", count
        starts = [event for event in events if isinstance(event, e.ModelCallStart)]
        assert model.asked == (0 if count > answered else 1), "a reply that is durable is read, never asked for again"
        assert len({start.call for start in starts}) == len(starts) == (2 if count == started + 1 else 1)
        lost = RESERVED if count == started + 1 else 0
        assert state.used[TOKENS] == USED + lost, "what was reserved for a lost reply stays taken"
        assert sum(isinstance(event, e.PlanCreated) for event in events) == 1


async def test_a_reply_that_is_lost_twice_leaves_the_plan_to_the_rules() -> None:
    run_id, whole = await history()
    start = next(event for event in whole if isinstance(event, e.ModelCallStart))
    crash = e.ModelCallError(at=start.at, call=1, attempt=1, mode=FailureMode.SYSTEM_CRASH, message="gone")
    again = e.ModelCallStart(**{name: getattr(start, name) for name in start.__struct_fields__} | {"call": 2})
    model = Puppet()
    result, _, state = await gone_on(run_id, [*whole[:3], crash, again], model)
    assert result.status is Status.SUCCESS and model.asked == 0
    assert state.plan.planner == "rules" and state.used[TOKENS] == 2 * RESERVED
    assert any("not by a model" in note for note in state.plan.notes)


async def test_a_failure_that_is_durable_is_read_again_like_a_reply() -> None:
    async with Coordinator("smb", model=Puppet(fails=True), tools=(look_about,)) as house:
        result = await house.run("look about Kestrel")
        whole = list(await house.events(result.run_id))
    at = next(at for at, event in enumerate(whole) if isinstance(event, e.ModelCallError))
    model = Puppet()
    _, _, state = await gone_on(result.run_id, whole[: at + 1], model)
    assert model.asked == 0 and state.plan.planner == "rules" and "it is tired" in state.plan.notes[-1]
    assert state.used[TOKENS] == 7


async def test_a_model_that_was_changed_meanwhile_is_not_asked_in_the_place_of_the_one_that_was_named() -> None:
    class Other(Puppet):
        name = "another"

    class Breaks(Puppet):
        async def decompose_goal(self, *_: Any, **__: Any) -> Thought:
            raise RuntimeError("boom")

    for model, words in ((Breaks(), "asking the model broke: RuntimeError: boom"),):
        async with Coordinator("smb", model=model, tools=(look_about,)) as house:
            planned = await house.plan("look about Kestrel")
            assert planned.plan is not None and words in planned.plan.notes[-1]
            assert (await house.budget(planned.run_id)).tokens.used == RESERVED, "what broke may have cost all of it"
    first = Puppet()
    async with Coordinator("smb", model=first, tools=(look_about,)) as house:
        assembly = await house.open()
        first.worst_case = lambda prompt, tools: (assembly.models.__setattr__("_given", Other()), (5, 5))[1]  # type: ignore[method-assign]
        planned = await house.plan("look about Kestrel")
        assert planned.plan is not None and "names another model by now" in planned.plan.notes[-1]
        assert first.asked == 0 and (await house.budget(planned.run_id)).tokens.used == 0


@pytest.mark.parametrize("halted", [True, False])
async def test_a_halted_house_asks_no_model(halted: bool) -> None:
    model = Puppet()
    async with Coordinator("smb", model=model, tools=(look_about,)) as house:
        if halted:
            from cuga.model import house_event as h

            assembly = await house.open()
            await house.change(h.Halted(at=assembly.clock.now(), reason="fire"))
        await house.plan("look about Kestrel")
    assert model.asked == (0 if halted else 1)


async def test_a_reply_in_the_journal_that_cannot_be_used_any_more_leaves_the_plan_to_the_rules() -> None:
    run_id, whole = await history()
    at = next(at for at, event in enumerate(whole) if isinstance(event, e.ModelCallComplete))
    for steps in ([{**STEPS[0], "tool": "gone"}], [{**STEPS[0], "input": {"odd": 1}}]):
        reply = msgspec.Raw(msgspec.json.encode({"steps": steps, "why": [], "question": ""}))
        model = Puppet()
        result, _, state = await gone_on(run_id, [*whole[:at], msgspec.structs.replace(whole[at], reply=reply)], model)
        assert result.status is Status.SUCCESS and model.asked == 0 and state.plan.planner == "rules"
        assert any("its answer cannot be used" in note for note in state.plan.notes)


async def test_a_model_that_names_a_tool_it_was_not_shown_has_failed_and_is_paid_all_the_same() -> None:
    class Wanders(Puppet):
        async def decompose_goal(self, *_: Any, **__: Any) -> Thought:
            return Thought(steps=({**STEPS[0], "tool": "send_message"},), spent=Spent(requests=1, tokens=USED, money=1))

    async with Coordinator("smb", model=Wanders(), tools=(look_about,)) as house:
        planned = await house.plan("look about Kestrel")
        assert planned.plan is not None and planned.plan.planner == "rules"
        assert "not shown: send_message" in planned.plan.notes[-1]
        assert (await house.budget(planned.run_id)).tokens.used == USED


@pytest.mark.parametrize("allowed", [True, False])
async def test_records_are_told_only_where_the_profile_names_them(tmp_path: Path, allowed: bool) -> None:
    class Listens(Puppet):
        prompt = ""

        async def decompose_goal(self, *words: Any, prompt: str = "", **named: Any) -> Thought:
            self.prompt = prompt
            return await super().decompose_goal(*words, prompt=prompt, **named)

    place, model = sample_house(tmp_path), Listens()
    if allowed:
        told = "fields: [goal, tools, feedback, history]"
        text = place.registry.read_text("utf-8")
        assert told in text
        place.registry.write_text(text.replace(told, "fields: [goal, tools, records]"), "utf-8")
    async with Coordinator("smb", house=place.root, model=model, tools=(look_about,)) as house:
        await house.plan("look about Velkarin Foods")
    assert ('"records":[{' in model.prompt) is allowed
