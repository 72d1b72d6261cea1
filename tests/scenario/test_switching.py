"""Adapters are switched and steps routed while runs go on: through the front door, with every effect counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cuga.adapters.capability import Account, Crm, CrmRead
from cuga.errors import BadInput, NotAllowed
from cuga.model import event as e
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.event import Status
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.orchestrator.house.place import make
from cuga.policy.routing import Ranked
from cuga.tools import ToolContext, capability_missing, tool

BOB = Principal(id="bob", roles=("approver",))
PROFILES = "    adapters: [hubspot, pipedrive, offline]"
POOLS = """
workers:
  left: {capabilities: [intelligence, engagement], concurrency: 2}
  right: {capabilities: [intelligence, engagement], concurrency: 2}
"""


class World:
    """What the test's tools did, in which store, counted; some of them wait until they are told to go on."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.writes: list[str] = []
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()
        self.going = 0
        self.most = 0

    def tools(self) -> tuple[Any, ...]:
        world = self

        @tool(domain="intelligence", side_effect="read-only", uses=("crm",), purpose="names of accounts")
        async def names(context: ToolContext) -> list[str]:
            crm: CrmRead = context.capability("crm")
            found = [name for _, name in crm.names("accounts")]
            world.reads += found
            return found

        @tool(domain="intelligence", side_effect="read-only", uses=("crm",), purpose="names, after a while")
        async def slow_names(context: ToolContext) -> list[str]:
            world.entered.set()
            await world.go_on.wait()
            crm: CrmRead = context.capability("crm")
            return [name for _, name in crm.names("accounts")]

        @tool(domain="intelligence", side_effect="read-only", uses=("crm",), optional=("crm",), purpose="what is known")
        async def guess(context: ToolContext, name: str) -> dict[str, str]:
            known = "nothing" if capability_missing(context, "crm") else "something"
            return {"name": name, "known": known}

        @tool(domain="engagement", side_effect="propose", uses=("crm",), repeatable="key", purpose="stores an account")
        async def keep(context: ToolContext, name: str) -> dict[str, Any]:
            crm: Crm = context.capability("crm")
            seen = [found for _, found in crm.names("accounts")]
            world.writes.append(name)
            crm.store({"accounts": [Account(id=name, name=name)]})
            return {"seen": seen}

        @tool(domain="intelligence", side_effect="read-only", purpose="takes a moment")
        async def moment(context: ToolContext) -> int:
            world.going += 1
            world.most = max(world.most, world.going)
            await asyncio.sleep(0.002)
            world.going -= 1
            return 1

        return names, slow_names, guess, keep, moment


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A house whose smb profile prefers the folder; `Alba` is in the folder, `Inside` in the house's own store."""
    place = make(tmp_path / "house")
    text = place.registry.read_text()
    assert PROFILES in text
    place.registry.write_text(text.replace(PROFILES, "    adapters: [folder, offline]"))
    place.crm_folder.mkdir()
    (place.crm_folder / "accounts.csv").write_text("id,name\na1,Alba\n")
    return place.root


@pytest.fixture
async def house(root: Path, world: World) -> Any:
    async with Coordinator(profile="smb", house=root, tools=world.tools(), user="ann") as coordinator:
        assembly = await coordinator.open()
        assembly.crm.store({"accounts": [Account(id="i1", name="Inside")]})
        yield coordinator


async def run(house: Coordinator, *steps: PlanStep) -> Any:
    return await house.execute_plan(Plan(goal="do it", steps=steps))


def step(name: str, /, **given: Any) -> PlanStep:
    return PlanStep(tool=name, input=given)


async def read(house: Coordinator) -> list[str]:
    result = await run(house, step("names"))
    assert result.status is Status.SUCCESS, result.reason
    return list(result.results["s1"])


async def stored(house: Coordinator) -> list[str]:
    return sorted(name for _, name in (await house.open()).crm.names("accounts"))


# --- adapters --------------------------------------------------------------------------------------------------------
async def test_the_profile_s_preference_is_read_and_a_switch_counts_from_the_next_call(house: Coordinator) -> None:
    assert await read(house) == ["Alba"]
    assert await house.switch_adapter("offline", "crm", "the export is old") == "crm"
    assert await read(house) == ["Inside"]
    await house.switch_adapter("folder")
    assert await read(house) == ["Alba"]
    await house.set_adapter_mode("crm", "profile")
    assert await read(house) == ["Alba"]


async def test_the_list_says_what_is_usable_and_who_switched_it(house: Coordinator) -> None:
    await house.disable_adapter("offline", "mail", "the disk is full")
    await house.switch_adapter("folder", reason="fresher")
    lines = {(line.capability, line.adapter): line for line in await house.adapters()}
    folder, mail = lines["crm", "folder"], lines["mail", "offline"]
    assert (folder.installed, folder.enabled, folder.chosen, folder.can_write) == (True, True, True, False)
    assert (folder.switched_by, folder.reason) == ("ann", "fresher") and folder.switched_at is not None
    assert (mail.enabled, mail.switched_by, mail.reason) == (False, "ann", "the disk is full")
    offline = lines["crm", "offline"]
    assert (offline.enabled, offline.switched_by, offline.mode) == (True, "", "profile")
    assert not lines["crm", "hubspot"].installed


async def test_hybrid_reads_from_one_and_writes_to_the_other(house: Coordinator, world: World) -> None:
    await house.set_adapter_mode("crm", "hybrid", "trying it out")
    assert await read(house) == ["Alba"]
    result = await run(house, step("keep", name="New"))
    assert result.results["s1"] == {"seen": ["Alba"]}
    assert world.writes == ["New"] and await stored(house) == ["Inside", "New"]
    (start,) = [event for event in await house.events(result.run_id) if isinstance(event, e.ToolCallStart)]
    assert start.adapters == {"crm": "folder+offline"}
    assert {line.mode for line in await house.adapters() if line.capability == "crm"} == {"hybrid"}


async def test_live_does_not_write_where_nothing_can_be_written(house: Coordinator, world: World) -> None:
    await house.set_adapter_mode("crm", "live")
    result = await run(house, step("names"), step("keep", name="New"))
    assert (result.status, world.writes, world.reads) == (Status.PARTIAL, [], ["Alba"])
    assert "folder can only be read" in result.reason and "its mode is live" in result.reason
    await house.set_adapter_mode("crm", "offline")
    assert await read(house) == ["Inside"]


async def test_a_write_goes_past_an_adapter_that_only_reads(house: Coordinator, world: World) -> None:
    result = await run(house, step("keep", name="New"))
    assert result.status is Status.SUCCESS and await stored(house) == ["Inside", "New"]


async def test_a_switch_to_what_the_profile_forbids_is_a_refusal_and_never_another(house: Coordinator) -> None:
    house.profile = "technical"
    await house.switch_adapter("folder")
    result = await run(house, step("names"))
    assert result.status is Status.FAILED
    assert "profile technical allows offline, none of them usable now; it is switched to folder" in result.reason


async def test_a_call_in_flight_keeps_the_adapter_of_its_intent(house: Coordinator, world: World) -> None:
    run_id = await house.start("slowly", plan=Plan(goal="slowly", steps=(step("slow_names"), step("names"))))
    await world.entered.wait()
    await house.disable_adapter("folder")
    world.go_on.set()
    result = await house.wait(run_id)
    assert (result.status, result.results["s1"]) == (Status.SUCCESS, ["Alba"])
    again = await run(house, step("names"))
    assert again.results["s1"] == ["Inside"]


async def test_an_open_approval_bound_to_the_old_adapter_is_asked_anew(house: Coordinator, world: World) -> None:
    await house.change(h.UserAdded(at=_at(house), user="bob", roles=("approver",)))
    house.profile = "enterprise"
    assembly = await house.open()
    text = assembly.place.registry.read_text()
    await asyncio.sleep(0.01)
    assembly.place.registry.write_text(text.replace("adapters: [salesforce, offline] ", "adapters: [folder, offline] "))
    await house.set_adapter_mode("crm", "hybrid")
    waiting = await run(house, step("keep", name="New"))
    (first,) = await house.inbox()
    assert (waiting.status, (await house.request(first.approval_id)).adapters) == (
        Status.PARKED,
        {"crm": "folder+offline"},
    )
    await house.set_adapter_mode("crm", "offline")
    (second,) = await house.inbox()
    assert second.approval_id != first.approval_id
    assert (await house.request(second.approval_id)).adapters == {"crm": "offline"}
    with pytest.raises(Exception, match="already been decided"):
        await house.answer(first.approval_id, "approve", by=BOB)
    assert world.writes == []
    await house.answer(second.approval_id, "approve", by=BOB)
    assert (await house.wait(waiting.run_id)).status is Status.SUCCESS
    assert world.writes == ["New"]


async def test_without_an_adapter_reading_does_a_part_and_writing_is_refused(house: Coordinator, world: World) -> None:
    await house.disable_adapter("folder")
    await house.disable_adapter("offline", "crm", "being moved")
    result = await run(house, step("guess", name="Alba"), step("keep", name="New"), step("names"))
    assert (result.status, world.writes, world.reads) == (Status.PARTIAL, [], [])
    assert result.results == {"s1": {"name": "Alba", "known": "nothing"}}
    assert result.reason.startswith(
        "s2 (keep): keep needs crm; profile smb allows folder, offline, none of them usable"
    )
    shown = {one.step: one for one in (await house.show(result.run_id)).steps}
    assert shown["s1"].reduced == {"crm": "profile smb allows folder, offline, none of them usable now"}
    assert (shown["s2"].state, shown["s3"].state) == ("failed", "failed")
    alone = await run(house, step("guess", name="Alba"))
    assert (alone.status, alone.next_steps) == (Status.PARTIAL, ("cuga adapters",))
    assert "reduced: crm unavailable" in alone.reason
    await house.enable_adapter("folder")
    assert (await run(house, step("guess", name="Alba"))).results["s1"]["known"] == "something"


async def test_planning_looks_names_up_where_a_call_would(house: Coordinator) -> None:
    found = await house.plan("Score Alba")
    assert (found.plan is not None and b'"a1"' in bytes(found.plan.steps[0].input)) or b"Alba" in bytes(
        found.plan.steps[0].input
    )
    await house.switch_adapter("offline", "crm")
    assert "no account 'Alba'" in (await house.plan("Score Alba")).question
    await house.disable_adapter("offline", "crm")
    assert (await house.plan("Score Alba")).plan is not None


async def test_a_directory_that_goes_makes_the_adapter_unavailable(house: Coordinator, root: Path) -> None:
    (root / "crm").rename(root / "away")
    assert await read(house) == ["Inside"]
    assert not next(line for line in await house.adapters() if line.adapter == "folder").installed
    (root / "away").rename(root / "crm")
    assert await read(house) == ["Alba"]


@pytest.mark.parametrize(
    ("method", "words", "said"),
    [
        ("disable_adapter", ("folder", "mail"), "no adapter 'folder' is declared for mail"),
        ("enable_adapter", ("nothing",), "no adapter 'nothing' is declared"),
        ("switch_adapter", ("offline",), "offline is declared for crm and calendar and documents"),
        ("set_adapter_mode", ("phone", "live"), "no capability 'phone'"),
        ("set_adapter_mode", ("mail", "hybrid"), "mail cannot read here and write there"),
        ("set_adapter_mode", ("crm", "mock"), "no mode 'mock'"),
        ("set_routing_policy", ("fastest",), "no routing policy 'fastest'"),
    ],
)
async def test_mistakes_are_refused_and_nothing_is_switched(
    house: Coordinator, method: str, words: tuple[str, ...], said: str
) -> None:
    version = (await house.open()).state.version
    with pytest.raises(BadInput, match=said):
        await getattr(house, method)(*words)
    assert (await house.open()).state.version == version


async def test_only_an_admin_switches(house: Coordinator) -> None:
    await house.change(h.UserAdded(at=_at(house), user="bob", roles=("approver",)))
    with pytest.raises(NotAllowed):
        await house.disable_adapter("folder", by=BOB)


def _at(house: Coordinator) -> Any:
    assert house._assembly is not None
    return house._assembly.clock.now()


# --- worker pools ----------------------------------------------------------------------------------------------------
@pytest.fixture
def pooled(root: Path) -> Path:
    registry = root / "registry.yaml"
    registry.write_text(registry.read_text() + POOLS)
    return root


async def _targets(house: Coordinator, *runs: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for run_id in runs:
        found.update(event.target for event in await house.events(run_id) if isinstance(event, e.RouteDecision))
    return found


async def test_64_runs_at_once_take_turns_exactly_and_stay_within_their_places(pooled: Path, world: World) -> None:
    async with Coordinator(profile="smb", house=pooled, tools=world.tools(), user="ann") as house:
        plan = Plan(goal="many", steps=tuple(step("moment") for _ in range(3)))
        runs = await asyncio.gather(*(house.start("many", plan=plan) for _ in range(64)))
        results = await asyncio.gather(*(house.wait(one) for one in runs))
        assert {result.status for result in results} == {Status.SUCCESS}
        assert await _targets(house, *runs) == {"left": 96, "right": 96}
        assert world.most <= 4
        found = await house.workers()
        assert [(one.pool, one.running, one.waiting, one.calls) for one in found.pools] == [
            ("left", 0, 0, 96),
            ("right", 0, 0, 96),
        ]
        assert all(one.latency_us > 0 for one in found.pools)


async def test_live_load_is_seen_while_it_is_there(pooled: Path, world: World) -> None:
    async with Coordinator(profile="smb", house=pooled, tools=world.tools(), user="ann") as house:
        plan = Plan(goal="slowly", steps=(step("slow_names"),))
        runs = [await house.start("slowly", plan=plan) for _ in range(7)]
        await world.entered.wait()
        found = await house.workers()
        assert [(one.running, one.concurrency) for one in found.pools] == [(2, 2), (2, 2)]
        assert {one.waiting for one in found.pools} == {3}
        world.go_on.set()
        assert {(await house.wait(one)).status for one in runs} == {Status.SUCCESS}


async def test_a_policy_is_swapped_for_the_next_decision_and_kept_in_the_house(pooled: Path, world: World) -> None:
    async with Coordinator(profile="smb", house=pooled, tools=world.tools(), user="ann") as house:
        first = await run(house, step("moment"))
        await house.set_routing_policy("priority", "left is nearer")
        second, third = await run(house, step("moment")), await run(house, step("moment"))
        assert await _targets(house, first.run_id, second.run_id, third.run_id) == {"left": 3}
        routed = [one for one in await house.events(third.run_id) if isinstance(one, e.RouteDecision)]
        assert (routed[0].policy, routed[0].alternatives) == ("priority", ("right",))
    async with Coordinator(profile="smb", house=pooled, tools=world.tools(), user="ann") as house:
        assert (await house.workers()).policy == "priority"


class Rightmost:
    """A caller's own policy."""

    name = "rightmost"
    is_patient = False

    def rank(self, candidates: Any) -> list[Ranked]:
        return [Ranked(name=one.name, weight=1, why="it is rightmost") for one in reversed(candidates)]


async def test_a_callers_own_policy_routes_and_one_that_is_gone_holds_and_says_so(pooled: Path, world: World) -> None:
    async with Coordinator(house=pooled, tools=world.tools(), user="ann", routing=(Rightmost(),)) as house:
        await house.set_routing_policy("rightmost")
        result = await run(house, step("moment"))
        assert await _targets(house, result.run_id) == {"right": 1}
    async with Coordinator(house=pooled, tools=world.tools(), user="ann") as house:
        held = await run(house, step("moment"))
        assert held.status is Status.PARKED and "the routing policy rightmost gives it to none of" in held.reason
        await house.set_routing_policy("capability")
        assert (await house.wait(held.run_id)).status is Status.SUCCESS


async def test_pools_change_with_the_registry_while_the_house_is_open(pooled: Path, world: World) -> None:
    async with Coordinator(profile="smb", house=pooled, tools=world.tools(), user="ann") as house:
        await run(house, step("moment"))
        registry = pooled / "registry.yaml"
        await asyncio.sleep(0.01)
        registry.write_text(registry.read_text().replace(POOLS, "\nworkers: {door: {capabilities: [engagement]}}\n"))
        result = await run(house, step("moment"))
        assert result.status is Status.FAILED
        assert "no worker pool takes moment (intelligence): door takes engagement" in result.reason
        assert [one.pool for one in (await house.workers()).pools] == ["door"]


async def test_doctor_says_what_is_switched_and_what_no_pool_takes(pooled: Path, world: World) -> None:
    async with Coordinator(house=pooled, tools=world.tools(), user="ann") as house:
        await house.set_adapter_mode("crm", "hybrid")
        await house.switch_adapter("folder")
        await house.disable_adapter("offline", "mail")
        found = {one.what: one for one in await house.doctor()}
        assert found["adapter crm/folder"].found == "ready, the only one that is used, mode hybrid"
        assert (found["adapter mail/offline"].state, found["adapter mail/offline"].found) == ("note", "switched off")
        said, _, tools = found["workers"].found.partition(" takes ")
        assert said == "no worker pool" and {"qualify_opportunity", "query_crm"} <= set(tools.split(", "))
        registry = pooled / "registry.yaml"
        more = POOLS.replace(
            "left: {capabilities: [", "left: {capabilities: [governance, qualification, knowledge, territory, "
        )
        registry.write_text(registry.read_text().replace(POOLS, more))
        (await house.open()).look_at_registry()
        assert {one.what: one for one in await house.doctor()}["workers"].found == "2 pools take every tool"
    async with Coordinator(user="ann") as house:
        assert "workers" not in {one.what for one in await house.doctor()}
