"""A run's trace: the ten canonical events, or all of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
from tests.unit.projections.histories import House, plan, sold, step, varied

from cuga.errors import BadInput, EventUnreadable, RunNotFound
from cuga.journal.port import Stored
from cuga.model.event import CANONICAL, Verdict, name_of
from cuga.projections.trace import ALL_NAMES, follow_trace, known, read_trace, trace_of


@pytest.fixture
async def house() -> House:
    house = House()
    await varied(house)
    return house


async def test_the_trace_shows_the_ten_names_and_no_other(house: House) -> None:
    seen = set()
    for run_id, state in house.states.items():
        trace = await read_trace(house.journal, run_id)
        assert set(trace.names) <= set(CANONICAL)
        assert trace.names == tuple(
            name_of(event) for event in await house.events(run_id) if name_of(event) in CANONICAL
        )
        assert trace.trace_id == state.started.trace_id
        assert all(event.trace_id == trace.trace_id and event.run_id == run_id for event in trace.events)
        seen |= set(trace.names)
    assert seen == set(CANONICAL)
    assert len(CANONICAL) == 10


async def test_everything_is_the_whole_journal_of_the_run(house: House) -> None:
    trace = await read_trace(house.journal, "sold", everything=True)
    assert trace.names == tuple(name_of(event) for event in await house.events("sold"))
    assert [event.seq for event in trace.events] == list(range(1, house.states["sold"].version + 1))
    assert set(trace.names) <= set(ALL_NAMES) and len(ALL_NAMES) == len(set(ALL_NAMES))


async def test_an_event_reads_as_an_object_and_as_a_mapping(house: House) -> None:
    start = next(event for event in (await read_trace(house.journal, "sold")).events if event.name == "tool_call_start")
    assert start.tool == start["tool"] == start.details["tool"] == "look"
    assert start["name"] == start.name and start["step"] == "s1"
    assert start.arguments == {"to": "Kim <kim@acme.example>"}
    assert start.simulated is False, "defaults are there too"
    assert start.side_effect == "read-only" and start.timeout_s == 30
    assert start.get("tool") == "look" and start.get("nothing") is None and start.get("nothing", 1) == 1
    assert "tool" in start and "at" in start and "nothing" not in start
    flat = dict(start)
    assert flat["tool"] == "look" and flat["run_id"] == "sold" and len(start) == len(flat) == len(list(start))
    with pytest.raises(AttributeError, match="tool_call_start has no nothing"):
        _ = start.nothing
    with pytest.raises(KeyError):
        _ = start["nothing"]


async def test_durations_are_those_of_the_calls_and_of_the_whole(house: House) -> None:
    trace = await read_trace(house.journal, "sold")
    assert [event.duration_ms for event in trace.events if event.name == "tool_call_complete"] == [12.0, 20.0, 30.0]
    assert trace.events[0].duration_ms is None
    assert trace.duration_ms == 93_000.0
    assert trace_of([]).duration_ms == 0.0


async def test_a_trace_can_be_narrowed(house: House) -> None:
    trace = await read_trace(house.journal, "sold")
    assert trace.only(names=["tool_call_start"]).names == ("tool_call_start",) * 3
    assert {event.step for event in trace.only(step="s2").events} == {"s2"}
    late = trace.events[0].at + timedelta(seconds=90)
    assert trace.only(since=late).names + trace.only(until=late).names == tuple(
        event.name for event in (*trace.only(since=late).events, *trace.only(until=late).events)
    )
    assert len(trace.only(since=late).events) + len(trace.only(until=late).events) == len(trace.events)
    assert trace.only(after=trace.events[-1].seq).events == ()
    assert trace.only() == trace


async def test_an_unknown_name_raises_with_the_names_there_are(house: House) -> None:
    with pytest.raises(BadInput, match="tool_called") as caught:
        (await read_trace(house.journal, "sold")).only(names=["tool_called"])
    assert all(name in caught.value.next_step for name in CANONICAL)
    known(["run_parked", "plan_created"])


async def test_an_unknown_stored_event_raises() -> None:
    with pytest.raises(EventUnreadable):
        trace_of([Stored(position=1, stream="r", seq=1, body=b'{"type":"tool_called"}', hash=b"")])


async def test_lines_are_json_and_pass_the_scrubber(house: House) -> None:
    trace = await read_trace(house.journal, "sold", everything=True)
    lines = [msgspec.json.decode(line) for line in trace.lines()]
    assert [line["name"] for line in lines] == list(trace.names)
    assert lines[0]["details"]["goal"] == "win Acme" and "type" not in lines[0]["details"]
    clean = b"\n".join(trace.lines(lambda body: body.replace(b"kim@acme.example", b"[mail]")))
    assert b"kim@acme.example" not in clean and b"[mail]" in clean


async def test_a_run_that_is_not_there_is_named(house: House) -> None:
    with pytest.raises(RunNotFound):
        await read_trace(house.journal, "nobody")
    with pytest.raises(RunNotFound):
        await anext(follow_trace(house.journal, "nobody"))


async def test_following_shows_what_is_there_then_what_comes_until_the_end() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "send")))

    async def follow(everything: bool) -> list[str]:
        return [event.name async for event in follow_trace(house.journal, "r1", everything=everything)]

    tasks = [asyncio.create_task(follow(False)), asyncio.create_task(follow(True))]
    await asyncio.sleep(0)
    await sold(house, "another")
    await house.decide("r1", Verdict.APPROVE)
    await asyncio.sleep(0)
    await house.done("r1", "s1", {})
    async with asyncio.timeout(60):
        canonical, everything = await asyncio.gather(*tasks)
    assert tuple(canonical) == (await read_trace(house.journal, "r1")).names
    assert tuple(everything) == (await read_trace(house.journal, "r1", everything=True)).names


async def test_following_a_run_that_has_ended_ends() -> None:
    house = House()
    await sold(house)
    names = [event.name async for event in follow_trace(house.journal, "r1", after=4)]
    whole = await read_trace(house.journal, "r1")
    assert tuple(names) == whole.only(after=4).names
