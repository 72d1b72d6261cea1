"""The golden signals, counted from facts."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from tests.unit.projections.histories import TOOLS, House, plan, profile, sold, step, varied

from cuga.model.command import Annotate
from cuga.model.event import CANONICAL, Status, Verdict, name_of
from cuga.model.failure import FailureMode
from cuga.model.house_event import HouseOpened
from cuga.policy.judge import Rules
from cuga.policy.profile import Rulebook
from cuga.projections.projection import ViewsLost, ViewsUnstable
from cuga.projections.signals import Signals, SignalsView, signals_of
from cuga.projections.views import MemoryViews


async def read(house: House, **asked: object) -> Signals:
    return await SignalsView(house.journal, MemoryViews()).read(**asked)  # type: ignore[arg-type]


@pytest.fixture
async def house() -> House:
    house = House()
    await varied(house)
    return house


async def test_a_run_that_succeeds_has_the_shape_that_callers_know() -> None:
    house = House()
    await sold(house)
    shown = (await read(house)).as_dict()
    assert shown["success_rate"] == 1.0
    assert shown["error_rate"] == 0.0
    assert shown["latency"] == {"p50": 20.0, "p95": 30.0, "p99": 30.0, "mean": 20.667, "max": 30.0}
    names = [name_of(event) for event in await house.events("r1")]
    assert shown["total_events"] == sum(name in CANONICAL for name in names) == 14
    assert shown["mean_steps_per_task"] == 3.0
    assert shown["approval_wait_time"] == {
        "total_s": 90.0, "average_s": 90.0, "p95_s": 90.0,
        "requested": 2, "decided": 1, "approved": 1, "denied": 0, "expired": 0, "by_rule": 1,
    }  # fmt: skip
    assert shown["tool_error_rate"] == 0.0
    assert shown["budget_utilization"]["by_domain"]["engagement"] == {"used": 2, "limit": None, "percentage": 0.0}


async def test_nothing_yet_is_no_success_and_no_failure() -> None:
    shown = (await read(House())).as_dict()
    assert (shown["success_rate"], shown["error_rate"], shown["tool_error_rate"], shown["mean_steps_per_task"]) == (
        0.0,
    ) * 4
    assert shown["latency"]["p99"] == 0.0 and shown["total_events"] == 0


async def test_ends_are_counted_as_the_runs_ended(house: House) -> None:
    found = await read(house)
    ends = Counter(
        state.end.status for state in house.states.values() if state.end is not None and not state.started.plan_only
    )
    assert (found.success, found.partial, found.failed, found.cancelled) == tuple(
        ends[status] for status in (Status.SUCCESS, Status.PARTIAL, Status.FAILED, Status.CANCELLED)
    )
    assert found.planned == 1 and found.started == len(house.states) - 1
    assert found.success_rate == pytest.approx(3 / 8) and found.error_rate == pytest.approx(5 / 8)


async def test_what_is_used_is_what_the_kernel_counts(house: House) -> None:
    found = await read(house)
    wanted: Counter[str] = Counter()
    for state in house.states.values():
        wanted.update(state.used)
    assert {usage.scope: usage.used for usage in found.budget.scopes} == {
        usage.scope: wanted[usage.scope] for usage in found.budget.scopes
    }
    assert sum(wanted.values()) == sum(usage.used for usage in found.budget.scopes)


async def test_limits_are_those_of_the_rules_that_the_runs_are_pinned_to(house: House) -> None:
    found = await read(house)
    assert found.budget.total.limit == 10 * found.started
    assert found.budget.by_domain["engagement"].limit == 4 * found.started
    assert found.budget.by_domain["intelligence"].limit is None


async def test_every_attempt_that_ended_counts_for_its_tool(house: House) -> None:
    found = await read(house)
    assert found.tools["look"].calls == 6 and found.tools["look"].errors == 3
    assert found.tools["draft"].rate == 0.0
    assert found.tool_error_rate == pytest.approx(7 / sum(tool.calls for tool in found.tools.values()))
    assert found.modes == {"system_network": 7}


async def test_people_are_timed_and_rules_are_not(house: House) -> None:
    waits = (await read(house)).approvals
    assert waits.decided == 9 and waits.by_rule == 5 and waits.expired == 1 and waits.denied == 1
    assert waits.total == (90 + 60 + 5) * 1_000_000
    assert waits.average == round(waits.total / 9)


async def test_a_crash_is_an_error_that_has_no_duration() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "look")))
    await house.failed("r1", "s1", FailureMode.SYSTEM_CRASH, ms=9_999)
    found = await read(house)
    assert found.latency.count == 0 and found.tools["look"].errors == 1


async def test_more_durations_than_are_kept_singly_are_stored_and_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cuga.projections.durations.EXACT", 2)
    house = House()
    await sold(house)
    views = MemoryViews()
    found = await SignalsView(house.journal, views).read()
    assert not found.latency.is_exact and found.latency.count == 3 and found.latency.most == 30_000
    assert await SignalsView(house.journal, views).read() == found


async def test_a_window_takes_whole_hours() -> None:
    house = House()
    start = house.clock.now()
    await sold(house, "early")
    house.clock.advance(timedelta(hours=2))
    await sold(house, "late")
    view = SignalsView(house.journal, MemoryViews())
    assert (await view.read()).success == 2
    assert (await view.read(since=start + timedelta(hours=1))).success == 1
    assert (await view.read(until=start + timedelta(hours=1, minutes=59))).success == 1
    assert (await view.read(since=start + timedelta(minutes=59), until=start + timedelta(minutes=59))).success == 0
    assert (await view.read(since=start + timedelta(minutes=59))).success == 2


async def test_profiles_and_tenants_are_told_apart() -> None:
    house = House()
    await sold(house, "small")
    house.rules = Rules(Rulebook(profile=profile("enterprise"), contracts=TOOLS))
    await house.start("large", plan(step("s1", "look")))
    await house.failed("large", "s1", FailureMode.AGENT_VALIDATION)
    assert ((await read(house, profile="smb")).success, (await read(house, profile="smb")).failed) == (1, 0)
    assert ((await read(house, profile="enterprise")).success, (await read(house, profile="enterprise")).failed) == (
        0,
        1,
    )
    assert (await read(house, tenant="local")).tasks == 2
    assert (await read(house, tenant="elsewhere")).tasks == 0


async def test_the_house_and_what_follows_an_end_count_for_nothing(house: House) -> None:
    before = await read(house)
    await house.journal.append("house", 0, [HouseOpened(at=house.clock.now(), tenant="local", owner="ada")])
    await house.do("sold", Annotate(at=house.clock.now(), text="well done"))
    assert await read(house) == before


async def test_signals_of_one_run_are_counted_without_keeping_anything(house: House) -> None:
    found = await signals_of(house.journal, await house.journal.read("sold"))
    assert (found.success, found.tasks, found.latency.p95, found.budget.total.used) == (1, 1, 30_000, 3)
    assert found.budget.total.limit == 10
    everything = [one async for one in house.journal.feed()]
    assert await signals_of(house.journal, everything) == await read(house)


async def test_rules_that_were_never_kept_give_no_limits() -> None:
    house = House()
    await sold(house)
    assert (await read(house)).budget.total.limit is None
    body = await house.journal.keep_snapshot(b"[]")
    found = await signals_of(house.journal, [])
    assert found.budget.cost.limit is None and body


async def test_live_is_rebuilt_after_every_command() -> None:
    house = House()
    view = SignalsView(house.journal, MemoryViews())
    for act in (
        lambda: house.start("r1"),
        lambda: house.done("r1", "s1", {"name": "Acme"}),
        lambda: house.start("r2"),
        lambda: house.done("r1", "s2", {}),
        lambda: house.decide("r1", Verdict.APPROVE),
        lambda: house.cancel("r2"),
        lambda: house.done("r2", "s1", {}),
        lambda: house.done("r1", "s3", {}),
    ):
        await act()
        house.tick(1_000)
        assert await view.read() == await read(house)


async def test_views_that_are_lost_while_reading_are_read_again(house: House) -> None:
    class Forgetful(MemoryViews):
        losses = 2

        def every(self, name, prefix):  # type: ignore[no-untyped-def]
            if self.losses:
                self.losses -= 1
                self.drop(name)
                raise ViewsLost
            return super().every(name, prefix)

    assert await SignalsView(house.journal, Forgetful()).read() == await read(house)
    Forgetful.losses = 1_000
    with pytest.raises(ViewsUnstable):
        await SignalsView(house.journal, Forgetful()).read()


async def test_a_stream_that_lacks_its_calls_does_not_stop_the_others(house: House) -> None:
    before = await read(house)
    events = [
        event for event in await house.events("sold") if name_of(event) not in ("tool_call_start", "approval_requested")
    ]
    await house.journal.append("odd", 0, events)
    for run_id in ("broken", "didnot", "expired"):
        kept = [
            event
            for event in await house.events(run_id)
            if name_of(event) not in ("tool_call_start", "approval_requested")
        ]
        await house.journal.append(f"odd-{run_id}", 0, kept)
    after = await read(house)
    assert after.success == before.success + 1 and after.tools == before.tools
