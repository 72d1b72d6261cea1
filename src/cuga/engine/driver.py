"""The loop around the kernel: load, decide, append, and begin again when somebody else was faster.

One mailbox per run: commands that arrive while an append is in flight gather and are decided together, so a conflict
always means another process. The cached state moves only after the journal said committed. What follows from a commit
(calls to make, a plan to think of, people to tell) is handed to the engine; nothing is performed here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from cuga.clock import Clock
from cuga.engine.live import Letter, Live, Lives, scrubbed
from cuga.engine.pools import Pools
from cuga.errors import CugaError, InvalidTransition, JournalFailed, RunNotFound
from cuga.journal.codec import events_of
from cuga.journal.port import Committed, Conflict, Index, Journal, Refused, Unknown
from cuga.kernel.decide import decide
from cuga.kernel.evolve import fold
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.event import Event
from cuga.policy.judge import Rules
from cuga.policy.profile import Current
from cuga.policy.routing import QUIET
from cuga.projections.rows import index_of

RETRY_S = 1.0  # how long after a failed write what must be written is tried again
MAX_ROUNDS = 64  # conflicts and refusals of one decision before we call the journal broken


class Engine(Protocol):
    """What the driver tells the engine."""

    def committed(self, live: Live, events: Sequence[Event]) -> None:
        """Facts are durable; `live.state` holds them. Start what is outstanding."""
        ...

    def broken(self, live: Live, error: BaseException) -> None:
        """The journal failed: nothing may start until something can be written again."""
        ...

    def stuck(self, live: Live, error: Exception) -> None:
        """This one run could not be decided on; nothing of it moves until somebody looks."""
        ...

    def drain(self, live: Live) -> None:
        """Carry out a run's mail in a task of its own."""
        ...

    @property
    def is_closing(self) -> bool:
        """Whether nothing new may start any more in this process."""
        ...

    def holds(self, run_id: str) -> bool:
        """Whether the run is this process's to move: else commands are decided on here, and another goes on."""
        ...

    def wakes(self, live: Live, state: RunState, events: Sequence[Event]) -> tuple[str, ...]:
        """Who is to be woken with an append that leads a run to a state, see `journal.port.Index`."""
        ...

    async def contested(self, live: Live) -> None:
        """Somebody else has appended to the run: find out whether it is still ours."""
        ...


class Driver:
    """Carries commands to the kernel and facts to the journal, for every run of this process."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        rules_for: Callable[[str], Awaitable[Rules]],
        current: Callable[[], Current],
        scrub: Callable[[bytes], bytes] | None = None,
        pools: Pools | None = None,
    ) -> None:
        self.journal = journal
        self.pools = pools or Pools()
        self._scrub = scrub  # known secrets leave a command before it is decided on: what runs is what is stored
        self.clock = clock
        self._rules_for = rules_for
        self.current = current  # what holds in the house now
        self._rules: dict[str, Rules] = {}
        self.lives = Lives()
        self.engine: Engine | None = None
        self.worker = ""  # under which name this process takes over what another left; empty: it drives nothing

    async def handle(self, run_id: str, command: c.Command) -> RunState:
        """Carry out one command and return the state it led to. Raises what the kernel raises."""
        if self._scrub is not None:
            command = scrubbed(command, self._scrub)
        live = self.lives.make(run_id)
        answer: asyncio.Future[RunState] = asyncio.get_running_loop().create_future()
        live.mail.append(Letter(command, answer))
        if not live.draining:
            # of its own task: a caller that gives up waiting must not take the commands of others with it
            self._begin_to_drain(live)
        return await answer

    async def post(self, live: Live, command: c.Command, blob: bytes | None = None) -> None:
        """Leave a command of the house's own (an outcome, a plan); returns when it or its drainer is through."""
        if self.put(live, command, blob):
            await self.drain(live)

    def put(self, live: Live, command: c.Command, blob: bytes | None = None) -> bool:
        """Leave a command of the house's own in the mailbox. True: nobody drains it, so the caller is to, at once."""
        if self._scrub is not None and not isinstance(command, c.RecordOutcome):  # an outcome comes scrubbed
            command = scrubbed(command, self._scrub)
        live.mail.append(Letter(command, None, blob))
        if live.draining:
            return False
        live.draining = True
        return True

    async def state(self, run_id: str) -> RunState:
        """The state of a run, from memory or folded from its stream."""
        found = self.lives.find(run_id)
        if found is not None and found.state is not None:
            return found.state
        return await self.load(run_id)

    async def load(self, run_id: str) -> RunState:
        """The state of a run folded from its stream."""
        stored = await self.journal.read(run_id)
        if not stored:
            raise RunNotFound(run_id)
        return fold(run_id, events_of(stored))

    async def rules(self, digest: str) -> Rules:
        """The rules a run is pinned to."""
        found = self._rules.get(digest)
        if found is None:
            found = self._rules[digest] = await self._rules_for(digest)
        return found

    def know_rules(self, rules: Rules) -> None:
        """Rules that are in the journal already and need not be read."""
        self._rules[rules.digest] = rules

    async def drain(self, live: Live) -> None:
        """Carry out what lies in the mailbox of a run, and what comes meanwhile."""
        letters: list[Letter] = []
        try:
            while live.mail:
                letters = live.next_batch()
                try:
                    await self._settle(live, letters)
                except CugaError as error:
                    if isinstance(error, JournalFailed) or letters[0].answer is None:
                        raise
                    letters[0].answer.set_exception(error) if not letters[0].answer.done() else None
        except JournalFailed as error:
            self._keep_for_later(live, letters, error)
        except BaseException as error:
            live.keep_what_is_owed(letters, error)
            calls = [one.command.step for one in live.mail if isinstance(one.command, c.RecordOutcome)]
            self.pools.leave(live.run_id, ended=calls)
            if self.engine is not None and isinstance(error, Exception):
                self.engine.stuck(live, error)
            elif self.engine is not None:
                self.engine.broken(live, error)
        finally:
            live.draining = False
            state = live.state
            is_ours = self.engine is None or self.engine.holds(live.run_id)
            if state is None or state.parked is not None or state.end is not None or not is_ours:
                self.lives.forget(live)

    def _begin_to_drain(self, live: Live) -> None:
        live.draining = True
        if self.engine is not None:
            self.engine.drain(live)
        else:
            asyncio.ensure_future(self.drain(live)).add_done_callback(_surface)

    def _keep_for_later(self, live: Live, letters: list[Letter], error: JournalFailed) -> None:
        """People are told that the journal failed; what became of calls is written when that is possible."""
        live.keep_what_is_owed(letters, error)
        if self.engine is not None:
            self.engine.broken(live, error)
            if live.mail and not self.engine.is_closing:
                asyncio.get_running_loop().call_later(RETRY_S, self._drain_later, live)

    def _drain_later(self, live: Live) -> None:
        if live.mail and not live.draining and not (self.engine is not None and self.engine.is_closing):
            self._begin_to_drain(live)

    def write_what_was_kept(self) -> None:
        """Try again, now, to write what a failed journal did not take."""
        for live in self.lives.all():
            self._drain_later(live)

    async def write_the_rest(self) -> None:
        """The last try before the house is closed."""
        for live in self.lives.all():
            if live.mail and not live.draining:
                live.draining = True
                await self.drain(live)

    async def _settle(self, live: Live, letters: list[Letter]) -> None:
        """Decide on some letters, and again when it has moved meanwhile, until what follows is durable."""
        commands: list[c.Command] = []
        blobs: list[bytes] = []
        for letter in letters:
            commands.append(letter.command)
            if letter.blob is not None:
                blobs.append(letter.blob)
        first = commands[0]
        refused: dict[str, int] = {}
        rounds = 0
        while rounds < MAX_ROUNDS:
            rounds += 1
            state = None if live.stale else live.state
            if state is None:
                live.rules = None
                if isinstance(first, c.StartRun):
                    state = RunState(live.run_id)
                else:
                    state = await self.load(live.run_id)
                    live.stale = False
                    # whoever made its calls is gone; they are lost to it before anything else is decided
                    lost = self._taking_over(live, state, letters)
                    commands = [*lost, *(letter.command for letter in letters)]
                    # not remembered before that is durable: a wish that is refused takes the take-over with it
                    live.state = None if lost else state
            rules = live.rules
            if rules is None:
                digest = first.policy_digest if isinstance(first, c.StartRun) else state.started.policy_digest
                rules = live.rules = self._rules.get(digest) or await self.rules(digest)
            current = self.current()
            traffic = self.pools.look(live.run_id, current)
            decision = decide(
                state,
                commands,
                rules,
                current,
                refused,
                may_start=self.engine is None or (not self.engine.is_closing and self.engine.holds(live.run_id)),
                traffic=traffic or QUIET,
            )
            if traffic is not None:
                self.pools.took(live.run_id, decision)
            events = decision.events
            if not events:
                if traffic is not None:
                    self.pools.stands(live.run_id, state, events)
                _answer(letters, state)
                return
            index = index_of(state, decision.state, events)
            if self.engine is not None and (wakes := self.engine.wakes(live, decision.state, events)):
                index = msgspec.structs.replace(index or Index(), wakes=wakes)
            try:
                appended = await self.journal.append(live.run_id, state.version, events, index=index, blobs=blobs)
            except BaseException:
                self.pools.gave_back(live.run_id)
                raise
            if isinstance(appended, Committed):
                live.state = decision.state
                if traffic is not None:
                    self.pools.stands(live.run_id, decision.state, events)
                if self.engine is not None:
                    self.engine.committed(live, events)
                _answer(letters, decision.state)
                return
            self.pools.gave_back(live.run_id)
            match appended:
                case Conflict():
                    live.state = None  # it moved under us; the same question deserves a fresh answer
                    if isinstance(first, c.StartRun):
                        raise InvalidTransition(f"there is a run {live.run_id} already")
                    if self.engine is not None:
                        await self.engine.contested(live)
                case Refused(claim=claim, used=used):
                    if claim.scope not in refused:
                        rounds -= 1  # something was learned: a plan may hold many scopes that are taken
                    refused[claim.scope] = used
                case Unknown(reason=reason):
                    live.state = None
                    raise JournalFailed(f"nobody can say whether the last facts were kept: {reason}")
        raise JournalFailed(f"run {live.run_id} could not be moved on after {MAX_ROUNDS} attempts")

    def _taking_over(self, live: Live, state: RunState, letters: list[Letter]) -> tuple[c.TakeOver, ...]:
        """The take-over of a run just loaded that has work in flight which this process does not make."""
        is_ours = live.flying or live.is_thinking or any(letter.answer is None for letter in (*letters, *live.mail))
        is_asked = isinstance(letters[0].command, c.TakeOver)
        if not self.worker or is_ours or is_asked or not (state.calling or state.planning) or state.end is not None:
            return ()
        return (c.TakeOver(at=self.clock.now(), worker=self.worker, epoch=state.epoch + 1),)


def _answer(letters: list[Letter], state: RunState) -> None:
    for letter in letters:
        if letter.answer is not None and not letter.answer.done():
            letter.answer.set_result(state)


def _surface(task: asyncio.Future[None]) -> None:
    if not task.cancelled():
        task.exception()
