"""The one door through which a tool is called.

It makes exactly the call that the frozen intent describes, or says why not, and brings back what became of it: done,
surely not done, or unknown. It decides nothing, retries nothing, and lets no exception of a tool and no secret through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from cuga.clock import Clock
from cuga.errors import BadInput, NotDone
from cuga.journal.envelope import encode_result
from cuga.kernel.state import RunState
from cuga.model.event import ApprovalRequested, ToolCallStart
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Done, Failed, Outcome
from cuga.model.tool import SideEffect
from cuga.model.value import encode
from cuga.redact import Redactor
from cuga.tools.attempt import Attempt
from cuga.tools.deadline import Watch
from cuga.tools.declare import ToolContext
from cuga.tools.drafting import Brief
from cuga.tools.failing import failed
from cuga.tools.registry import Tool, ToolRegistry
from cuga.tools.threads import Job, NoMorePlaces, Threads, TooManyHang

Bindings = Mapping[str, Mapping[str, object]]  # capability -> adapter name -> adapter

Late = Callable[[str, ToolCallStart, Outcome], None]  # of which run, which call, and what became of it after all
StillWanted = Callable[[RunState, ToolCallStart], Awaitable[Failed | None]]  # why a call that waited is not made now


class _Refused(Exception):
    """The call cannot be made; nothing was touched."""

    def __init__(self, mode: FailureMode, message: str) -> None:
        self.mode = mode
        super().__init__(message)


class Door:
    """Makes calls. `bindings` is read at each call, so an adapter that is switched is switched for the next one.

    `on_late` hears, in the loop, what became of a call that had been answered as out of time and went on in its thread.
    While it goes on no other attempt with its key, or of its step, is made.

    A call that needs a thread takes a place first, and its time begins with that: a busy machine is nothing that a call
    can fail of. One that had to wait asks `still_wanted` before it begins, since what allowed it was some time ago.
    """

    def __init__(
        self,
        tools: ToolRegistry,
        bindings: Bindings,
        *,
        clock: Clock,
        redactor: Redactor,
        threads: int = 16,
        on_late: Late | None = None,
    ) -> None:
        self._tools = tools
        self._bindings = bindings
        self._clock = clock
        self._redactor = redactor
        self._threads = Threads(threads)
        self._watch = Watch()
        self._checks: dict[str, Any] = {}
        self._on_late = on_late
        self._going: set[object] = set()  # effects being made now, by key and by step, whether anybody waits or not
        self.still_wanted: StillWanted | None = None

    def call(self, state: RunState, call: ToolCallStart) -> Awaitable[Outcome]:
        """Make one call of a run and say what became of it. Only a cancellation from outside passes through: then
        nobody waits for an answer any more, and the call is as unknown as after a crash."""
        try:
            tool = self._tool(call)
            arguments = self._arguments(tool, call)
            bound = self._bind(tool, call) if tool.contract.uses else {}
            left_s = min(float(call.timeout_s), (call.deadline - self._clock.now()).total_seconds())
            if left_s <= 0:
                raise _Refused(FailureMode.SYSTEM_TIMEOUT, "its deadline had passed before it was called")
        except _Refused as refusal:
            message = self._redactor.scrub_text(str(refusal))
            return _at_once(Failed(mode=refusal.mode, certainty=_nothing_new(call), message=message))
        if call.simulated:
            return _at_once(self._simulated(call))
        attempt = Attempt(self._threads, tool, _context(state, call, bound), arguments)
        return self._make(state, call, attempt, left_s)

    async def amended(self, state: RunState, request: ApprovalRequested, arguments: msgspec.Raw) -> msgspec.Raw:
        """The arguments that a person has written for a call, as the tool reads them now: what follows from them made
        anew. `BadInput` when the tool would surely not do this; nothing is changed outside."""
        tool = self._tools.get(request.tool)
        if tool is None or tool.amended is None:
            return arguments
        look = tool.amended
        started = state.started
        context = ToolContext(
            run_id=state.run_id,
            trace_id=started.trace_id,
            step_id=request.step,
            tenant=started.tenant,
            profile=started.profile,
            as_of=started.as_of or started.at,
            capabilities={
                use: adapter
                for use, name in request.adapters.items()
                if (adapter := self._bindings.get(use, {}).get(name)) is not None
            },
        )
        before, after = tool.decode(request.arguments), tool.decode(arguments)
        try:
            async with asyncio.timeout(tool.contract.timeout_s):  # a person waits, for a place as well
                found = await self._threads.run(Job(lambda: look(context, before, after)))
        except NotDone as error:
            raise BadInput(
                f"{request.tool} would not do this: {error.detail or error.message}", mend=error.next_step
            ) from error
        except TimeoutError as error:
            raise BadInput(f"whether {request.tool} would do this could not be looked at in time") from error
        return msgspec.Raw(encode(found))

    async def brief(self, state: RunState, call: ToolCallStart, result: msgspec.Raw) -> Brief | str:
        """What a language model is to write into the result of a call, as its tool says it; in words why it is not."""
        tool = self._tools.get(call.tool)
        assert tool is not None and tool.drafting is not None
        say = tool.drafting.brief
        try:
            context = _context(state, call, self._bind(tool, call) if tool.contract.uses else {})
            arguments = tool.decode(call.arguments)
            await self._threads.take()
            try:
                async with asyncio.timeout(tool.contract.timeout_s):
                    said: Brief | str = await self._threads.make(Job(lambda: say(context, arguments, bytes(result))))
            finally:
                self._threads.leave()
        except Exception as error:
            return self._redactor.scrub_text(f"what to write could not be gathered: {type(error).__name__}: {error}")
        return said

    def encoded(self, value: Any) -> msgspec.Raw:
        """A result in the form in which it is kept."""
        return msgspec.Raw(encode_result(value, self._redactor)[0])

    @property
    def waiting(self) -> int:
        """How many wait for a thread."""
        return self._threads.waiting

    def end_waiting(self) -> None:
        """Make no call that still waits for a thread, and none that would have to."""
        self._threads.end_waiting()

    def close(self) -> None:
        """Let the threads go."""
        self._threads.close()

    # --- before ---------------------------------------------------------------------------------------------------
    def _tool(self, call: ToolCallStart) -> Tool:
        tool = self._tools.get(call.tool)
        if tool is None:
            raise _Refused(FailureMode.RESOURCE_TOOL_UNAVAILABLE, f"{call.tool} is not installed here")
        if tool.digest != call.tool_digest:
            raise _Refused(
                FailureMode.AGENT_CONTRACT,
                f"{call.tool} is not the tool this run was given: its contract has changed since; plan the step again",
            )
        return tool

    def _arguments(self, tool: Tool, call: ToolCallStart) -> Any:
        try:
            arguments = tool.decode(call.arguments)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _Refused(FailureMode.AGENT_VALIDATION, f"the arguments do not fit {call.tool}: {error}") from error
        if tool.schema:
            self._check_schema(tool, arguments)
        return arguments

    def _check_schema(self, tool: Tool, arguments: Any) -> None:
        check = self._checks.get(tool.digest)
        if check is None:
            from cuga.tools.schemas import compiled  # only handlers that bring a schema need it

            check = self._checks[tool.digest] = compiled(msgspec.json.decode(tool.schema))
        if problem := next(check.iter_errors(arguments), None):
            where = "".join(f"/{part}" for part in problem.instance_path)
            said = f"{where}: {problem.message}" if where else problem.message
            raise _Refused(FailureMode.AGENT_VALIDATION, f"the arguments do not fit {tool.contract.name}: {said}")

    def _bind(self, tool: Tool, call: ToolCallStart) -> dict[str, object]:
        bound: dict[str, object] = {}
        for capability in tool.contract.uses:
            name = call.adapters.get(capability)
            if name is None:
                continue  # the intent names none: the tool finds nothing there, as the rules wanted
            adapter = self._bindings.get(capability, {}).get(name)
            if adapter is None:
                raise _Refused(
                    FailureMode.RESOURCE_TOOL_UNAVAILABLE, f"the adapter {name} for {capability} is not installed here"
                )
            bound[capability] = adapter
        return bound

    def _simulated(self, call: ToolCallStart) -> Done:
        shown = {"simulated": True, "tool": call.tool, "adapters": call.adapters, "arguments": call.arguments}
        body = self._redactor.scrub(msgspec.json.encode(shown))
        return Done(result=msgspec.Raw(body), note="simulated: nothing was done")

    # --- the call -------------------------------------------------------------------------------------------------
    async def _make(self, state: RunState, call: ToolCallStart, attempt: Attempt, left_s: float) -> Outcome:
        if attempt.needs_place(call):
            if not self._threads.take_at_once() and (refused := await self._wait(state, call)) is not None:
                return refused
            attempt.has_place = True
        tool = attempt.tool
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()
        cancelled_before = task.cancelling()
        begun = loop.time()
        is_keyed = bool(call.key) and call.side_effect is not SideEffect.READ_ONLY
        # by its step as well: a person may have asked again, under a new key
        marks = (call.key, (attempt.run_id, call.step)) if is_keyed or self._going else ()
        if self._going and not self._going.isdisjoint(marks):
            attempt.leave_place()
            return Failed(
                mode=FailureMode.SYSTEM_TIMEOUT,
                certainty=Certainty.UNKNOWN,
                message="an earlier attempt is still running",
            )
        if is_keyed:
            self._going.update(marks)
        is_late = False
        deadline = self._watch.begin(loop, task, begun, left_s)
        note = ""
        try:
            value = await attempt.look() if call.probe and tool.probe is not None else None
            if value is not None:
                note = "found when looking: an earlier attempt had happened"
            elif tool.is_async:
                attempt.entered_here = True
                value = await tool.function(**attempt.named())
            else:
                value = await attempt.make_in_thread()
        except asyncio.CancelledError as error:
            if task.cancelling() - deadline.is_over > cancelled_before:
                raise
            if deadline.is_over:
                if (answered := self._answered(call, attempt, _microseconds(loop, begun))) is not None:
                    return answered
                is_late = True
                return self._late(call, attempt, left_s, _microseconds(loop, begun))
            return self._failed(call, attempt, error, _microseconds(loop, begun))
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            return self._failed(call, attempt, error, _microseconds(loop, begun))
        finally:
            self._watch.end(deadline)
            attempt.leave_place()
            if is_keyed:
                late = partial(self._hear_late, call, attempt, loop, begun) if is_late else None
                attempt.leave(partial(self._let_go, marks, late))
        return self._done(value, note, _microseconds(loop, begun))

    async def _wait(self, state: RunState, call: ToolCallStart) -> Failed | None:
        """Wait for a place; None with one, else why the call is not made any more."""
        try:
            await self._threads.take()
        except NoMorePlaces:
            return _not_begun(call, "this process ends, and the call had not begun")
        wanted = False
        try:
            refused = await self.still_wanted(state, call) if self.still_wanted is not None else None
            wanted = refused is None
        finally:
            if not wanted:
                self._threads.leave()
        return refused if refused is None else _not_begun(call, refused.message, refused.mode)

    def _let_go(self, marks: tuple[object, ...], late: Callable[[], None] | None) -> None:
        """Nothing of a call goes on any more."""
        self._going.difference_update(marks)
        if late is not None:
            late()

    def _hear_late(self, call: ToolCallStart, attempt: Attempt, loop: asyncio.AbstractEventLoop, begun: float) -> None:
        outcome = self._answered(call, attempt, _microseconds(loop, begun))
        if self._on_late is not None and outcome is not None:
            self._on_late(attempt.run_id, call, outcome)

    def _done(self, value: Any, note: str, duration_us: int) -> Done:
        body, replaced = encode_result(value, self._redactor)
        return Done(
            result=msgspec.Raw(body),
            duration_us=duration_us,
            note=f"{note}; {replaced}" if note and replaced else note or replaced,
        )

    def _answered(self, call: ToolCallStart, attempt: Attempt, duration_us: int) -> Outcome | None:
        """What the thread of a call that nobody waits for has answered; None while it has not."""
        job = attempt.job
        if job is None or job.over is None:
            return None
        value, error = job.over
        if error is not None:
            return self._failed(call, attempt, error, duration_us)
        if asyncio.iscoroutine(value):
            value.close()  # half an answer, and the other half has no time left
            return None
        return self._done(value, "it answered after its time", duration_us)

    def _late(self, call: ToolCallStart, attempt: Attempt, left_s: float, duration_us: int) -> Failed:
        is_open = attempt.entered and call.side_effect is not SideEffect.READ_ONLY
        return Failed(
            mode=FailureMode.SYSTEM_TIMEOUT,
            certainty=Certainty.UNKNOWN if is_open else _nothing_new(call, attempt.has_looked),
            message=f"no answer within {left_s:g} s" + ("" if attempt.entered else "; it had not begun"),
            duration_us=duration_us,
        )

    def _failed(self, call: ToolCallStart, attempt: Attempt, error: BaseException, duration_us: int) -> Failed:
        if isinstance(error, TooManyHang):
            return Failed(
                mode=FailureMode.RESOURCE_TOOL_UNAVAILABLE,
                certainty=_nothing_new(call, attempt.has_looked),
                message="too many earlier calls hang in this process; restart it",
            )
        outcome = failed(error, call.side_effect, self._redactor, duration_us)
        if outcome.certainty is Certainty.NOT_DONE:
            return msgspec.structs.replace(outcome, certainty=_nothing_new(call, attempt.has_looked))
        return outcome


def _context(state: RunState, call: ToolCallStart, bound: dict[str, object]) -> ToolContext:
    started = state.started
    return ToolContext(
        run_id=state.run_id,
        trace_id=started.trace_id,
        step_id=call.step,
        step_index=state.index.named.get(call.step, 0),
        tenant=started.tenant,
        profile=started.profile,
        key=call.key,
        as_of=started.as_of or started.at,
        attempt=call.attempt,
        capabilities=bound,
    )


async def _at_once(outcome: Outcome) -> Outcome:
    """What is known without a call."""
    return outcome


def _not_begun(call: ToolCallStart, why: str, mode: FailureMode = FailureMode.SYSTEM_CRASH) -> Failed:
    """Of a call that waited for a thread and is not made."""
    return Failed(mode=mode, certainty=_nothing_new(call), message=why)


def _nothing_new(call: ToolCallStart, has_looked: bool = False) -> Certainty:
    """This attempt did nothing. One that was to look for an earlier attempt and could not leaves that one unknown."""
    is_blind = call.probe and not has_looked and call.side_effect is not SideEffect.READ_ONLY
    return Certainty.UNKNOWN if is_blind else Certainty.NOT_DONE


def _microseconds(loop: asyncio.AbstractEventLoop, begun: float) -> int:
    return int((loop.time() - begun) * 1_000_000)
