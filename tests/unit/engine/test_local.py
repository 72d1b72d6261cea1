"""One process: mailboxes, calls in flight, parked runs that cost nothing, and what a new process does first."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from cuga.engine.driver import Driver
from cuga.engine.local import LocalEngine
from cuga.errors import ApprovalClosed, HouseClosed, InvalidTransition, JournalFailed, NotAllowed, RunNotFound
from cuga.journal.codec import events_of
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Conflict, Unknown
from cuga.kernel.decide import decide
from cuga.model import command as c
from cuga.model import event as e
from cuga.model.event import Status, Verdict, name_of
from cuga.model.outcome import Done
from cuga.testing.factories import ADA, EXECUTE, GRACE, PROPOSE, READ, current, plan, rules, step
from cuga.testing.loop import JumpingLoop, LoopClock
from cuga.testing.story import raw


class Gate:
    """A journal whose appends can be held back, answered otherwise, or counted."""

    def __init__(self, journal):
        self._journal = journal
        self.open = asyncio.Event()
        self.open.set()
        self.answers = []
        self.fails_on = None  # a kind of fact that the disk has no room for
        self.doubted = None  # a kind of fact that is written once without anybody being able to say so
        self.appends = 0

    async def append(self, stream, expected, events, **more):
        self.appends += 1
        await self.open.wait()
        if self.fails_on and any(isinstance(event, self.fails_on) for event in events):
            raise JournalFailed("the disk is full")
        if self.answers:
            answer = self.answers.pop(0)
            if answer is not None:
                return answer
        answer = await self._journal.append(stream, expected, events, **more)
        if self.doubted and any(isinstance(event, self.doubted) for event in events):
            self.doubted = None
            return Unknown(reason="the disk said nothing")
        return answer

    def __getattr__(self, name):
        return getattr(self._journal, name)


class Bench:
    """A journal, and an engine over it whose tools answer when they are told to."""

    def __init__(self, loop, pinned=None, journal=None):
        self.rules = pinned or rules()
        self.clock = LoopClock(loop)
        self.journal = journal or Gate(MemoryJournal())
        self.now = current(self.rules)
        self.calls = []
        self.waits = {}
        self.plans = []
        self.restart()

    def restart(self, **more):
        """A new process over the same journal."""

        async def rules_for(_digest):
            return self.rules

        self.driver = Driver(self.journal, self.clock, rules_for, lambda: self.now)
        self.engine = LocalEngine(self.driver, self.clock, self.perform, self.make_plan, "w1", **more)

    async def perform(self, state, start):
        self.calls.append((start.step, start.attempt))
        waits = self.waits.get(start.step)
        if isinstance(waits, BaseException):
            raise waits
        if waits is not None:
            await waits.wait()
        return Done(result=raw({"n": len(self.calls)}))

    async def make_plan(self, state, request):
        answer = self.plans.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return c.RecordPlan(at=self.clock.now(), attempt=request.attempt, plan=answer, source="rules")

    def start(self, a_plan=None):
        return c.StartRun(
            at=self.clock.now(),
            by=ADA,
            goal="sell",
            profile="strict",
            policy_digest=self.rules.digest,
            trace_id="r1",
            plan=a_plan,
        )

    async def events(self, run="r1"):
        return [name_of(event) for event in events_of(await self.journal.read(run))]

    async def decide(self, verdict=Verdict.APPROVE, by=GRACE):
        request = next(iter((await self.driver.state("r1")).pending.values()))
        command = c.ResolveApproval(
            at=self.clock.now(), by=by, approval_id=request.approval_id, verdict=verdict, digest=request.digest
        )
        return await self.engine.send("r1", command)


@pytest.fixture
def loop():
    made = JumpingLoop()
    yield made
    made.close()


READS = plan(step("a", READ), step("b", READ, depends_on=("a",)))


def test_a_run_goes_from_its_start_to_its_end(loop):
    async def story():
        bench = Bench(loop)
        await bench.engine.begin("r1", bench.start(READS))
        assert (await bench.engine.wait("r1")).status is Status.SUCCESS
        assert bench.calls == [("a", 1), ("b", 1)]
        assert bench.driver.lives.all() == []

    loop.run(story())


def test_an_answer_and_the_next_intent_are_one_append(loop):
    async def story():
        bench = Bench(loop)
        await bench.engine.begin("r1", bench.start(READS))
        await bench.engine.wait("r1")
        assert bench.journal.appends == 3

    loop.run(story())


def test_a_planner_is_asked_and_its_failure_is_an_end(loop):
    async def story():
        bench = Bench(loop)
        bench.plans = [READS]
        await bench.engine.begin("r1", bench.start())
        assert (await bench.engine.wait("r1")).status is Status.SUCCESS
        bench.plans = [ValueError("no idea")]
        await bench.engine.begin("r2", bench.start())
        end = (await bench.engine.wait("r2")).end
        assert end.status is Status.FAILED and "the planner broke: ValueError: no idea" in end.reason

    loop.run(story())


def test_a_parked_run_costs_no_memory_and_wakes_on_a_decision(loop):
    async def story():
        bench = Bench(loop)
        await bench.engine.begin("r1", bench.start(plan(step("draft", PROPOSE))))
        state = await bench.engine.wait("r1")
        assert state.status is Status.PARKED and bench.driver.lives.all() == []
        with pytest.raises(NotAllowed):
            await bench.decide(by=ADA)
        await bench.decide()
        assert (await bench.engine.wait("r1")).status is Status.SUCCESS
        command = c.ResolveApproval(
            at=bench.clock.now(), by=GRACE, approval_id="r1-a1", verdict=Verdict.DENY, digest="d"
        )
        with pytest.raises(ApprovalClosed):
            await bench.engine.send("r1", command)

    loop.run(story())


def test_a_parked_run_wakes_by_its_own_clock(loop):
    async def story():
        bench = Bench(loop)
        await bench.engine.begin("r1", bench.start(plan(step("draft", PROPOSE))))
        await asyncio.sleep(25 * 3600)
        assert (await bench.driver.state("r1")).status is Status.FAILED
        assert "approval_timeout" in await bench.events()

    loop.run(story())


def test_a_failed_try_is_repeated_without_anybody(loop):
    async def story():
        bench = Bench(loop)
        bench.waits["a"] = OSError("gone")
        await bench.engine.begin("r1", bench.start(READS))
        await asyncio.sleep(0.1)
        bench.waits.clear()
        assert (await bench.engine.wait("r1")).status is Status.SUCCESS
        assert ("a", 2) in bench.calls

    loop.run(story())


class Slow(Gate):
    """A journal that holds back the appends of some runs."""

    def __init__(self, journal):
        super().__init__(journal)
        self.held = set()

    async def append(self, stream, expected, events, **more):
        while stream in self.held:
            await asyncio.sleep(0.01)
        return await self._journal.append(stream, expected, events, **more)


@pytest.mark.parametrize("drives_all", [True, False])
def test_a_run_that_moves_before_its_turn_to_be_woken_comes_is_woken_when_it_is_due_again(loop, drives_all):
    """Everything fails until nothing more is tried. Several are due at once, and the append of the first of them takes
    long: another timer wakes the others meanwhile, and they fail again before it is their turn."""

    async def story():
        bench = Bench(loop, journal=Slow(MemoryJournal()))
        bench.restart(drives_all=drives_all)
        bench.waits["a"] = OSError("gone")
        runs = [f"r{number}" for number in range(8)]
        for run in runs:
            await bench.engine.begin(run, bench.start(READS))
        bench.journal.held = {"r0"}
        await asyncio.sleep(3)
        bench.journal.held = {"r1"}
        await asyncio.sleep(0.2)
        await bench.engine.begin("late", bench.start(READS))
        await asyncio.sleep(1.3)
        bench.journal.held = set()
        await asyncio.sleep(60)
        assert [run for run in runs if (await bench.driver.state(run)).status is not Status.FAILED] == []

    loop.run(story())


def test_one_run_that_breaks_what_decides_on_it_keeps_no_other_from_waking(loop, monkeypatch):
    def broken(state, *rest, **more):
        if state.run_id == "r1":
            raise KeyError("nobody thought of this")
        return decide(state, *rest, **more)

    async def story():
        bench = Bench(loop)
        for run in ("r1", "r2"):
            await bench.engine.begin(run, bench.start(plan(step("draft", PROPOSE))))
        monkeypatch.setattr("cuga.engine.driver.decide", broken)
        await asyncio.sleep(25 * 3600)
        assert isinstance(bench.engine.left_alone["r1"], KeyError)
        assert (await bench.driver.state("r2")).status is Status.FAILED
        bench.restart()
        assert await bench.engine.sweep() == 1
        assert isinstance(bench.engine.left_alone["r1"], KeyError)

    loop.run(story())


@pytest.mark.parametrize("drives_all", [True, False])
def test_a_run_that_could_not_be_written_when_it_was_due_is_woken_once_it_can(loop, drives_all):
    async def story():
        bench = Bench(loop)
        bench.restart(drives_all=drives_all)
        bench.waits["a"] = OSError("gone")
        await bench.engine.begin("r1", bench.start(READS))
        await asyncio.sleep(0.1)
        bench.waits.clear()
        bench.journal.fails_on = e.ToolCallStart
        await asyncio.sleep(20)
        assert bench.engine.failure is not None
        bench.journal.fails_on = None
        await asyncio.sleep(5)
        assert (await bench.driver.state("r1")).status is Status.SUCCESS

    loop.run(story())


def test_an_answer_that_waits_in_the_mailbox_is_not_made_a_second_time(loop):
    async def story():
        bench = Bench(loop)
        bench.waits["send"] = asyncio.Event()
        await bench.engine.begin("r1", bench.start(plan(step("send", EXECUTE), step("draft", PROPOSE))))
        request = next(one for one in (await bench.driver.state("r1")).pending.values() if one.step == "send")
        approve = c.ResolveApproval(
            at=bench.clock.now(),
            by=GRACE,
            approval_id=request.approval_id,
            verdict=Verdict.APPROVE,
            digest=request.digest,
        )
        await bench.engine.send("r1", approve)
        await asyncio.sleep(0)
        bench.journal.open.clear()  # somebody's word is being written ...
        remark = asyncio.ensure_future(bench.engine.send("r1", c.Annotate(at=bench.clock.now(), text="hm")))
        await asyncio.sleep(0)
        bench.waits["send"].set()  # ... while the call comes back
        await asyncio.sleep(0.1)
        bench.journal.open.set()
        await remark
        await asyncio.sleep(0.1)
        assert bench.calls == [("send", 1)]
        assert "tool_call_complete" in await bench.events()

    loop.run(story())


def test_a_new_process_takes_over_before_it_acts(loop):
    async def story():
        bench = Bench(loop)
        bench.waits["a"] = asyncio.Event()
        await bench.engine.begin("r1", bench.start(READS))
        await asyncio.sleep(0)
        await bench.engine.close(grace_s=0)
        bench.waits.clear()
        bench.restart()
        assert await bench.engine.sweep() == 1
        assert (await bench.engine.wait("r1")).status is Status.SUCCESS
        assert bench.calls == [("a", 1), ("a", 2), ("b", 1)]
        assert (await bench.driver.state("r1")).epoch == 1

    loop.run(story())


def test_a_word_on_a_run_of_a_dead_process_takes_it_over_first(loop):
    async def story():
        bench = Bench(loop)
        bench.waits["send"] = asyncio.Event()
        await bench.engine.begin("r1", bench.start(plan(step("send", EXECUTE))))
        await bench.decide()
        await asyncio.sleep(0)
        await bench.engine.close(grace_s=0)
        bench.restart()
        await bench.engine.send("r1", c.Annotate(at=bench.clock.now(), text="what became of it?"))
        await asyncio.sleep(1)
        assert bench.calls == [("send", 1)]
        assert (await bench.driver.state("r1")).doubts.keys() == {"send"}

    loop.run(story())


def test_resuming_a_run_that_is_being_made_takes_nothing_away(loop):
    async def story():
        bench = Bench(loop)
        bench.waits["a"] = asyncio.Event()
        await bench.engine.begin("r1", bench.start(READS))
        await asyncio.sleep(0)
        await bench.engine.resume("r1")
        bench.waits["a"].set()
        await bench.engine.wait("r1")
        assert "taken_over" not in await bench.events()
        assert (await bench.engine.resume("r1")).status is Status.SUCCESS

    loop.run(story())


def test_what_is_due_is_woken_at_start_up(loop):
    async def story():
        bench = Bench(loop)
        await bench.engine.begin("r1", bench.start(plan(step("draft", PROPOSE))))
        await bench.engine.close()
        await asyncio.sleep(25 * 3600)
        bench.restart()
        assert await bench.engine.sweep() == 1
        assert (await bench.driver.state("r1")).status is Status.FAILED

    loop.run(story())


def test_a_process_that_drives_only_what_it_touched_leaves_the_rest_alone(loop):
    async def story():
        bench = Bench(loop)
        await bench.engine.begin("r1", bench.start(plan(step("draft", PROPOSE))))
        await bench.engine.begin("r2", bench.start(plan(step("draft", PROPOSE))))
        await bench.engine.close()
        bench.restart(drives_all=False)
        await bench.engine.resume("r2")
        await asyncio.sleep(25 * 3600)
        assert (await bench.driver.state("r1")).status is Status.PARKED
        assert (await bench.driver.state("r2")).status is Status.FAILED

    loop.run(story())


def test_after_a_halt_every_parked_run_is_looked_at_again(loop):
    async def story():
        bench = Bench(loop)
        bench.now = current(bench.rules, halted="a drill")
        for number in range(3):
            await bench.engine.begin(f"r{number}", bench.start(READS))
        bench.now = current(bench.rules)
        assert await bench.engine.look_again("local") == 3
        for number in range(3):
            assert (await bench.engine.wait(f"r{number}")).status is Status.SUCCESS

    loop.run(story())


def test_a_run_is_listened_to_until_one_stops(loop):
    async def story():
        bench = Bench(loop)
        heard = []
        stop_one = bench.engine.listen("r1", lambda run, events: heard.append(("one", run)))
        stop_all = bench.engine.listen("", lambda run, events: heard.append(("all", run)))
        await bench.engine.begin("r1", bench.start(plan()))
        stop_one()
        await bench.engine.begin("r2", bench.start(plan()))
        stop_all()
        await bench.engine.begin("r3", bench.start(plan()))
        assert heard == [("one", "r1"), ("all", "r1"), ("all", "r2")]

    loop.run(story())


def test_a_conflict_is_decided_again_on_what_is_there(loop):
    async def story():
        bench = Bench(loop)
        await bench.engine.begin("r1", bench.start(plan(step("draft", PROPOSE))))
        bench.journal.answers = [Conflict(version=9)]
        await bench.decide()
        assert (await bench.engine.wait("r1")).status is Status.SUCCESS

    loop.run(story())


def test_a_run_id_that_is_taken_is_refused_and_breaks_nothing(loop):
    async def story():
        bench = Bench(loop)
        await bench.engine.begin("r1", bench.start(READS))
        await bench.engine.wait("r1")
        with pytest.raises(InvalidTransition, match="there is a run r1 already"):
            await bench.engine.begin("r1", bench.start(READS))
        await bench.engine.begin("r2", bench.start(READS))
        assert (await bench.engine.wait("r2")).status is Status.SUCCESS

    loop.run(story())


def test_a_run_that_is_not_there_is_said_so(loop):
    async def story():
        bench = Bench(loop)
        with pytest.raises(RunNotFound):
            await bench.engine.send("r9", c.Tick(at=bench.clock.now()))

    loop.run(story())


def test_when_nobody_knows_whether_facts_were_kept_they_are_read_back_before_anything_else(loop):
    async def story():
        bench = Bench(loop)
        await bench.engine.begin("r1", bench.start(plan(step("draft", PROPOSE))))
        bench.journal.answers = [Unknown(reason="the disk said nothing")]
        with pytest.raises(JournalFailed, match="the disk said nothing"):
            await bench.decide()
        await bench.decide()
        assert (await bench.engine.wait("r1")).status is Status.SUCCESS
        assert bench.calls == [("draft", 1)]

    loop.run(story())


@pytest.mark.parametrize("drives_all", [True, False])
@pytest.mark.parametrize("doubted", [e.RunStarted, e.ToolCallStart, e.ToolCallComplete])
def test_what_was_stored_although_nobody_could_say_so_is_gone_on_with(loop, doubted, drives_all):
    async def story():
        bench = Bench(loop)
        bench.restart(drives_all=drives_all)
        bench.journal.doubted = doubted
        with suppress(JournalFailed):
            await bench.engine.begin("r1", bench.start(READS))
        await asyncio.sleep(10)
        assert bench.journal.doubted is None
        state = await bench.driver.load("r1")
        assert state.status is Status.SUCCESS
        assert [step for step, _ in bench.calls] == ["a", "b"]

    loop.run(story())


def test_a_plan_that_was_stored_in_doubt_is_carried_out(loop):
    async def story():
        bench = Bench(loop)
        bench.plans = [READS]
        bench.journal.doubted = e.PlanCreated
        await bench.engine.begin("r1", bench.start())
        await asyncio.sleep(10)
        assert bench.journal.doubted is None
        assert (await bench.driver.load("r1")).status is Status.SUCCESS

    loop.run(story())


def test_an_effect_whose_intent_was_stored_in_doubt_waits_for_a_person(loop):
    """The process cannot know here that it never called: whoever begins after its death could not either."""

    async def story():
        bench = Bench(loop)
        await bench.engine.begin("r1", bench.start(plan(step("draft", PROPOSE))))
        bench.journal.doubted = e.ToolCallStart
        with pytest.raises(JournalFailed):
            await bench.decide()
        await asyncio.sleep(10)
        state = await bench.driver.state("r1")
        assert bench.calls == [] and [*state.doubts] == ["draft"]
        assert "cuga resolve" in " ".join(state.parked.needs)

    loop.run(story())


def test_an_outcome_that_could_not_be_written_is_kept_until_it_can(loop):
    async def story():
        bench = Bench(loop)
        await bench.engine.begin("r1", bench.start(plan(step("draft", PROPOSE))))
        bench.journal.fails_on = e.ToolCallComplete
        await bench.decide()
        with pytest.raises(JournalFailed):
            await bench.engine.wait("r1")
        await asyncio.sleep(5)
        bench.journal.fails_on = None
        await asyncio.sleep(5)
        assert (await bench.driver.state("r1")).status is Status.SUCCESS
        assert bench.calls == [("draft", 1)]

    loop.run(story())


def test_who_is_about_to_close_starts_nothing_and_the_next_one_goes_on(loop):
    async def story():
        bench = Bench(loop)
        bench.waits["a"] = asyncio.Event()
        await bench.engine.begin("r1", bench.start(READS))
        closing = asyncio.ensure_future(bench.engine.close())
        await asyncio.sleep(0.1)
        bench.waits["a"].set()
        await closing
        assert bench.calls == [("a", 1)]
        assert (await bench.driver.load("r1")).status is Status.RUNNING
        bench.restart()
        await bench.engine.sweep()
        assert (await bench.engine.wait("r1")).status is Status.SUCCESS
        assert bench.calls == [("a", 1), ("b", 1)]

    loop.run(story())


def test_whoever_waits_is_told_when_the_house_closes(loop):
    async def story():
        bench = Bench(loop)
        bench.waits["a"] = asyncio.Event()
        await bench.engine.begin("r1", bench.start(READS))
        waiting = asyncio.ensure_future(bench.engine.wait("r1"))
        await asyncio.sleep(0.1)
        await bench.engine.close()
        with pytest.raises(HouseClosed):
            await waiting

    loop.run(story())


def test_a_listener_that_breaks_stops_nothing(loop):
    async def story():
        bench = Bench(loop)
        told = []
        loop.set_exception_handler(lambda _loop, context: told.append(context["message"]))

        def breaks(_run, _events):
            raise KeyError("a view")

        bench.engine.listen("", breaks)
        await bench.engine.begin("r1", bench.start(READS))
        assert (await bench.engine.wait("r1")).status is Status.SUCCESS
        assert told

    loop.run(story())


def test_an_endless_conflict_is_given_up(loop):
    async def story():
        bench = Bench(loop)
        await bench.engine.begin("r1", bench.start(plan(step("draft", PROPOSE))))
        bench.journal.answers = [Conflict(version=9)] * 64
        with pytest.raises(JournalFailed, match="could not be moved on"):
            await bench.decide()

    loop.run(story())


def test_one_run_that_cannot_be_read_keeps_no_other_from_waking(loop):
    async def story():
        bench = Bench(loop)
        for run in ("r1", "r2"):
            await bench.engine.begin(run, bench.start(plan(step("draft", PROPOSE))))
        lane = bench.journal._streams["r1"]
        lane[1] = type(lane[1])(position=2, stream="r1", seq=2, body=b"{}", hash=lane[1].hash)
        await asyncio.sleep(25 * 3600)
        assert "r1" in bench.engine.left_alone
        assert (await bench.driver.state("r2")).status is Status.FAILED

    loop.run(story())


def test_a_large_result_goes_out_of_line(loop):
    async def story():
        bench = Bench(loop)

        async def perform(state, start):
            return Done(result=raw({"n": 1, "rest": "x" * 10_000}))

        bench.engine._hands._perform = perform
        await bench.engine.begin("r1", bench.start(READS))
        await bench.engine.wait("r1")
        done = next(one for one in events_of(await bench.journal.read("r1")) if isinstance(one, e.ToolCallComplete))
        assert done.blob is not None and len(await bench.journal.blob(done.blob.digest)) == done.blob.size

    loop.run(story())


def test_time_is_what_the_loop_says(loop):
    clock = LoopClock(loop)
    began = clock.now()
    loop.run(asyncio.sleep(90))
    assert clock.now() - began == timedelta(seconds=90)


def breaking(bench, times):
    """A decision on what became of a call breaks so often, for no reason that anybody knows."""
    whole, left = bench.driver._settle, times

    async def settle(live, letters):
        nonlocal left
        if left and any(isinstance(letter.command, c.RecordOutcome) for letter in letters):
            left -= 1
            raise ValueError("nobody knows why")
        await whole(live, letters)

    bench.driver._settle = settle


def test_what_became_of_a_call_is_kept_when_its_run_is_stuck(loop):
    async def story():
        bench = Bench(loop)
        breaking(bench, 2)
        await bench.engine.begin("r1", bench.start(READS))
        for _ in range(2):  # whoever asks is told why, before and after another look that does not help
            with pytest.raises(ValueError, match="nobody knows why"):
                await bench.engine.wait("r1")
            if "r1" in bench.engine.left_alone:
                with suppress(ValueError):
                    await bench.engine.resume("r1")
        assert (await bench.engine.wait("r1")).status is Status.SUCCESS
        assert bench.calls == [("a", 1), ("b", 1)] and bench.engine.left_alone == {}

    loop.run(story())


def test_a_stuck_run_is_written_at_the_latest_when_the_house_is_closed(loop):
    async def story():
        bench = Bench(loop)
        breaking(bench, 1)
        await bench.engine.begin("r1", bench.start(READS))
        with pytest.raises(ValueError, match="nobody knows why"):
            await bench.engine.wait("r1")
        await bench.engine.close()
        assert "tool_call_complete" in await bench.events()

    loop.run(story())


def test_who_follows_a_run_hears_of_each_move_and_why_no_more_comes(loop):
    async def story():
        bench = Bench(loop)
        bench.waits = {"a": asyncio.Event(), "b": asyncio.Event()}
        await bench.engine.begin("r1", bench.start(READS))
        with bench.engine.news("r1") as news:
            bench.waits["a"].set()
            await news.get()
            breaking(bench, 1)
            bench.waits["b"].set()
            with pytest.raises(ValueError, match="nobody knows why"):
                await news.get()
            news.check()  # it can still be read
        with bench.engine.news("r1") as late, pytest.raises(ValueError, match="nobody knows why"):
            await late.get()
        await bench.engine.resume("r1")
        assert (await bench.engine.wait("r1")).status is Status.SUCCESS

    loop.run(story())


def test_who_follows_a_run_is_told_that_the_house_is_closed_or_cannot_write(loop):
    async def story():
        bench = Bench(loop)
        bench.waits = {"a": asyncio.Event()}
        await bench.engine.begin("r1", bench.start(READS))
        with bench.engine.news("r1") as news:
            bench.journal.fails_on = e.ToolCallComplete
            bench.waits["a"].set()
            with pytest.raises(JournalFailed):
                await news.get()
        bench.journal.fails_on = None
        assert (await bench.engine.wait("r1")).status is Status.SUCCESS
        with bench.engine.news("r1") as news:
            await bench.engine.close()
            with pytest.raises(HouseClosed):
                await news.get()
            with pytest.raises(HouseClosed):
                news.check()
        with bench.engine.news("r1") as late, pytest.raises(HouseClosed):
            await late.get()
        assert bench.engine._news == {}

    loop.run(story())
