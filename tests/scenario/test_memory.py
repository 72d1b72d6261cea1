"""A house that remembers: ended runs of a profile hint at the order of tools, and the journal is their source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cuga.errors import JournalFailed, NotDone
from cuga.modular.memory import VectorMemory
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make
from cuga.planning.memory import PastRuns
from cuga.tools import tool


def twins(calls: list[str]) -> tuple[Callable[..., Any], ...]:
    """Two tools that the same words name; the first in the alphabet does not work."""

    def looker(name: str, works: bool) -> Callable[..., Any]:
        @tool(domain="knowledge", side_effect="read-only", name=name, purpose="", keywords=("ponder", "muse"))
        def look() -> str:
            calls.append(name)
            if not works:
                raise NotDone("it never works")
            return "seen"

        return look

    return looker("glimpse", False), looker("zoom", True)


async def test_what_failed_for_a_goal_is_not_tried_first_for_a_goal_like_it():
    calls: list[str] = []
    async with Coordinator("smb", tools=twins(calls), memory=VectorMemory()) as house:
        first = await house.run("Ponder the question of the day")
        second = await house.run("Ponder the question of this day")
        planned = await house.planned(second.run_id)
    assert (first.success, second.success, calls) == (False, True, ["glimpse", "zoom"])
    assert planned.plan is not None
    assert [step.tool for step in planned.plan.steps] == ["zoom"]


async def test_a_run_that_could_not_be_read_is_remembered_later_and_fails_no_goal():
    goal = "Ponder the question of the day"
    async with Coordinator("smb", tools=twins([]), memory=VectorMemory()) as house:
        done = await house.run(goal)
        journal = (await house.open()).journal
        memory, whole = PastRuns(journal, VectorMemory()), journal.read

        async def unreadable(*_: Any) -> Any:
            raise JournalFailed("the disk is tired")

        journal.read = unreadable  # type: ignore[method-assign]
        assert await memory.like(goal, "smb") == ()
        journal.read = whole  # type: ignore[method-assign]
        assert [past.run_id for past in await memory.like(goal, "smb")] == [done.run_id]


async def test_without_a_memory_nothing_is_learned():
    calls: list[str] = []
    async with Coordinator("smb", tools=twins(calls)) as house:
        for _ in range(2):
            await house.run("Ponder the question of the day")
    assert calls == ["glimpse", "glimpse"]


async def test_one_profile_learns_nothing_from_another():
    calls: list[str] = []
    async with Coordinator("smb", tools=twins(calls), memory=VectorMemory()) as house:
        await house.run("Ponder the question of the day", profile="smb")
        await house.run("Ponder the question of the day", profile="technical")
    assert calls == ["glimpse", "glimpse"]


async def test_a_house_that_is_opened_again_knows_from_its_journal_what_it_knew(tmp_path: Path):
    place = make(tmp_path / "house")
    calls: list[str] = []
    async with Coordinator("smb", house=place.root, tools=twins(calls)) as house:
        await house.run("Ponder the question of the day")
    for _ in range(2):  # a fresh memory each time: nothing was kept beside the journal
        async with Coordinator("smb", house=place.root, tools=twins(calls), memory=VectorMemory()) as house:
            await house.run("Ponder the question of the day")
    assert calls == ["glimpse", "zoom", "zoom"]


async def test_notes_of_others_in_the_same_memory_are_no_runs():
    calls: list[str] = []
    memory = VectorMemory()
    for number in range(10):
        memory.under("smb").add("Ponder the question of the day", {"tools": ["zoom"], "number": number})
    async with Coordinator("smb", tools=twins(calls), memory=memory) as house:
        await house.run("Ponder the question of the day")
        await house.run("Ponder the question of the day")
    assert calls == ["glimpse", "zoom"]


async def test_a_plan_that_was_only_shown_teaches_nothing():
    calls: list[str] = []
    memory = VectorMemory()
    async with Coordinator("smb", tools=twins(calls), memory=memory) as house:
        await house.plan("Ponder the question of the day")
        await house.run("Ponder the question of the day")
        await house.run("Ponder the question of the day")
    assert len(memory.under("smb")) == 1
