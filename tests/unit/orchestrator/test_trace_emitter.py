"""What a coordinator has seen, and what callers add to it: ten names and no other."""

from datetime import timedelta

import msgspec
import pytest

from cuga.clock import ManualClock
from cuga.errors import BadInput
from cuga.model.event import CANONICAL
from cuga.orchestrator import ApprovalEvent, ToolCallEvent, TraceEmitter, emit_event, trace_emitter
from cuga.orchestrator.trace_emitter import ENDED, HOURS
from cuga.testing import completes, given, start
from cuga.testing.factories import READ, plan, step


def test_each_of_the_ten_names_may_be_emitted():
    emitter = TraceEmitter("t1")
    for name in CANONICAL:
        emitter.emit(name, {"n": 1}, step="s1", more=2)
    assert tuple(event.name for event in emitter.get_trace()) == CANONICAL
    assert all(
        (event.n, event["more"], event.step, event.trace_id) == (1, 2, "s1", "t1") for event in emitter.get_trace()
    )


@pytest.mark.parametrize("name", ["tool_call_finished", "run_started", "", "PLAN_CREATED"])
def test_any_other_name_raises(name):
    with pytest.raises(BadInput, match="no event of a trace"):
        TraceEmitter().emit(name)


def test_traces_are_kept_apart_and_timed():
    clock = ManualClock()
    emitter = TraceEmitter("t1", clock=clock)
    emitter.emit("plan_created")
    clock.advance(timedelta(seconds=1.5))
    emitter.emit("route_decision")
    emitter.emit("plan_created", trace_id="t2")
    assert (emitter.get_duration_ms("t1"), emitter.get_duration_ms("t2")) == (1500.0, 0.0)
    assert emitter.get_duration_ms() == 1500.0 and TraceEmitter().get_duration_ms() == 0.0


def test_events_read_as_objects_and_as_mappings():
    emitter = TraceEmitter("t1")
    emit_event(ToolCallEvent.create_start("t1", "look", {"a": 1}, step="s1"), emitter)
    emit_event(ToolCallEvent.create_complete("t1", "look", {"b": 2}, duration_ms=12.5), emitter)
    emit_event(ToolCallEvent.create_error("t1", "look", "gone", mode="system_network"), emitter)
    emit_event(ApprovalEvent.create_timeout("t1", "r1"), emitter)
    start, done, failed, late = emitter.get_trace("t1")
    assert start.tool == start["tool"] == start.get("tool") == dict(start)["tool"] == "look"
    assert done.duration_ms == 12.5 and failed.message == "gone" and late["approval_id"] == "r1"
    assert start.get("nothing") is None and "tool" in start
    with pytest.raises(AttributeError):
        start.nothing  # noqa: B018


def test_what_a_caller_adds_is_counted_nowhere():
    emitter = TraceEmitter()
    emitter.emit("tool_call_complete", duration_us=5)
    assert emitter.get_golden_signals()["total_events"] == 0


def test_ended_runs_leave_their_figures_and_nothing_else():
    emitter = TraceEmitter()
    facts = given().when(start(plan(step("a", READ)))).when(completes("a")).events
    many = ENDED + 50
    for n in range(many):
        later = timedelta(hours=n % (2 * HOURS))
        emitter.hear(f"r{n}", [msgspec.structs.replace(fact, at=fact.at + later) for fact in facts])
    assert emitter.get_golden_signals()["total_events"] == 4 * many
    assert emitter.get_golden_signals()["success_rate"] == 1.0
    assert len(emitter._counts) == len(emitter._traces) == len(emitter._ended) == ENDED
    assert (len(emitter._rows._runs), len(emitter._rows._tallies)) == (0, HOURS)
    assert emitter.get_trace()[-1].seq == len(facts) - 1


def test_runs_of_which_another_process_hears_the_end_are_forgotten_after_many_others(monkeypatch):
    monkeypatch.setattr(trace_emitter, "OPEN", 50)
    emitter = TraceEmitter()
    begun = given().when(start(plan(step("a", READ)))).events
    for n in range(500):
        emitter.hear(f"r{n}", begun)
    assert len(emitter._counts) == len(emitter._traces) == 50 and len(emitter._rows._runs) <= 50
    assert emitter.get_trace()[-1].run_id == "r499"
