"""The tables beside the streams."""

from __future__ import annotations

from tests.unit.projections.histories import House, plan, sold, step

from cuga.kernel.evolve import fold
from cuga.kernel.state import RunState
from cuga.projections import rows


async def test_most_steps_change_no_row() -> None:
    house = House()
    before = await house.start("r1")
    after = await house.done("r1", "s1", {"name": "Acme"})
    events = (await house.events("r1"))[before.version :]
    assert rows.index_of(before, after, events) is None


async def test_a_start_a_park_a_decision_and_an_end_do() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "send")))
    events = await house.events("r1")
    index = rows.index_of(RunState("r1"), house.states["r1"], events)
    assert index is not None and index.run is not None
    assert index.run.status == "parked" and index.run.wake_at == house.states["r1"].parked.wake_at  # type: ignore[union-attr]
    assert index.approvals == {"r1-a1": rows.open_approval(house.states["r1"], house.states["r1"].pending["r1-a1"])}
    before = house.states["r1"]
    after = await house.cancel("r1")
    index = rows.index_of(before, after, (await house.events("r1"))[before.version :])
    assert index is not None and index.approvals == {"r1-a1": None}
    assert index.run == rows.run_row(after) and index.run.reason == "not needed" and index.run.wake_at is None


async def test_a_running_run_has_no_reason() -> None:
    house = House()
    state = await house.start("r1")
    assert rows.run_row(state).reason == "" and rows.run_row(state).requester == "ada"


async def test_a_decision_of_a_person_closes_the_row_of_its_request() -> None:
    house = House()
    await sold(house)
    events = await house.events("r1")
    at = next(n for n, event in enumerate(events) if type(event).__name__ == "ApprovalReceived" and event.by == "bob")
    before = fold("r1", events[:at])
    index = rows.index_of(before, fold("r1", events), events[at:])
    assert index is not None and index.approvals == {"r1-a2": None}
