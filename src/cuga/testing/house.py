"""Schedules on the real driver and engine: processes that die, a journal with all its answers, people, a bad world.

Slower than `cuga.testing.simulation` and closer to production: mailboxes, tasks, timers, the sweep at start-up and the
production journal in memory run as they are. Time jumps; the order follows from the seed.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from cuga.engine.driver import Driver
from cuga.engine.local import LocalEngine
from cuga.errors import CugaError, JournalFailed
from cuga.journal.codec import events_of
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Journal
from cuga.kernel.evolve import fold
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.event import DoubtAnswer, Event, PlanRequested, ToolCallStart, Verdict
from cuga.model.outcome import Outcome
from cuga.policy.judge import Rules
from cuga.testing import scenes, world
from cuga.testing.factories import ADA, GRACE, LIN, MAX, SOLO
from cuga.testing.handle import Handle
from cuga.testing.invariants import Broken, Click, Record, check
from cuga.testing.loop import JumpingLoop, LoopClock, StandStill
from cuga.testing.processes import PER_POOL
from cuga.testing.scenes import KEYED, PROBED

MOST_S = 100_000.0  # seconds of the house's own time in which all must have ended
_QUIET = 300  # rounds of people before everything is put right


class House:
    """One schedule: a journal, a world, people, and one process after another."""

    round_s = 5.0  # how often people look whether a run waits for them, once all is calm
    may_live_on = True  # whether a process may outlive what its journal could not write, with nobody starting another

    def __init__(
        self, seed: int, loop: JumpingLoop, journal: Journal | None = None, outside: world.World | None = None
    ) -> None:
        self.seed = seed
        random = Random(f"house {seed}")
        self.chance = random.random
        pool = scenes.pool(seed // PER_POOL)
        self.setting = random.choice(pool.settings)
        self.current = self.setting.now(frozenset())
        self.loop = loop
        self.clock = LoopClock(loop)
        self.journal: Journal = journal or MemoryJournal()
        self.world = outside or world.World(KEYED, PROBED)
        self.record = Record(self.setting, self.world)
        self.is_calm = False
        self.people = (SOLO,) if self.setting.solo else (ADA, GRACE, LIN, MAX)
        for number in range(random.choice((1, 2, 3))):
            self.record.courses[f"r{number}"] = random.choice(pool.courses_of(seed))
        self.plans_given: dict[str, int] = dict.fromkeys(self.record.courses, 0)
        ways = Random(f"ways of {seed}")
        self.lives_on = self.may_live_on and ways.random() < 0.5
        self.drives_all = not self.may_live_on or ways.random() < 0.6  # else it wakes only runs that it was asked for
        self.handle: Handle
        self.engine: LocalEngine
        self._open_house()

    def _open_house(self) -> None:
        self.handle = self._hold()
        driver = Driver(self.handle, self.clock, self._rules_for, lambda: self.current)
        driver.know_rules(self.setting.rules)
        self.engine = LocalEngine(driver, self.clock, self._perform, self._make_plan, "w", drives_all=self.drives_all)

    def _hold(self) -> Handle:
        return Handle(self)

    async def _rules_for(self, digest: str) -> Rules:
        return self.setting.rules if digest == self.setting.rules.digest else self.setting.newer

    async def pause(self, most_s: float) -> None:
        """Let others go on for a while."""
        await asyncio.sleep(self.chance() * most_s if self.chance() < 0.6 else 0)

    async def _perform(self, state: RunState, start: ToolCallStart) -> Outcome:
        handle = self.handle
        await self.pause(0.5)
        handle.must_live()
        how = world.OK
        dice = self.chance()
        if not self.is_calm and dice < 0.4:
            how = 1 + int(dice * 10) % 4
        outcome = self.world.call(state.run_id, await self.journal.version(state.run_id), start, how)
        await self.pause(0.5)
        handle.must_live()
        if not self.is_calm and self.chance() < 0.02 and how == world.OK:
            raise RuntimeError("the door itself broke")
        return outcome

    async def _make_plan(self, state: RunState, request: PlanRequested) -> c.Command:
        handle = self.handle
        await self.pause(0.2)
        handle.must_live()
        plans = self.record.courses[state.run_id].plans
        given = self.plans_given[state.run_id]
        self.plans_given[state.run_id] = given + 1
        return c.RecordPlan(
            at=self.clock.now(), attempt=request.attempt, plan=plans[min(given, len(plans) - 1)], source="rules"
        )

    # --- the whole ------------------------------------------------------------------------------------------------
    async def play(self) -> None:
        """Play it and check it; raises `Broken`."""
        for run in self.record.courses:
            await self._try(self._begin(run))
        for _ in range(12):
            await asyncio.sleep(self.chance() * 2)
            dice = self.chance()
            if dice < 0.12 or (self.engine.failure is not None and not self.lives_on):
                await self._restart()
            elif dice < 0.85:
                await self._try(self._person())
            else:
                await self._try(self._interfere())
        self.is_calm = True
        if not self.lives_on:
            await self._restart()
        await self._until_the_end()
        self.record.streams = {run: await self._events(run) for run in self.record.courses if await self._events(run)}
        await self._kill()
        check(self.record)
        await self._check_rows()

    async def _try(self, work: Any) -> None:
        try:
            await work
        except JournalFailed:
            return  # the process is no good any more; the next round starts another
        except CugaError:
            return

    async def _begin(self, run: str) -> None:
        course = self.record.courses[run]
        has_plan = self.chance() < 0.7
        self.plans_given[run] = 1 if has_plan else 0
        start = c.StartRun(
            at=self.clock.now(),
            by=self.people[0],
            goal="sell more",
            profile="strict",
            policy_digest=self.setting.rules.digest,
            trace_id=run,
            plan=course.plans[0] if has_plan else None,
        )
        await self.engine.begin(run, start)

    async def _kill(self) -> None:
        """The process is gone at once: no task of it does anything more."""
        self.handle.is_dead = True
        self.engine._waking.stop()
        mine = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in mine:
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)

    async def _restart(self) -> None:
        await self._kill()
        self._open_house()
        while self.chance() < 0.4:  # people do not wait until the house has looked around
            await self._try(self._interfere())
        await self._try(self.engine.sweep())
        if not self.drives_all:
            for run in self.record.courses:
                await self._try(self.engine.resume(run))

    # --- people ---------------------------------------------------------------------------------------------------
    async def _events(self, run: str) -> list[Event]:
        return events_of(await self.journal.read(run))

    async def _state(self, run: str) -> RunState:
        return fold(run, await self._events(run))

    async def _person(self) -> None:
        cards = await self.journal.open_approvals(tenant="local")
        if not cards:
            return
        card = cards[int(self.chance() * len(cards))]
        request = (await self._state(card.run_id)).pending.get(card.approval_id)
        if request is None:
            return  # closed since the list was read
        dice = self.chance()
        verdict = Verdict.APPROVE if dice < 0.75 else Verdict.DENY if dice < 0.85 else Verdict.REQUEST_CHANGES
        clicks = [
            self._click(card.run_id, request, self._somebody(), verdict) for _ in range(1 + int(self.chance() * 3))
        ]
        await asyncio.gather(*clicks, return_exceptions=True)

    def _somebody(self) -> Any:
        return self.people[int(self.chance() * len(self.people))]

    async def _click(self, run: str, request: Any, by: Any, verdict: Verdict) -> None:
        self.record.clicks.append(Click(request.approval_id, by, request.digest, self.current))
        command = c.ResolveApproval(
            at=self.clock.now(),
            by=by,
            approval_id=request.approval_id,
            verdict=verdict,
            digest=request.digest,
            reason="words",
        )
        await self.engine.send(run, command)

    async def _interfere(self) -> None:
        runs = list(self.record.courses)
        run = runs[int(self.chance() * len(runs))]
        dice = self.chance()
        now, by = self.clock.now(), self._somebody()
        if dice < 0.2:
            await self.engine.send(run, c.Cancel(at=now, by=by, reason="enough"))
        elif dice < 0.4:
            await self.engine.send(run, c.Replan(at=now, by=by, feedback="otherwise"))
        elif dice < 0.6:
            await self.engine.send(run, c.Annotate(at=now, by=by, text="looking at it"))
        elif dice < 0.8:
            await self.engine.resume(run)
        else:
            await self._say(run, again=self.chance() < 0.4)

    async def _say(self, run: str, again: bool = False) -> None:
        for step in (await self._state(run)).doubts:
            answer = DoubtAnswer.HAPPENED if self.world.has(run, step) else DoubtAnswer.DID_NOT
            answer = DoubtAnswer.AGAIN if again else answer
            command = c.ResolveDoubt(
                at=self.clock.now(),
                by=(self.people[1:] or self.people)[0],
                step=step,
                answer=answer,
                result=world.ANSWER,
            )
            await self.engine.send(run, command)

    async def _until_the_end(self) -> None:
        """People help wherever a run waits for them; all must end."""
        deadline = self.loop.seconds + MOST_S
        while open_runs := [run for run in self.record.courses if await self._is_open(run)]:
            if self.loop.seconds > deadline:
                raise Broken(f"I7: {open_runs} do not end: {(await self._state(open_runs[0])).parked}")
            for run in open_runs:
                await self._help(run)
            await asyncio.sleep(self.round_s)
        if self.engine.failure is not None and not self.lives_on:  # else nothing was to be written since
            raise Broken(f"I7: the house is broken: {self.engine.failure!r}")

    async def _is_open(self, run: str) -> bool:
        events = await self._events(run)
        return bool(events) and fold(run, events).end is None

    async def _help(self, run: str) -> None:
        state = await self._state(run)
        await self._try(self._say(run))
        for request in state.pending.values():
            for by in (SOLO,) if self.setting.solo else (GRACE, LIN):
                await self._try(self._click(run, request, by, Verdict.APPROVE))
        if state.parked is not None and any("top-up" in need for need in state.parked.needs):
            for scope in {scope for scope, _ in state.exceeded if not scope.startswith("rate/")}:
                for by in self.people[1:] or self.people:  # who wrote words of the plan may not
                    await self._try(self.engine.send(run, c.TopUp(at=self.clock.now(), by=by, scope=scope, amount=3)))
        if state.planner_asks:
            command = c.AnswerQuestion(
                at=self.clock.now(), by=self.people[0], question_id=state.planner_asks, answer="words"
            )
            await self._try(self.engine.send(run, command))

    async def _check_rows(self) -> None:
        listed = {one.run_id: one for one in await self.journal.runs(tenant="local")}
        for run, events in self.record.streams.items():
            state = fold(run, events)
            if listed[run].row.status is not state.status:
                raise Broken(f"I12: the row of {run} says {listed[run].row.status}, its events say {state.status}")
        if cards := await self.journal.open_approvals(tenant="local"):
            raise Broken(f"I12: {len(cards)} approvals of ended runs are open")


def play(seed: int, loop: JumpingLoop | None = None) -> str:
    """Play one schedule on the real engine; the fault it found, or nothing."""
    own = loop or JumpingLoop()
    try:
        own.run(House(seed, own).play())
    except Broken as broken:
        return str(broken)
    except StandStill as error:
        return f"I7: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        if loop is None:
            own.close()
    return ""
