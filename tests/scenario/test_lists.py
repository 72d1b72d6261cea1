"""Lists on the real engine: a process killed in the middle, a call in doubt, a budget that ends, an amended card."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from cuga.errors import BadInput, NotDone, NotFound
from cuga.model.event import ListClosed, ListOpened, Status
from cuga.model.failure import FailureMode
from cuga.model.plan import Budget, ForEach, Plan, PlanStep, Reference, When
from cuga.model.value import digest_bytes
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make
from cuga.orchestrator.keeping.evidence import Scope
from cuga.orchestrator.library.partial import PartialResult
from cuga.orchestrator.library.resuming import what_is_left
from cuga.tools import tool

PEOPLE = tuple(f"person {number}" for number in range(1, 11))


def deeds_in(path: Path, sleep_s: float = 0.0):
    """Tools that write down whom they reached, before they answer."""

    @tool(domain="engagement", side_effect="execute", cost=0.1, purpose="post a letter", effect_key=("post", "/to"))
    def post(to: str) -> dict:
        with path.open("a", encoding="utf-8") as deeds:
            deeds.write(f"{to}\n")
            deeds.flush()
            os.fsync(deeds.fileno())
        time.sleep(sleep_s)
        return {"posted": to}

    @tool(domain="engagement", side_effect="read-only", cost=0.1, purpose="count letters")
    def count(letters: list) -> dict:
        return {"count": len(letters)}

    return post, count


def letters(people=PEOPLE):
    return Plan(
        goal="post a letter to each",
        steps=(
            PlanStep(tool="post", step_id="s1", input={"to": {"$item": ""}}, for_each=ForEach(items=people)),
            PlanStep(tool="count", step_id="s2", input={"letters": {"$from": {"step": "s1", "path": "/items"}}}),
        ),
    )


def reached(path: Path) -> Counter:
    return Counter(path.read_text("utf-8").splitlines()) if path.exists() else Counter()


async def agree(house, run_id):
    (card,) = await house.inbox(run_id)
    return await house.answer(card.approval_id, "approve", digest=card.digest)


async def test_one_card_for_all_and_one_deed_for_each(tmp_path):
    async with Coordinator(profile="smb", tools=deeds_in(tmp_path / "deeds")) as house:
        result = await house.execute_plan(letters())
        assert result.status is Status.PARKED and not reached(tmp_path / "deeds")
        (card,) = await house.inbox(result.run_id)
        assert len(card.calls) == 10 and card.each["s1#3"] == {"to": "person 3"} and "s1#3:" in card.readable
        await agree(house, result.run_id)
        done = await house.wait(result.run_id)
        assert done.success and reached(tmp_path / "deeds") == dict.fromkeys(PEOPLE, 1)
        assert done.results["s2"] == {"count": 10} and done.results["s1"]["missed"] == []
        line = next(one for one in await house.runs() if one.run_id == result.run_id)
        assert (line.done, line.steps) == (11, 11)
        record = await house.audit(result.run_id)
        assert [one.kind for one in record.happenings if one.kind.startswith("list")] == ["list_opened", "list_closed"]
        assert len(record.calls) == 11


async def test_an_amended_card_leaves_calls_out_and_changes_others(tmp_path):
    async with Coordinator(profile="smb", tools=deeds_in(tmp_path / "deeds")) as house:
        result = await house.execute_plan(letters(PEOPLE[:4]))
        (card,) = await house.inbox(result.run_id)
        with pytest.raises(NotFound, match="no call '9'"):
            await house.answer(card.approval_id, "amend", changes={"9.to": "x"})
        with pytest.raises(BadInput, match="do not fit post in s1#2"):
            await house.answer(card.approval_id, "amend", changes={"2.to": 7})
        with pytest.raises(BadInput, match="at least one change"):
            await house.answer(card.approval_id, "amend")
        await house.answer(card.approval_id, "amend", changes={"/2/to": "somebody else"}, without=(3,), reason="moved")
        (again,) = await house.inbox(result.run_id)
        assert again.amends == card.approval_id and list(again.each) == ["s1#1", "s1#2", "s1#4"]
        await agree(house, result.run_id)
        done = await house.wait(result.run_id)
        assert done.status is Status.PARTIAL and "moved" in done.reason
        assert reached(tmp_path / "deeds") == {"person 1": 1, "somebody else": 1, "person 4": 1}
        assert done.results["s2"] == {"count": 3}


async def test_a_budget_that_ends_in_the_middle_keeps_what_was_done(tmp_path):
    async with Coordinator(profile="smb", tools=deeds_in(tmp_path / "deeds")) as house:
        result = await house.execute_plan(replace(letters(), budget=Budget(calls=6)))
        (card,) = await house.inbox(result.run_id)
        assert "The budget has room for 6 of them." in card.consequences
        await agree(house, result.run_id)
        ended = await house.wait(result.run_id)
        assert sum(reached(tmp_path / "deeds").values()) == 6 and max(reached(tmp_path / "deeds").values()) == 1
        assert ended.status in (Status.PARTIAL, Status.PARKED)


async def test_a_call_that_breaks_loses_no_other_and_waits_for_a_word(tmp_path):
    deeds = tmp_path / "deeds"
    post, count = deeds_in(deeds)

    @tool(domain="engagement", side_effect="execute", cost=0.1, purpose="post a letter", effect_key=("post", "/to"))
    def breaking(to: str) -> dict:
        if to == "person 2":
            raise RuntimeError("the line went dead")
        return {"posted": to}

    plan = letters(PEOPLE[:3])
    first = PlanStep(tool="breaking", step_id="s1", input=plan.steps[0].input, for_each=plan.steps[0].for_each)
    async with Coordinator(profile="smb", tools=(breaking, count)) as house:
        result = await house.execute_plan(Plan(goal="g", steps=(first, plan.steps[1])))
        await agree(house, result.run_id)
        waits = await house.wait(result.run_id)
        assert waits.status is Status.PARKED and "s1#2" in waits.reason and waits.results["s1#3"]
        await house.resolve(result.run_id, "s1#2", "did-not", reason="looked")
        done = await house.wait(result.run_id)
        assert done.status is Status.PARTIAL and done.results["s2"] == {"count": 2}


async def test_more_than_two_hundred_say_how_to_narrow_it_down(tmp_path):
    @tool(domain="intelligence", side_effect="read-only", cost=0.1, purpose="find many")
    def find() -> dict:
        return {"found": [str(number) for number in range(300)]}

    over = ForEach(over=Reference(step="s0", path="/found"))
    post, _ = deeds_in(tmp_path / "deeds")
    plan = Plan(
        goal="g",
        steps=(
            PlanStep(tool="find", step_id="s0"),
            PlanStep(tool="post", step_id="s1", input={"to": {"$item": ""}}, for_each=over),
        ),
    )
    async with Coordinator(profile="smb", tools=(find, post)) as house:
        result = await house.execute_plan(plan)
        assert result.status is Status.PARTIAL and "300 items, and 200 calls are the most" in result.reason


async def test_what_a_list_left_undone_is_taken_up_without_what_was_denied(tmp_path):
    done, is_closed = Counter(), [True]

    @tool(domain="engagement", side_effect="execute", cost=0.1, purpose="post a letter", effect_key=("post", "/to"))
    def post(to: str) -> dict:
        if is_closed[0] and to in ("person 4", "person 5"):
            raise NotDone("no such street", mode=FailureMode.USER_INVALID_INPUT)
        done[to] += 1
        return {"posted": to}

    plan = Plan(goal="g", steps=letters(PEOPLE[:6]).steps[:1])
    async with Coordinator(profile="smb", tools=(post,)) as house:
        result = await house.execute_plan(plan)
        (card,) = await house.inbox(result.run_id)
        await house.answer(card.approval_id, "amend", without=(6,))
        await agree(house, result.run_id)
        ended = await house.wait(result.run_id)
        assert ended.status is Status.PARTIAL and len(done) == 3
        is_closed[0] = False
        left = await what_is_left(house, PartialResult.of_run(ended), plan=plan)
        assert left.plan is not None and len(left.plan.steps[0].for_each.items) == 2
        again = await house.execute_plan(left.plan)
        await agree(house, again.run_id)
        assert (await house.wait(again.run_id)).success
        assert done == dict.fromkeys(PEOPLE[:5], 1)


LIVE = """
import asyncio, sys
from pathlib import Path
from tests.scenario.test_lists import agree, deeds_in, letters
from cuga.orchestrator import Coordinator
from cuga.orchestrator.keeping.evidence import Scope

async def main():
    async with Coordinator(profile="smb", house=sys.argv[1], tools=deeds_in(Path(sys.argv[2]), 0.15)) as house:
        result = await house.execute_plan(letters())
        print(result.run_id, flush=True)
        await agree(house, result.run_id)
        await house.wait(result.run_id)

asyncio.run(main())
"""


def killed_after(place: Path, deeds: Path, after: int) -> str:
    """Let a process of its own work through the list, and kill it when it has reached that many; the run's id."""
    command = [sys.executable, "-c", LIVE, str(place), str(deeds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as live:
        assert live.stdout is not None
        run_id = live.stdout.readline().strip()
        until = time.monotonic() + 10
        while sum(reached(deeds).values()) < after and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(live.pid, signal.SIGKILL)
        live.wait()
    return run_id


@pytest.mark.kills
@pytest.mark.parametrize("after", [1, 4, 7])
async def test_a_process_killed_in_the_middle_of_a_list_reaches_nobody_twice(tmp_path, after):
    deeds, place = tmp_path / "deeds", tmp_path / "house"
    make(place)
    run_id = killed_after(place, deeds, after)
    before = reached(deeds)
    assert after <= sum(before.values()) < len(PEOPLE)
    async with Coordinator(profile="smb", house=place, tools=deeds_in(deeds)) as house:
        await house.resume(run_id)
        waits = await house.wait(run_id)
        state = await house.state(run_id)
        assert waits.status is Status.PARKED and 1 <= len(state.doubts) <= 4  # those that were in the air
        for step in sorted(state.doubts):  # a person looks at the other side, and says what is so there
            to = PEOPLE[int(step.partition("#")[2]) - 1]
            await house.resolve(run_id, step, "happened" if reached(deeds)[to] else "did-not")
        ended = await house.wait(run_id)
        assert ended.status in (Status.SUCCESS, Status.PARTIAL)
        assert max(reached(deeds).values()) == 1 and reached(deeds) >= before
        events = await house.events(run_id)
        assert sum(isinstance(event, ListOpened) for event in events) == 1
        (closed,) = [event for event in events if isinstance(event, ListClosed)]
        assert closed.done == len(reached(deeds))


async def test_evidence_of_a_list_gives_every_call_its_exact_bytes_and_the_one_that_was_left_out(tmp_path):
    post, count = deeds_in(tmp_path / "deeds")
    make(tmp_path / "house")
    async with Coordinator(house=tmp_path / "house", tools=(post, count), profile="smb", user="ada") as house:
        result = await house.execute_plan(letters(PEOPLE[:3]))
        (card,) = await house.inbox(result.run_id)
        await house.answer(card.approval_id, "amend", without=(2,), reason="not them")
        (card,) = await house.inbox(result.run_id)
        await house.answer(card.approval_id, "approve")
        result = await house.wait(result.run_id)
        made = await house.evidence(Scope(run_id=result.run_id), str(tmp_path / "evidence.zip"))
    with zipfile.ZipFile(made.path) as kept:
        report, records = kept.read("report.html").decode(), json.loads(kept.read("records.json"))
    for number in (1, 2, 3):
        body = f'{{"to":"person {number}"}}'.encode()
        assert report.count(digest_bytes(body)) >= (1 if number == 2 else 3)  # shown twice, and called
    (record,) = records
    assert [call["step"] for call in record["calls"]] == ["s1#1", "s1#3", "s2"]
    assert sorted(reached(tmp_path / "deeds")) == ["person 1", "person 3"]


async def test_what_is_skipped_says_why(tmp_path):
    post, _ = deeds_in(tmp_path / "deeds")
    none = ForEach(items=PEOPLE[:3], when=When(expr='item == "nobody"'))
    plan = Plan(goal="g", steps=(PlanStep(tool="post", input={"to": {"$item": ""}}, for_each=none),))
    async with Coordinator(tools=(post,), profile="smb") as house:
        (step,) = (await house.show((await house.execute_plan(plan)).run_id)).steps
        assert step.state == "skipped" and step.reason == "none of the 3 items of its list is meant"
