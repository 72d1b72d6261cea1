"""One door to every tool: it makes exactly the call of the intent and says what became of it."""

import asyncio
import json
import threading
import time
from datetime import timedelta

import msgspec
import pytest

from cuga.clock import ManualClock
from cuga.errors import BadInput, NotDone
from cuga.kernel.state import RunState
from cuga.model.context import Principal
from cuga.model.event import RunStarted, ToolCallStart
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Done, Failed
from cuga.model.tool import SideEffect, ToolContract
from cuga.model.value import Value
from cuga.redact import Redactor
from cuga.tools.declare import ToolContext, tool
from cuga.tools.invoke import Door
from cuga.tools.registry import ToolRegistry

CLOCK = ManualClock()
SECRET = "s3cr3t-Value-77"
NOT_DONE, UNKNOWN = Certainty.NOT_DONE, Certainty.UNKNOWN


class Letter(Value, frozen=True, kw_only=True):
    """An argument of a type of its own."""

    to: str
    copies: int = 1


def run_state():
    state = RunState("run-1")
    state.start = RunStarted(
        at=CLOCK.now(),
        goal="g",
        profile="smb",
        policy_digest="d",
        tenant="acme",
        requester=Principal(id="ada"),
        trace_id="trace-1",
    )
    return state


def door(*functions, bindings=None, threads=4):
    tools = ToolRegistry()
    for function in functions:
        tools.register(function)
    return Door(tools, bindings or {}, clock=CLOCK, redactor=Redactor([SECRET]), threads=threads)


def intent(function, arguments="{}", **changes):
    contract = function.__tool__
    base = {
        "at": CLOCK.now(),
        "step": "s1",
        "attempt": 1,
        "tool": contract.name,
        "tool_digest": contract.digest(),
        "arguments": msgspec.Raw(arguments.encode() if isinstance(arguments, str) else json.dumps(arguments).encode()),
        "side_effect": contract.side_effect,
        "domain": contract.domain,
        "cost": 0,
        "key": "key-1",
        "deadline": CLOCK.now() + timedelta(hours=1),
        "timeout_s": contract.timeout_s,
    }
    return ToolCallStart(**{**base, **changes})


async def call(function, arguments="{}", *, bindings=None, **changes):
    opened = door(function, bindings=bindings)
    try:
        return await opened.call(run_state(), intent(function, arguments, **changes))
    finally:
        opened.close()


def result_of(outcome):
    assert isinstance(outcome, Done), outcome
    return json.loads(bytes(outcome.result))


def declared(function, side_effect="execute", **options):
    return tool(domain="x", side_effect=side_effect, **options)(function)


def raising(error, side_effect="execute", is_async=True):
    async def later(context: ToolContext) -> None:
        raise error

    def now(context: ToolContext) -> None:
        raise error

    return declared(later if is_async else now, side_effect, name="raising")


# --- the call is made as the intent says -----------------------------------------------------------------------------
async def test_arguments_arrive_with_their_types_and_the_context_says_where_from():
    seen = {}

    async def write(context: ToolContext, letter: Letter, days: int = 3) -> dict:
        seen.update(letter=letter, days=days, context=context)
        return {"to": letter.to}

    outcome = await call(declared(write), {"letter": {"to": "Ada"}})
    assert result_of(outcome) == {"to": "Ada"}
    assert (seen["letter"], seen["days"]) == (Letter(to="Ada"), 3)
    context = seen["context"]
    assert (context.run_id, context.trace_id, context.step_id) == ("run-1", "trace-1", "s1")
    assert (context.tenant, context.profile, context.key) == ("acme", "smb", "key-1")
    assert context.as_of == CLOCK.now()


async def test_a_synchronous_tool_runs_beside_the_loop():
    beaten = threading.Event()

    def slow(context: ToolContext) -> str:
        assert beaten.wait(60)  # the loop beats meanwhile, or this never ends
        time.sleep(0.05)
        return threading.current_thread().name

    beats = 0

    async def beat():
        nonlocal beats
        while True:
            beats += 1
            if beats > 3:
                beaten.set()
            await asyncio.sleep(0.005)

    heart = asyncio.ensure_future(beat())
    outcome = await call(declared(slow, "read-only"))
    heart.cancel()
    assert result_of(outcome) == "cuga-tool"
    assert beats > 3
    assert outcome.duration_us >= 50_000


async def test_a_handler_gets_its_arguments_as_one_dict_checked_by_its_schema():
    async def handler(inputs, context):
        """Do it."""
        return {**inputs, "key": context.key}

    schema = {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}}
    declared(handler, input_schema=schema)
    assert result_of(await call(handler, {"to": "x", "more": 1})) == {"to": "x", "more": 1, "key": "key-1"}
    outcome = await call(handler, {"to": 5})
    assert (outcome.mode, outcome.certainty) == (FailureMode.AGENT_VALIDATION, NOT_DONE)
    assert "/to" in outcome.message


async def test_a_handler_with_a_contract_of_its_own_is_called_too():
    contract = ToolContract(name="own", domain="x", side_effect=SideEffect.READ_ONLY, purpose="Do it.", module="m")
    tools = ToolRegistry()
    tools.register(lambda inputs, context: inputs["n"] + 1, contract)
    opened = Door(tools, {}, clock=CLOCK, redactor=Redactor())
    frozen = msgspec.structs.replace(
        intent(raising(ValueError())), tool="own", tool_digest=contract.digest(), arguments=msgspec.Raw(b'{"n": 1}')
    )
    assert result_of(await opened.call(run_state(), frozen)) == 2
    opened.close()


async def test_only_the_adapters_that_the_intent_names_are_bound():
    async def look(context: ToolContext) -> list[str]:
        return sorted(f"{name}={adapter}" for name, adapter in context.capabilities.items())

    declared(look, "read-only", uses=("crm", "mail"))
    bindings = {"crm": {"offline": "A", "hubspot": "B"}, "mail": {"offline": "C"}, "files": {"offline": "D"}}
    assert result_of(await call(look, bindings=bindings, adapters={"crm": "hubspot"})) == ["crm=B"]
    outcome = await call(look, bindings=bindings, adapters={"crm": "salesforce"})
    assert (outcome.mode, outcome.certainty) == (FailureMode.RESOURCE_TOOL_UNAVAILABLE, NOT_DONE)


# --- refusals: nothing was touched -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "changes", "mode", "words"),
    [
        ("{}", {"tool_digest": "0" * 64}, FailureMode.AGENT_CONTRACT, "contract has changed"),
        ("{}", {"tool": "elsewhere"}, FailureMode.RESOURCE_TOOL_UNAVAILABLE, "not installed"),
        ('{"n": "many"}', {}, FailureMode.AGENT_VALIDATION, "do not fit"),
        ('{"m": 1}', {}, FailureMode.AGENT_VALIDATION, "unknown field"),
        ('{"n": ', {}, FailureMode.AGENT_VALIDATION, "do not fit"),
        ("[" * 100_000, {}, FailureMode.AGENT_VALIDATION, "do not fit"),
        ("{}", {"deadline": CLOCK.now()}, FailureMode.SYSTEM_TIMEOUT, "passed"),
    ],
)
async def test_a_call_that_cannot_be_made_surely_did_not_happen(arguments, changes, mode, words):
    touched = []

    async def touch(context: ToolContext, n: int = 1) -> None:
        touched.append(n)

    outcome = await call(declared(touch), arguments, **changes)
    assert isinstance(outcome, Failed)
    assert (outcome.mode, outcome.certainty) == (mode, NOT_DONE)
    assert words in outcome.message
    assert touched == []


async def test_a_simulated_call_shows_what_it_would_have_done_and_does_nothing():
    touched = []

    async def send(context: ToolContext, to: str) -> None:
        touched.append(to)

    outcome = await call(declared(send), {"to": "Ada"}, simulated=True, adapters={"mail": "offline"})
    assert result_of(outcome) == {
        "simulated": True,
        "tool": "send",
        "adapters": {"mail": "offline"},
        "arguments": {"to": "Ada"},
    }
    assert touched == []
    wrong = await call(declared(send), {"to": 1}, simulated=True)
    assert wrong.mode is FailureMode.AGENT_VALIDATION


# --- what became of it -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize(
    ("error", "side_effect", "mode", "certainty"),
    [
        (NotDone("refused"), "execute", FailureMode.AGENT_STATE, NOT_DONE),
        (NotDone("full", mode=FailureMode.RESOURCE_RATE_LIMIT), "execute", FailureMode.RESOURCE_RATE_LIMIT, NOT_DONE),
        (BadInput("no such buyer"), "execute", FailureMode.USER_INVALID_INPUT, NOT_DONE),
        (ConnectionResetError("gone"), "execute", FailureMode.SYSTEM_NETWORK, UNKNOWN),
        (ConnectionResetError("gone"), "read-only", FailureMode.SYSTEM_NETWORK, NOT_DONE),
        (TimeoutError(), "propose", FailureMode.SYSTEM_TIMEOUT, UNKNOWN),
        (ValueError("bug"), "execute", FailureMode.AGENT_LOGIC, UNKNOWN),
        (ValueError("bug"), "read-only", FailureMode.AGENT_LOGIC, NOT_DONE),
        (SystemExit(3), "execute", FailureMode.AGENT_LOGIC, UNKNOWN),
        (asyncio.CancelledError(), "execute", FailureMode.AGENT_LOGIC, UNKNOWN),
        (asyncio.CancelledError(), "read-only", FailureMode.AGENT_LOGIC, NOT_DONE),
    ],
)
async def test_an_exception_of_the_tool_becomes_an_outcome(error, side_effect, mode, certainty, is_async):
    outcome = await call(raising(error, side_effect, is_async))
    assert isinstance(outcome, Failed)
    assert (outcome.mode, outcome.certainty) == (mode, certainty)


@pytest.mark.parametrize(
    ("side_effect", "certainty"), [("execute", UNKNOWN), ("propose", UNKNOWN), ("read-only", NOT_DONE)]
)
@pytest.mark.parametrize("is_async", [True, False])
async def test_no_answer_in_time_is_unknown_unless_it_only_reads(side_effect, certainty, is_async):
    release = threading.Event()

    async def later(context: ToolContext) -> None:
        await asyncio.sleep(60)

    def now(context: ToolContext) -> None:
        release.wait(60)

    function = declared(later if is_async else now, side_effect)
    outcome = await call(function, deadline=CLOCK.now() + timedelta(seconds=0.2))
    release.set()
    assert (outcome.mode, outcome.certainty) == (FailureMode.SYSTEM_TIMEOUT, certainty)
    assert outcome.duration_us < 50_000_000
    assert asyncio.current_task().cancelling() == 0


async def test_the_time_of_a_call_begins_when_a_thread_has_it():
    """Many more calls than threads, together longer than the time of each: a busy machine fails none of them."""

    def work(context: ToolContext) -> None:
        time.sleep(0.25)

    opened = door(declared(work), threads=2)
    left = {"deadline": CLOCK.now() + timedelta(seconds=2)}
    calls = [intent(work, key=f"key-{n}", step=f"s{n}", **left) for n in range(24)]
    outcomes = await asyncio.gather(*(opened.call(run_state(), call) for call in calls))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert max(outcome.duration_us for outcome in outcomes) < 2_000_000, "how long it waited is not how long it took"
    assert opened.waiting == 0
    opened.close()


async def test_a_call_that_hangs_gives_its_place_to_whoever_waits():
    release = threading.Event()

    def hang(context: ToolContext) -> str:
        if context.step_id == "s1":
            release.wait(60)
        return context.step_id

    opened = door(declared(hang), threads=1)
    first = asyncio.ensure_future(opened.call(run_state(), intent(hang, deadline=CLOCK.now() + timedelta(seconds=0.3))))
    await asyncio.sleep(0.05)
    others = [intent(hang, key=f"key-{n}", step=f"s{n}") for n in range(2, 6)]
    outcomes = await asyncio.gather(*(opened.call(run_state(), other) for other in others))
    release.set()
    assert [result_of(outcome) for outcome in outcomes] == ["s2", "s3", "s4", "s5"]
    hung = await first
    assert (hung.mode, hung.certainty) == (FailureMode.SYSTEM_TIMEOUT, UNKNOWN)
    opened.close()


@pytest.mark.parametrize(("probe", "certainty"), [(False, NOT_DONE), (True, UNKNOWN)])
async def test_what_waits_for_a_thread_when_the_process_ends_surely_did_not_begin(probe, certainty):
    """Nor does what comes then and finds none. Of an attempt before it, which it was to look for, it knows nothing."""
    entered, release = [], threading.Event()

    def wait(context: ToolContext) -> None:
        entered.append(context.step_id)
        release.wait(60)

    opened = door(declared(wait, repeatable="probe", probe=lambda context, arguments: None), threads=1)
    first = asyncio.ensure_future(opened.call(run_state(), intent(wait)))
    await until(lambda: bool(entered))
    second = asyncio.ensure_future(opened.call(run_state(), intent(wait, key="key-2", step="s2", probe=probe)))
    await until(lambda: opened.waiting == 1)
    opened.end_waiting()
    third = await opened.call(run_state(), intent(wait, key="key-3", step="s3", probe=probe))
    for outcome in (await second, third):
        assert (outcome.mode, outcome.certainty) == (FailureMode.SYSTEM_CRASH, certainty)
        assert "had not begun" in outcome.message
    release.set()
    assert isinstance(await first, Done) and entered == ["s1"]
    opened.close()


async def test_a_call_that_had_to_wait_asks_once_more_whether_it_is_wanted():
    entered, asked, release = [], [], threading.Event()

    def wait(context: ToolContext) -> None:
        entered.append(context.step_id)
        release.wait(60)

    async def still_wanted(state, call):
        asked.append(call.step)
        if call.step == "s2":
            return Failed(mode=FailureMode.USER_CANCELLED, certainty=NOT_DONE, message="not any more")
        if call.step == "s3":
            raise RuntimeError("nobody can say")
        return None

    opened = door(declared(wait), threads=1)
    opened.still_wanted = still_wanted
    first = asyncio.ensure_future(opened.call(run_state(), intent(wait)))
    await until(lambda: bool(entered))
    calls = [intent(wait, key=f"key-{n}", step=f"s{n}") for n in (2, 3, 4)]
    rest = asyncio.gather(*(opened.call(run_state(), one) for one in calls), return_exceptions=True)
    await until(lambda: opened.waiting == 3)
    release.set()
    second, third, fourth = await rest
    assert (second.mode, second.certainty, second.message) == (FailureMode.USER_CANCELLED, NOT_DONE, "not any more")
    assert isinstance(third, RuntimeError) and isinstance(fourth, Done) and isinstance(await first, Done)
    assert (asked, entered) == (["s2", "s3", "s4"], ["s1", "s4"]), "whoever finds a thread at once is not asked"
    assert isinstance(await opened.call(run_state(), intent(wait, key="key-5", step="s5")), Done)
    opened.close()


async def test_whoever_gives_up_waiting_for_a_thread_leaves_the_place_to_others():
    entered, release = [], threading.Event()

    def wait(context: ToolContext) -> str:
        entered.append(context.step_id)
        release.wait(60)
        return context.step_id

    opened = door(declared(wait), threads=1)
    first = asyncio.ensure_future(opened.call(run_state(), intent(wait)))
    await until(lambda: bool(entered))
    second, third = (
        asyncio.ensure_future(opened.call(run_state(), intent(wait, key=f"key-{n}", step=f"s{n}"))) for n in (2, 3)
    )
    await until(lambda: opened.waiting == 2)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    release.set()
    assert [result_of(await first), result_of(await third)] == ["s1", "s3"]
    assert isinstance(await opened.call(run_state(), intent(wait, key="key-2", step="s2")), Done), "its key is free"
    opened.close()


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_probe_in_a_thread_waits_for_its_place_like_a_call(is_async):
    looked = []

    def look(context, arguments):
        time.sleep(0.2)
        looked.append(context.step_id)

    async def later(context: ToolContext) -> str:
        await asyncio.sleep(0.2)
        return "sent"

    def now(context: ToolContext) -> str:
        return "sent"

    send = declared(later if is_async else now, repeatable="probe", probe=look)
    opened = door(send, threads=1)
    left = {"deadline": CLOCK.now() + timedelta(seconds=1.2)}
    calls = [intent(send, key=f"key-{n}", step=f"s{n}", probe=True, **left) for n in range(8)]
    outcomes = await asyncio.gather(*(opened.call(run_state(), call) for call in calls))
    assert [result_of(outcome) for outcome in outcomes] == ["sent"] * 8 and len(looked) == 8
    assert opened._threads.take_at_once(), "every place was given back"
    opened.close()


async def test_a_tool_that_answers_although_its_time_is_over_is_believed():
    async def stubborn(context: ToolContext) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "sent after all"

    outcome = await call(declared(stubborn), deadline=CLOCK.now() + timedelta(seconds=0.2))
    assert result_of(outcome) == "sent after all"
    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(0)  # nothing is left over that would cancel us


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_cancellation_from_outside_passes_through_because_nobody_knows(is_async):
    loop, entered, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    async def later(context: ToolContext) -> None:
        entered.set()
        await asyncio.sleep(60)

    def now(context: ToolContext) -> None:
        loop.call_soon_threadsafe(entered.set)
        release.wait(60)

    task = asyncio.ensure_future(call(declared(later if is_async else now, "read-only")))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()


# --- a thread that goes on after its time ---------------------------------------------------------------------------
async def until(holds):
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


class Slow:
    """A synchronous effect that ends when told to, and what a door hears of it."""

    def __init__(self, *, raises=None, probe=None):
        self.release, self.entered, self.heard = threading.Event(), [], []

        def send(context: ToolContext) -> dict:
            self.entered.append(context.attempt)
            self.release.wait(60)
            if raises is not None:
                raise raises
            return {"attempt": context.attempt}

        self.function = declared(send, repeatable="probe" if probe else "none", probe=probe)
        tools = ToolRegistry()
        tools.register(self.function)
        self.door = Door(
            tools,
            {},
            clock=CLOCK,
            redactor=Redactor(),
            on_late=lambda run_id, call, outcome: self.heard.append((run_id, call.attempt, outcome)),
        )

    async def attempt(self, number, **changes):
        changes = {"deadline": CLOCK.now() + timedelta(seconds=0.2), **changes}
        return await self.door.call(run_state(), intent(self.function, attempt=number, **changes))

    async def end(self):
        self.release.set()
        await until(lambda: not self.door._going)


async def test_no_other_attempt_begins_or_looks_while_an_earlier_one_goes_on():
    looked = []
    slow = Slow(probe=lambda context, arguments: looked.append(context.attempt))
    first = await slow.attempt(1)
    second = await slow.attempt(2, probe=True)
    assert (first.certainty, second.certainty, second.mode) == (UNKNOWN, UNKNOWN, FailureMode.SYSTEM_TIMEOUT)
    assert second.message == "an earlier attempt is still running"
    assert (slow.entered, looked) == ([1], [])
    again = await slow.attempt(3, key="asked for again by a person")
    assert again.message == "an earlier attempt is still running"
    assert isinstance(await slow.attempt(1, key="another", simulated=True), Done)
    await slow.end()
    assert isinstance(await slow.attempt(3, probe=True), Done)
    assert (slow.entered, looked) == ([1, 3], [3])


async def test_what_a_late_thread_answers_is_delivered():
    slow = Slow()
    await slow.attempt(1)
    assert slow.heard == []
    await slow.end()
    ((run_id, attempt, outcome),) = slow.heard
    assert (run_id, attempt, result_of(outcome)) == ("run-1", 1, {"attempt": 1})
    assert "after its time" in outcome.note


@pytest.mark.parametrize(("error", "certainty"), [(NotDone("refused"), NOT_DONE), (ValueError("bug"), UNKNOWN)])
async def test_what_a_late_thread_raises_is_delivered_too(error, certainty):
    slow = Slow(raises=error)
    await slow.attempt(1)
    await slow.end()
    assert slow.heard[0][2].certainty is certainty


async def test_what_answers_in_time_is_not_delivered_twice():
    slow = Slow()
    slow.release.set()
    assert isinstance(await slow.attempt(1), Done)
    await slow.end()
    assert slow.heard == []


async def test_a_call_that_was_cancelled_from_outside_still_holds_its_key():
    slow = Slow()
    task = asyncio.ensure_future(slow.attempt(1))
    await until(lambda: bool(slow.entered))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await slow.attempt(2)).message == "an earlier attempt is still running"
    await slow.end()
    assert slow.heard == [] and slow.entered == [1]


# --- looking first ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize(("found", "sent"), [({"id": 7}, 0), (None, 1)])
async def test_a_probe_that_finds_the_effect_spares_the_call(found, sent, is_async):
    calls = []

    async def look_later(context, arguments):
        return found

    def look_now(context, arguments):
        assert arguments.to == "Ada"
        return found

    async def send(context: ToolContext, to: str) -> dict:
        calls.append(to)
        return {"id": 8}

    declared(send, repeatable="probe", probe=look_later if is_async else look_now)
    outcome = await call(send, {"to": "Ada"}, probe=True, attempt=2)
    assert result_of(outcome) == (found or {"id": 8})
    assert len(calls) == sent
    assert ("earlier attempt" in outcome.note) == (found is not None)
    assert result_of(await call(send, {"to": "Ada"})) == {"id": 8}


async def test_a_probe_that_cannot_look_leaves_the_earlier_attempt_unknown():
    def look(context, arguments):
        raise NotDone("the mailbox cannot be read")

    async def send(context: ToolContext) -> None:
        raise AssertionError("must not be called")

    declared(send, repeatable="probe", probe=look)
    outcome = await call(send, probe=True)
    assert (outcome.certainty, outcome.message) == (UNKNOWN, "the mailbox cannot be read")
    assert (await call(send, probe=True, tool_digest="other")).certainty is UNKNOWN


async def test_after_a_look_that_found_nothing_a_refusal_is_sure():
    async def send(context: ToolContext) -> None:
        raise NotDone("refused")

    declared(send, repeatable="probe", probe=lambda context, arguments: None)
    assert (await call(send, probe=True)).certainty is NOT_DONE


# --- results ---------------------------------------------------------------------------------------------------------
async def test_results_and_messages_leave_without_secrets():
    async def leak(context: ToolContext) -> dict:
        return {"text": f"key is {SECRET}", "api_key": "abc", "nested": [{"Password": "hunter"}], "tokens": 5}

    outcome = await call(declared(leak, "read-only"))
    assert result_of(outcome) == {
        "text": "key is [redacted]",
        "api_key": "[redacted]",
        "nested": [{"Password": "[redacted]"}],
        "tokens": 5,
    }
    failed = await call(raising(RuntimeError(f"401 for {SECRET}, password=letmein99")))
    assert failed.message == "RuntimeError: 401 for [redacted], password=[redacted]"


@pytest.mark.parametrize("value", ["\ud800", 2**80, float("nan"), {1: 2}, object(), b"\xff", {"a"}])
async def test_a_result_that_is_no_json_is_recorded_and_never_an_exception_after_the_effect(value):
    async def odd(context: ToolContext):
        return value

    outcome = await call(declared(odd))
    assert isinstance(outcome, Done)
    json.loads(bytes(outcome.result))
    assert outcome.note


async def test_a_result_is_measured_after_its_secrets_were_cut():
    async def many(context: ToolContext) -> list:
        return [{"token": "x"}] * 700_000

    outcome = await call(declared(many))
    assert len(outcome.result) < 1_000
    assert "too large to keep" in outcome.note


async def test_an_exception_whose_words_cannot_be_read_is_still_an_outcome():
    class Hostile(Exception):
        def __str__(self):
            raise RuntimeError

    outcome = await call(raising(Hostile()))
    assert "cannot be read" in outcome.message
    assert (await call(raising(ValueError("\ud800" + "x" * 9000)))).message.startswith("ValueError: \\ud800xxx")
