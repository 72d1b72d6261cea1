"""A house that was taught: by amendments, wishes and denials of people, within a profile, until it is forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cuga.adapters.capability import Account, Contact
from cuga.cli.main import main as cuga
from cuga.errors import NotAllowed, NotFound
from cuga.model.context import Principal
from cuga.model.event import Status
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make, shipped_registry
from cuga.policy.registry import load_registry

GOAL = "Draft a first email to Nora Tamm at Kestrel Works"
RECORDS: dict[str, list[Any]] = {
    "accounts": [Account(id="A1", name="Kestrel Works", industry="tooling", country="Estonia")],
    "contacts": [
        Contact(id="C1", name="Nora Tamm", email="nora@kestrel.example", account="Kestrel Works", account_id="A1")
    ],
}
STRICT = shipped_registry().replace("    approvals: moderate\n", "    approvals: strict\n")
ANN, BOB = Principal(id="ann", roles=("approver",)), Principal(id="bob")


async def taught(house: Coordinator, verdict: str = "amend", **said: Any) -> str:
    (await house.open()).crm.store(RECORDS)
    result = await house.run(GOAL)
    (card,) = await house.inbox()
    await house.answer(card.approval_id, verdict, digest=card.digest, **said)
    if (await house.result(result.run_id)).status is Status.PARKED:
        await house.cancel(result.run_id)
    return card.approval_id


async def steps_of(house: Coordinator, profile: str = "") -> tuple[dict[str, Any], tuple[str, ...]]:
    plan = (await house.plan(GOAL, profile)).plan
    assert plan is not None
    draft = next(step for step in plan.steps if step.tool == "draft_outbound_message")
    return json.loads(bytes(draft.input)), plan.why


async def test_what_was_amended_is_heeded_by_the_next_plan_which_says_so() -> None:
    async with Coordinator("smb", registry=load_registry(STRICT)) as house:
        name = await taught(house, changes={"style": "formal", "sender": "Dana Reeves"})
        given, why = await steps_of(house)
        assert (given["style"], given["sender"]) == ("formal", "Dana Reeves")
        assert any(f"cuga memory forget {name}" in line for line in why)
        (lesson,) = await house.lessons()
        assert lesson.id == name and (await house.lessons(subject="NORA@kestrel.example")) == (lesson,)
        assert {change.path for change in lesson.changes} == {"/style", "/sender"}


async def test_a_wish_and_a_no_are_remembered_in_the_words_of_who_said_them() -> None:
    async with Coordinator("smb", registry=load_registry(STRICT)) as house:
        await taught(house, "request-changes", reason="more formal, please")
        given, why = await steps_of(house)
        assert given["style"] == "formal" and any('"more formal, please"' in line for line in why)
    async with Coordinator("smb", registry=load_registry(STRICT)) as house:
        await taught(house, "deny", reason="not before they have paid")
        given, why = await steps_of(house)
        assert "style" not in given and any("not before they have paid" in line for line in why)


async def test_one_profile_is_taught_nothing_by_another() -> None:
    async with Coordinator("smb", registry=load_registry(STRICT)) as house:
        await taught(house, changes={"style": "formal"})
        given, why = await steps_of(house, "technical")
        assert "style" not in given and not any("memory" in line for line in why)
        assert len(await house.lessons("smb")) == 1 and await house.lessons("technical") == ()


async def test_what_is_forgotten_is_told_to_nobody_and_the_record_names_no_person() -> None:
    async with Coordinator("smb", registry=load_registry(STRICT)) as house:
        name = await taught(house, changes={"style": "formal"})
        with pytest.raises(NotFound):
            await house.forget(subject="somebody.else@firm.example")
        with pytest.raises(NotAllowed):
            await house.forget(name, by=BOB)
        gone = await house.forget(subject="nora@kestrel.example")
        assert gone.lessons == (name,) and await house.lessons() == ()
        given, why = await steps_of(house)
        assert "style" not in given and not any("memory" in line for line in why)
        (event,) = [act for act in await house.acts() if act.kind == "lessons_forgotten"]
        assert "nora" not in event.text.casefold()


async def test_what_was_learned_of_how_runs_ended_is_forgotten_with_its_subject() -> None:
    from cuga.modular.memory import VectorMemory

    async with Coordinator("smb", memory=VectorMemory()) as house:
        (await house.open()).crm.store(RECORDS)
        await house.run(GOAL)
        assert any("done in" in line for line in (await steps_of(house))[1])
        assert (await house.forget(subject="Nora Tamm")).runs
        assert not any("done in" in line for line in (await steps_of(house))[1])


def test_the_command_lists_shows_and_forgets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = make(tmp_path / "house")
    place.registry.write_text(STRICT)

    async def teach() -> str:
        async with Coordinator("smb", house=place.root) as house:
            return await taught(house, changes={"style": "formal"})

    import asyncio

    name = asyncio.run(teach())
    at = ["--house", str(place.root)]
    assert cuga(["memory", *at]) == 0 and name in capsys.readouterr().out
    assert cuga(["memory", "show", name, "--json", *at]) == 0
    assert json.loads(capsys.readouterr().out)["changes"][0]["after"] == '"formal"'
    assert cuga(["memory", "show", "nothing", *at]) != 0
    assert cuga(["memory", "forget", "--subject", "nora@kestrel.example", *at]) == 0
    assert "1 lessons are forgotten" in capsys.readouterr().out
    assert cuga(["memory", "list", *at]) == 0 and "Nothing is remembered" in capsys.readouterr().out
