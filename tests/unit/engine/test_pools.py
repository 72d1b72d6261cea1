"""Worker pools under load: places are never exceeded, turns are exact, waiting is in order, crashes leave no doubt."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from random import Random

import msgspec
import pytest
from tests.unit.engine.test_local import Bench, breaking

from cuga.engine.pools import Pools, Unknown
from cuga.errors import BadInput, InvalidTransition, JournalFailed
from cuga.journal.codec import events_of
from cuga.journal.port import Conflict
from cuga.kernel.state import Phase
from cuga.model import command as c
from cuga.model import event as e
from cuga.model.event import Status
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Done, Failed
from cuga.policy.routing import POLICIES, Candidate, Fared, Pool, Ranked
from cuga.testing.factories import ADA, READ, plan, rules, step
from cuga.testing.loop import JumpingLoop
from cuga.testing.story import raw

ONE = plan(step("s", READ))


def pools(**sizes):
    return {name: Pool(name=name, capabilities=("intelligence",), concurrency=size) for name, size in sizes.items()}


class Shop(Bench):
    """A bench with pools, whose calls take a moment and say how many of each pool went on at once."""

    def __init__(self, loop, takes_s=0.01, routing="", **sizes):
        super().__init__(loop, pinned=rules(max_parallel=8))
        self.takes_s = takes_s
        self.now = msgspec.structs.replace(self.now, pools=pools(**sizes), routing=routing)
        self.driver.pools.renew(self.now.pools)
        self.going = Counter()
        self.most = Counter()
        self.order = []
        self.fails = set()

    async def perform(self, state, start):
        self.order.append((state.run_id, start.step))
        self.going[start.pool] += 1
        self.most[start.pool] = max(self.most[start.pool], self.going[start.pool])
        takes = self.takes_s[start.pool] if isinstance(self.takes_s, dict) else self.takes_s
        await asyncio.sleep(takes)
        self.going[start.pool] -= 1
        if state.run_id in self.fails:
            mode = FailureMode.USER_INVALID_INPUT
            return Failed(mode=mode, certainty=Certainty.NOT_DONE, message="no", duration_us=round(takes * 1_000_000))
        return Done(result=raw(1), duration_us=round(takes * 1_000_000))

    async def run_all(self, count, a_plan=ONE):
        await asyncio.gather(*(self.engine.begin(f"r{n}", self.start(a_plan)) for n in range(count)))
        return await asyncio.gather(*(self.engine.wait(f"r{n}") for n in range(count)))

    async def routed(self, count):
        found = Counter()
        for n in range(count):
            for event in events_of(await self.journal.read(f"r{n}")):
                if isinstance(event, e.RouteDecision):
                    found[event.target] += 1
        return found

    @property
    def is_quiet(self):
        live = self.driver.pools
        return not (live._held or live._promised or live._tickets or live._groups or live._wants) and not any(
            live._running.values()
        )


@pytest.fixture
def loop():
    made = JumpingLoop()
    yield made
    made.close()


@pytest.mark.parametrize("sizes", [{"a": 64, "b": 64, "c": 64}, {"a": 2, "b": 2, "c": 2}, {"a": 1, "b": 3, "c": 2}])
def test_turns_are_exact_with_64_runs_at_once_and_no_pool_does_more_than_it_may(loop, sizes):
    async def story():
        shop = Shop(loop, **sizes)
        wide = plan(*(step(f"s{n}", READ) for n in range(5)))
        states = await shop.run_all(64, wide)
        assert {state.status for state in states} == {Status.SUCCESS}
        found = await shop.routed(64)
        assert sum(found.values()) == 320 and max(found.values()) - min(found.values()) <= 1
        assert all(shop.most[name] <= size for name, size in sizes.items())
        assert shop.is_quiet

    loop.run(story())


def test_turns_are_exact_when_decisions_are_made_again(loop):
    async def story():
        shop = Shop(loop, a=9, b=9)
        whole, count = shop.journal.append, 0

        async def append(stream, expected, events, **more):
            nonlocal count
            count += 1
            if expected and count % 3 == 0:  # somebody else was faster
                return Conflict(version=expected)
            return await whole(stream, expected, events, **more)

        shop.journal.append = append
        chain = plan(*(step(f"s{n}", READ, depends_on=(f"s{n - 1}",) if n else ()) for n in range(6)))
        assert {state.status for state in await shop.run_all(24, chain)} == {Status.SUCCESS}
        found = await shop.routed(24)
        assert sum(found.values()) == 144 and found["a"] == found["b"]
        assert shop.is_quiet

    loop.run(story())


def test_a_full_pool_is_waited_for_in_the_order_of_coming(loop):
    async def story():
        shop = Shop(loop, desk=1)
        two = plan(step("a", READ), step("b", READ, depends_on=("a",)))
        for n in range(4):
            await shop.engine.begin(f"r{n}", shop.start(two))
        assert shop.driver.pools.waiting("desk") == 3
        state = await shop.driver.state("r3")
        assert (state.status, state.calling) == (Status.RUNNING, {})
        for n in range(4):
            assert (await shop.engine.wait(f"r{n}")).status is Status.SUCCESS
        assert shop.order == [(f"r{n}", name) for name in "ab" for n in range(4)]
        assert shop.most == {"desk": 1} and shop.is_quiet

    loop.run(story())


def test_waiting_costs_no_deadline(loop):
    async def story():
        shop = Shop(loop, takes_s=40.0, desk=1)  # longer than the 30 s that a call may take
        await shop.run_all(3)
        starts = [
            event
            for n in range(3)
            for event in events_of(await shop.journal.read(f"r{n}"))
            if isinstance(event, e.ToolCallStart)
        ]
        assert [start.deadline - start.at for start in starts] == [timedelta(seconds=30)] * 3
        assert starts[2].at - starts[0].at == timedelta(seconds=80)

    loop.run(story())


def test_a_busy_pool_holds_up_only_its_own(loop):
    async def story():
        shop = Shop(loop, takes_s={"slow": 100.0, "quick": 1.0}, routing="load_balanced", slow=1, quick=1)
        began = shop.clock.now()
        await shop.run_all(6)
        found = await shop.routed(6)
        assert found["slow"] == 1 and found["quick"] == 5
        assert shop.clock.now() - began == timedelta(seconds=100)

    loop.run(story())


def test_a_run_that_is_cancelled_leaves_the_line(loop):
    async def story():
        shop = Shop(loop, takes_s=50.0, desk=1)
        for n in range(3):
            await shop.engine.begin(f"r{n}", shop.start(ONE))
        await shop.engine.send("r1", c.Cancel(at=shop.clock.now(), by=ADA, reason="not needed"))
        assert (await shop.engine.wait("r1")).status is Status.CANCELLED
        assert (await shop.engine.wait("r2")).status is Status.SUCCESS
        assert shop.order == [("r0", "s"), ("r2", "s")] and shop.is_quiet

    loop.run(story())


def test_what_waited_when_the_process_ended_was_never_begun_and_is_done_by_the_next(loop):
    async def story():
        shop = Shop(loop, takes_s=1_000.0, desk=1)
        waiters = []
        for n in range(3):
            await shop.engine.begin(f"r{n}", shop.start(ONE))
            waiters.append(asyncio.ensure_future(shop.engine.wait(f"r{n}")))
        await asyncio.sleep(0)
        await shop.engine.close(grace_s=0.1)
        assert {type(error).__name__ for error in await asyncio.gather(*waiters, return_exceptions=True)} == {
            "HouseClosed"
        }
        for n in (1, 2):
            assert await shop.events(f"r{n}") == ["run_started", "plan_created"]
        shop.takes_s = 1.0
        shop.restart()
        shop.driver.pools.renew(shop.now.pools)
        assert await shop.engine.sweep() == 3
        for n in range(3):
            assert (await shop.engine.wait(f"r{n}")).status is Status.SUCCESS
        assert (await shop.driver.state("r1")).attempt == {"s": 1}
        assert shop.is_quiet

    loop.run(story())


def test_a_failed_write_gives_the_place_back(loop):
    async def story():
        shop = Shop(loop, desk=1)
        shop.journal.fails_on = e.RunStarted
        with pytest.raises(JournalFailed):
            await shop.engine.begin("r0", shop.start(ONE))
        assert shop.is_quiet
        shop.journal.fails_on = None
        await shop.engine.begin("r1", shop.start(ONE))
        assert (await shop.engine.wait("r1")).status is Status.SUCCESS

    loop.run(story())


def test_a_run_whose_turn_meets_a_broken_journal_keeps_its_place(loop):
    async def story():
        shop = Shop(loop, takes_s=10.0, desk=1)
        await shop.engine.begin("r0", shop.start(ONE))
        await shop.engine.begin("r1", shop.start(ONE))

        async def break_once():
            await asyncio.sleep(9.9)
            shop.journal.fails_on = e.ToolCallStart
            await asyncio.sleep(1.0)
            assert shop.driver.pools.is_waiting("r1") and isinstance(shop.engine.failure, JournalFailed)
            shop.journal.fails_on = None
            await shop.engine.begin("r2", shop.start(ONE))

        breaking = asyncio.ensure_future(break_once())
        assert (await shop.engine.wait("r0")).status is Status.SUCCESS
        await breaking
        for name in ("r1", "r2"):
            assert (await shop.engine.wait(name)).status is Status.SUCCESS
        assert [run for run, _ in shop.order] == ["r0", "r1", "r2"] and shop.is_quiet

    loop.run(story())


def test_a_run_that_cannot_be_decided_on_holds_up_nobody(loop):
    async def story():
        shop = Shop(loop, takes_s=10.0, desk=1)
        for n in range(3):
            await shop.engine.begin(f"r{n}", shop.start(ONE))
        whole = shop.driver._settle

        async def settle(live, letters):
            if live.run_id == "r1":
                raise ValueError("nobody knows why")
            await whole(live, letters)

        shop.driver._settle = settle
        assert (await shop.engine.wait("r2")).status is Status.SUCCESS
        assert "r1" in shop.engine.left_alone and not shop.driver.pools.is_waiting("r1")

    loop.run(story())


def test_a_stuck_run_leaves_the_place_of_a_call_that_has_ended_and_goes_on_when_it_is_resumed(loop):
    async def story():
        shop = Shop(loop, takes_s={"desk": 10.0}, desk=2)
        breaking(shop, 1)
        beside = plan(step("s", READ), step("t", READ))
        await shop.engine.begin("r0", shop.start(beside))
        await shop.engine.begin("r1", shop.start(ONE))
        shop.takes_s = {"desk": 30.0}
        assert shop.driver.pools.running("desk") == 2
        assert (await shop.engine.wait("r1")).status is Status.SUCCESS
        assert (await shop.engine.wait("r0")).status is Status.SUCCESS  # its other call brought both outcomes along
        breaking(shop, 1)
        await shop.engine.begin("r2", shop.start(ONE))
        with pytest.raises(ValueError, match="nobody knows why"):
            await shop.engine.wait("r2")
        assert shop.driver.pools.running("desk") == 0
        await shop.engine.begin("r3", shop.start(ONE))
        assert (await shop.engine.wait("r3")).status is Status.SUCCESS
        await shop.engine.resume("r2")
        assert (await shop.engine.wait("r2")).status is Status.SUCCESS
        assert Counter(run for run, _ in shop.order) == {"r0": 2, "r1": 1, "r2": 1, "r3": 1}
        assert shop.is_quiet and shop.most["desk"] == 2

    loop.run(story())


def test_more_places_or_another_policy_count_at_once_for_those_who_wait(loop):
    async def story():
        shop = Shop(loop, takes_s={"a": 100.0, "b": 1.0}, a=1, b=1)
        await shop.engine.begin("r0", shop.start(ONE))
        await shop.engine.begin("r1", shop.start(ONE))
        await shop.engine.wait("r1")
        await shop.engine.begin("r2", shop.start(ONE))  # the turn of `a`, which is busy for long
        assert shop.driver.pools.is_waiting("r2")
        shop.now = msgspec.structs.replace(shop.now, routing="priority")
        shop.driver.pools.renew(shop.now.pools)
        assert (await shop.engine.wait("r2")).status is Status.SUCCESS
        assert await shop.routed(3) == {"a": 1, "b": 2}
        shop.now = msgspec.structs.replace(shop.now, routing="", pools=pools(a=1))
        shop.driver.pools.renew(shop.now.pools)
        await shop.engine.begin("r3", shop.start(ONE))
        assert shop.driver.pools.is_waiting("r3")
        shop.now = msgspec.structs.replace(shop.now, pools={})  # the registry has none any more
        shop.driver.pools.renew({})
        await shop.engine.wait("r3")
        assert events_of(await shop.journal.read("r3"))[2].target == "intelligence"

    loop.run(story())


def test_a_policy_that_this_process_does_not_have_parks_and_says_its_name(loop):
    async def story():
        shop = Shop(loop, routing="ours", a=1)
        await shop.engine.begin("r0", shop.start(ONE))
        state = await shop.engine.wait("r0")
        assert state.status is Status.PARKED and "the routing policy ours" in state.parked.reason
        shop.now = msgspec.structs.replace(shop.now, routing="priority")
        await shop.engine.look_again("local")
        assert (await shop.engine.wait("r0")).status is Status.SUCCESS

    loop.run(story())
    assert Unknown("ours").rank([]) == ()


class Own:
    name = "own"
    is_patient = False

    def __init__(self, *names):
        self.names = names

    def rank(self, candidates):
        if not self.names:
            raise ZeroDivisionError("a mistake")
        return [Ranked(name=name, weight=1, why="so") for name in self.names]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "ZeroDivisionError: a mistake"),
        (("x",), "the policy own ranked x; the candidates are a"),
        (("a", "a"), "ranked a, a; the candidates are a"),
    ],
)
def test_a_callers_policy_with_a_mistake_holds_steps_says_why_and_loses_no_outcome(loop, names, said):
    async def story():
        told = []
        loop.set_exception_handler(lambda _loop, context: told.append(context))
        shop = Shop(loop, a=1)
        shop.driver.pools.policies = Pools((Own(*names),)).policies
        two = plan(step("first", READ), step("then", READ, depends_on=("first",)))
        await shop.engine.begin("r0", shop.start(two))
        shop.now = msgspec.structs.replace(shop.now, routing="own")
        state = await shop.engine.wait("r0")
        assert state.phase["first"] is Phase.DONE and "the routing policy own gives it to none" in state.parked.reason
        assert said in state.parked.reason
        assert told and all(one["message"] == "the routing policy own broke" for one in told)
        assert isinstance(told[0]["exception"], (ZeroDivisionError, BadInput))
        assert shop.engine.left_alone == {}

    loop.run(story())
    good = Pools((Own("a"),)).policies["own"]
    assert [one.name for one in good.rank([Candidate(name="a")])] == ["a"]


def test_how_pools_fared_is_seen_and_learned_from(loop):
    async def story():
        shop = Shop(loop, takes_s={"a": 2.0, "b": 1.0}, a=4, b=4)
        await shop.run_all(8)
        live = shop.driver.pools
        assert live.fared("a") == Fared(calls=4, latency_us=2_000_000)
        assert live.fared("b") == Fared(calls=4, latency_us=1_000_000)
        shop.fails.add("r8")
        await shop.engine.begin("r8", shop.start(ONE))
        await shop.engine.wait("r8")
        assert (live.fared("a").calls, live.fared("a").failures) == (5, 1)
        shop.now = msgspec.structs.replace(shop.now, routing="learned")
        await shop.engine.begin("r9", shop.start(ONE))
        await shop.engine.wait("r9")
        assert events_of(await shop.journal.read("r9"))[2].target == "b"

    loop.run(story())


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_no_pool_does_more_than_it_may_and_all_is_given_back(loop, seed):
    """Slow calls, conflicts, a journal that fails for a while, cancellations and policies that change under way."""
    chance = Random(seed)

    async def story():
        sizes = {name: chance.choice((1, 2, 3)) for name in "abc"}
        shop = Shop(loop, takes_s={name: chance.choice((0.1, 1.0, 20.0)) for name in sizes}, **sizes)
        whole = shop.journal.append

        async def append(stream, expected, events, **more):
            await asyncio.sleep(chance.choice((0.0, 0.0, 0.3)))
            if expected and chance.random() < 0.1:
                return Conflict(version=expected)
            return await whole(stream, expected, events, **more)

        shop.journal.append = append
        a_plan = plan(*(step(f"s{n}", READ, depends_on=(f"s{n - 2}",) if n > 1 else ()) for n in range(5)))
        names = [f"r{n}" for n in range(20)]
        await asyncio.gather(*(shop.engine.begin(name, shop.start(a_plan)) for name in names))

        async def trouble():
            for _ in range(8):
                await asyncio.sleep(chance.random() * 20)
                match chance.choice(("fails", "cancel", "policy", "places")):
                    case "fails":
                        shop.journal.fails_on = e.ToolCallStart
                        await asyncio.sleep(chance.random() * 5)
                        shop.journal.fails_on = None
                    case "cancel":
                        with suppress(InvalidTransition):
                            command = c.Cancel(at=shop.clock.now(), by=ADA, reason="enough")
                            await shop.engine.send(chance.choice(names), command)
                    case "policy":
                        shop.now = msgspec.structs.replace(shop.now, routing=chance.choice(sorted(POLICIES)))
                        shop.driver.pools.renew(shop.now.pools)
                    case "places":
                        more = {name: size + chance.choice((0, 1)) for name, size in sizes.items()}
                        shop.now = msgspec.structs.replace(shop.now, pools=pools(**more))
                        shop.driver.pools.renew(shop.now.pools)

        await trouble()
        shop.journal.fails_on = None
        for name in names:
            while True:
                try:
                    state = await shop.engine.wait(name)
                    break
                except JournalFailed:  # who waited was told; the run goes on
                    await shop.engine.resume(name)
            assert state.status in (Status.SUCCESS, Status.CANCELLED)
        assert all(shop.most[name] <= size + 1 for name, size in sizes.items())
        assert shop.is_quiet and shop.engine.left_alone == {}

    loop.run(story())


def test_without_pools_nothing_is_looked_at(loop):
    async def story():
        shop = Shop(loop)
        assert shop.driver.pools.look("r0", shop.now) is None
        await shop.run_all(2)
        assert shop.is_quiet and shop.driver.pools._turns == {}

    loop.run(story())


def test_a_run_that_waits_for_something_else_keeps_its_place_in_the_order():
    class Made:
        def __init__(self, **queued):
            self.events, self.routed, self.queued = (), [], queued

    live = Pools()
    woken = []
    live.wake = woken.append
    live.declared = pools(a=1, b=1)
    for run, wants in (("r0", ("a",)), ("r1", ("b",)), ("r2", ("a",)), ("r0", ("b",)), ("r0", ("a",))):
        live.took(run, Made(s=wants))
    assert live._ahead_of("r2") == {"a": 1, "b": 1} and live._ahead_of("r0") == {}
    assert live._ahead_of("new") == {"a": 2, "b": 1}
    live.stir()
    live.stir()
    assert sorted(woken) == ["r0", "r1"]
    live.slept("r1")
    assert woken[-1] == "r1" and (live.running("a"), live.waiting("a")) == (0, 2)
