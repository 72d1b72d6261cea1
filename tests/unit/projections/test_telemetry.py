"""Spans and counts for machines that watch: the same facts give the same ids, whoever folds them and however often."""

from __future__ import annotations

import msgspec
import pytest
from tests.unit.projections.histories import House, plan, sold, step, varied

from cuga.journal.codec import PLAIN
from cuga.model.event import RunFinished
from cuga.projections.signals import SignalsView
from cuga.projections.telemetry import CountsView, RunSpans, Span, span_id_of, spans_of, trace_id_of
from cuga.projections.telemetry.counts import BOUNDS, Histogram
from cuga.projections.telemetry.spans import MOST_EVENTS, scope_shown, step_shown
from cuga.projections.views import MemoryViews


@pytest.fixture
async def house() -> House:
    house = House()
    await varied(house)
    return house


async def streams(house: House) -> list[str]:
    return sorted(house.states)


async def test_a_run_its_calls_and_its_requests_are_spans_of_one_trace():
    house = House()
    await house.keep_rules()
    await sold(house, "r1")
    spans = {span.name: span for span in spans_of(await house.journal.read("r1"))}
    run, send = spans["invoke_workflow smb"], spans["execute_tool send"]
    asked = spans["cuga.approval send"]
    assert {span.trace_id for span in spans.values()} == {trace_id_of("t-r1")}
    assert run.parent_id == "" and {send.parent_id, asked.parent_id} == {run.span_id}
    assert run.span_id == span_id_of("r1", 1)
    assert (asked.end - asked.start).total_seconds() == 90
    assert asked.attributes["cuga.approval.verdict"] == "approve"
    assert send.attributes["gen_ai.operation.name"] == "execute_tool"
    assert send.attributes["gen_ai.tool.name"] == "send"
    assert send.attributes["cuga.approval.id"] == asked.attributes["cuga.approval.id"]
    assert run.attributes["cuga.status"] == "success" and not run.error_type
    assert [moment.name for moment in run.events][:2] == ["cuga.plan_created", "cuga.route_decision"]


async def test_the_same_facts_give_the_same_spans_wherever_the_fold_begins_anew(house: House):
    for run_id in await streams(house):
        stored = await house.journal.read(run_id)
        whole = spans_of(stored)
        for cut in range(1, len(stored)):
            fold, told = RunSpans(run_id), list[Span]()
            for one in stored[:cut]:
                told += fold.apply(one.seq, PLAIN.decode(one.body))
            fold = RunSpans(run_id)  # the process has ended; another one reads the run again
            for one in stored[:cut]:
                fold.apply(one.seq, PLAIN.decode(one.body))
            for one in stored[cut:]:
                told += fold.apply(one.seq, PLAIN.decode(one.body))
            assert told == whole


async def test_every_span_of_an_ended_run_has_ended_within_it_and_belongs_to_it(house: House):
    seen = set()
    for run_id in await streams(house):
        stored = await house.journal.read(run_id)
        spans = spans_of(stored)
        is_over = any(isinstance(PLAIN.decode(one.body), RunFinished) for one in stored)
        roots = [span for span in spans if not span.parent_id]
        assert len(roots) == is_over
        for span in spans:
            assert span.start <= span.end
            assert (run_id, span.span_id) not in seen
            seen.add((run_id, span.span_id))
            if roots and span not in roots:
                assert roots[0].start <= span.start and span.end <= roots[0].end
                assert span.parent_id in {one.span_id for one in spans}


async def test_a_failed_attempt_names_its_mode_and_nothing_that_the_tool_said(house: House):
    spans = [span for span in spans_of(await house.journal.read("broken")) if span.name == "execute_tool look"]
    assert [span.error_type for span in spans] == ["system_network"] * 3
    assert [span.attributes["cuga.attempt"] for span in spans] == [1, 2, 3]
    assert "s1 broke" not in repr(spans)


async def test_no_person_no_goal_and_no_argument_is_told():
    house = House()
    await house.keep_rules()
    named = plan(step("mail-to-kim-larsen", "send", input={"to": "Kim Larsen <kim@acme.example>"}))
    named = msgspec.structs.replace(named, planner="kim larsen's planner")
    await house.start("r1", named, goal="win Kim Larsen back", trace_id="kim@acme.example")
    stored = await house.journal.read("r1")
    assert "Kim Larsen" in repr([one.body for one in stored])
    fold = RunSpans("r1")
    told = [span for one in stored for span in fold.apply(one.seq, PLAIN.decode(one.body))]
    told += await _ended(house, fold)
    text = repr(told).lower()
    for personal in ("kim", "larsen", "acme.example", "ada", "win "):
        assert personal not in text, personal


async def _ended(house: House, fold: RunSpans) -> list[Span]:
    await house.cancel("r1")
    stored = await house.journal.read("r1", fold.seq)
    return [span for one in stored for span in fold.apply(one.seq, PLAIN.decode(one.body))]


async def test_what_calls_were_given_is_told_only_where_it_is_wanted_and_then_scrubbed():
    house = House()
    await house.keep_rules()
    await sold(house, "r1")
    stored = await house.journal.read("r1")
    spans = spans_of(stored, lambda body: body.replace(b"kim@acme.example", b"[redacted]"))
    send = next(span for span in spans if span.name == "execute_tool send")
    assert "[redacted]" in str(send.attributes["gen_ai.tool.call.arguments"])
    assert "gen_ai.tool.call.result" in send.attributes
    assert all(
        "gen_ai.tool.call" not in name or name.endswith(".id") for s in spans_of(stored) for name in s.attributes
    )


def test_a_trace_of_its_own_is_kept_and_any_other_name_is_hashed():
    own = "4bf92f3577b34da6a3ce929d0e0e4736"
    assert trace_id_of(own) == own
    for other in ("", "0" * 32, own.upper(), "01M7Y6DTRAKT1KZG86XXK1AQ19", own + "0"):
        assert len(trace_id_of(other)) == 32 and trace_id_of(other) != other.lower()


def test_names_that_anybody_may_give_are_shown_only_where_they_are_ours():
    assert step_shown("s3") == "s3" and step_shown("s3#12") == "s3#12"
    assert "kim" not in step_shown("mail-kim")
    assert scope_shown("calls/tool/send_message") == "calls/tool/send_message"
    assert scope_shown("rate/86400/20/user/local/kim") == "rate"
    assert scope_shown("kim") == "other"


def test_moments_of_a_run_are_bounded_and_what_is_left_out_is_counted():
    from cuga.clock import ManualClock
    from cuga.model.context import Principal
    from cuga.model.event import RunParked, RunStarted, Status

    now = ManualClock().now()
    fold = RunSpans("r1")
    fold.apply(1, RunStarted(at=now, goal="g", profile="smb", policy_digest="d", tenant="local",
                             requester=Principal(id="ada"), trace_id="t"))  # fmt: skip
    for seq in range(2, 2 + MOST_EVENTS + 5):
        assert fold.apply(seq, RunParked(at=now, reason="waits")) == []
    (run,) = fold.apply(999, RunFinished(at=now, status=Status.SUCCESS, reason="done"))
    assert len(run.events) == MOST_EVENTS and run.dropped_events == 5


async def test_counts_say_the_same_as_the_signals(house: House):
    counts, position = await CountsView(house.journal, MemoryViews()).read("local")
    signals = await SignalsView(house.journal, MemoryViews()).read()
    assert {name: one.count for name, one in counts.tools.items()} == {
        name: tool.calls for name, tool in signals.tools.items() if tool.calls
    }
    errors: dict[str, int] = {}
    for (tool, _), many in counts.errors_by.items():
        errors[tool] = errors.get(tool, 0) + many
    assert errors == {name: tool.errors for name, tool in signals.tools.items() if tool.errors}
    assert counts.runs.count == signals.tasks + signals.cancelled + signals.planned
    assert counts.waits.count == signals.approvals.decided
    assert counts.going == sum(1 for state in house.states.values() if state.end is None)
    assert position == [one async for one in house.journal.feed()][-1].position


async def test_counts_that_are_built_again_are_the_same(house: House):
    live = CountsView(house.journal, MemoryViews())
    await live.read("local")
    await sold(house, "late")
    grown, _ = await live.read("local")
    fresh, _ = await CountsView(house.journal, MemoryViews()).read("local")
    assert msgspec.json.encode(grown) == msgspec.json.encode(fresh)


def test_a_duration_on_a_bound_falls_below_it():
    one = Histogram()
    for took in (0, 10_000, 10_001, 10**9):
        one.add(took)
    assert one.bins[0] == 2 and one.bins[1] == 1 and one.bins[-1] == 1 and len(one.bins) == len(BOUNDS) + 1
