"""The tables beside the streams equal a fresh fold, and a difference is found and mended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.projections.histories import EVE, House, plan, sold, step, varied

from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Index
from cuga.journal.seal import GENESIS, link, prefix_of
from cuga.journal.sqlite import SqliteJournal
from cuga.model.event import Annotation, Status, ToolCallComplete, Verdict
from cuga.model.house_event import HouseOpened
from cuga.projections.check import RowFault, check_rows, fresh_rows, rebuild_rows


@pytest.fixture(params=["memory", "file"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    journal: Any = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "j.db", prefill=False)
    house = House(journal)
    await varied(house)
    await journal.append("house", 0, [HouseOpened(at=house.clock.now(), tenant="local", owner="ada")])
    yield house
    await journal.close()


async def row(house: House, run_id: str) -> Any:
    listed = await house.journal.runs(tenant="local", limit=100)
    return next(one.row for one in listed if one.run_id == run_id)


async def spoil(house: House, run_id: str, index: Index) -> None:
    await house.journal.append(run_id, await house.journal.version(run_id), (), index=index)


async def test_live_tables_hold_what_the_streams_say(house: House) -> None:
    assert await check_rows(house.journal) == ()


async def test_they_do_after_every_single_append() -> None:
    house = House()
    for act in (
        lambda: house.start("r1"),
        lambda: house.done("r1", "s1", {"name": "Acme"}),
        lambda: house.done("r1", "s2", {}),
        lambda: house.decide("r1", Verdict.AMEND, arguments={"to": "x"}),
        lambda: house.decide("r1", Verdict.DENY, EVE),
        lambda: sold(house, "r2"),
    ):
        await act()
        house.tick()
        assert await check_rows(house.journal) == ()


async def test_a_row_that_says_something_else_is_named_with_its_fields(house: House) -> None:
    kept = await row(house, "sold")
    await spoil(house, "sold", Index(run=msgspec.structs.replace(kept, status=Status.RUNNING, reason="")))
    (fault,) = await check_rows(house.journal)
    assert (fault.kind, fault.run_id) == ("run_differs", "sold")
    assert fault.detail.startswith("status is ") and "reason is , must be every required step is done" in fault.detail
    assert await rebuild_rows(house.journal) == (fault,)
    assert await check_rows(house.journal) == ()


async def test_an_approval_that_was_lost_changed_or_never_closed_is_named_and_mended(house: House) -> None:
    open_one = next(one for one in await house.journal.open_approvals(tenant="local") if one.run_id == "waiting")
    closed = msgspec.structs.replace(open_one, approval_id="sold-a2", run_id="sold")
    await spoil(house, "sold", Index(approvals={"sold-a2": closed}))
    await spoil(house, "waiting", Index(approvals={"waiting-a1": msgspec.structs.replace(open_one, risk="low")}))
    await spoil(house, "again", Index(approvals={"again-a2": None}))
    faults = await check_rows(house.journal)
    assert {(fault.kind, fault.approval_id) for fault in faults} == {
        ("approval_stale", "sold-a2"),
        ("approval_differs", "waiting-a1"),
        ("approval_missing", "again-a2"),
    }
    assert set(await rebuild_rows(house.journal)) == set(faults)
    assert await check_rows(house.journal) == ()


async def test_a_run_without_a_row_gets_one(house: House) -> None:
    events = await house.events("waiting")
    await house.journal.append("rowless", 0, events)
    assert [(fault.kind, fault.approval_id) for fault in await check_rows(house.journal)] == [
        ("run_missing", ""),
        ("approval_missing", "waiting-a1"),
    ]
    await rebuild_rows(house.journal)
    assert (await row(house, "rowless")).status is Status.PARKED


async def test_a_card_of_a_run_that_is_not_there_is_stale(house: House) -> None:
    (card, *_) = await house.journal.open_approvals(tenant="local")
    ghost = msgspec.structs.replace(card, approval_id="ghost-a1", run_id="ghost")
    await spoil(house, "sold", Index(approvals={"ghost-a1": ghost}))
    (fault,) = await check_rows(house.journal)
    assert fault == RowFault(kind="approval_stale", run_id="ghost", approval_id="ghost-a1")
    await rebuild_rows(house.journal)
    assert await check_rows(house.journal) == ()


async def test_a_stream_that_cannot_be_folded_is_named_and_left_alone(house: House) -> None:
    events = await house.events("sold")
    done = next(event for event in events if isinstance(event, ToolCallComplete))
    await house.journal.append("torn", 0, [events[0], done])
    (fault,) = await check_rows(house.journal)
    assert (fault.kind, fault.run_id) == ("unreadable", "torn")
    assert await rebuild_rows(house.journal) == ()


async def test_a_first_event_from_a_newer_version_is_named() -> None:
    house = House()
    await sold(house)
    await house.journal.append("odd", 0, [Annotation(at=house.clock.now(), text="hello")])
    book = house.journal._streams["odd"]
    body = b'{"type":"from_the_future"}'
    book[0] = msgspec.structs.replace(book[0], body=body, hash=link(prefix_of("odd"), 0, GENESIS, [body]))
    house.journal._book[-1] = book[0]
    (fault,) = await check_rows(house.journal)
    assert (fault.kind, fault.run_id) == ("unreadable", "odd")


async def test_a_run_that_moves_while_it_is_looked_at_is_no_fault() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "send")))
    await sold(house, "r2")

    class Moving:
        """A journal in which a decision falls between the table and the stream."""

        def __init__(self, journal: MemoryJournal) -> None:
            self.__dict__["journal"] = journal
            self.__dict__["moves"] = 1

        def __getattr__(self, name: str) -> Any:
            return getattr(self.journal, name)

        async def open_approvals(self, **asked: Any) -> Any:
            found = await self.journal.open_approvals(**asked)
            if self.moves:
                self.__dict__["moves"] -= 1
                await house.decide("r1", Verdict.DENY)
            return found

    assert await check_rows(Moving(house.journal)) == ()  # type: ignore[arg-type]
    assert house.states["r1"].end is not None


async def test_a_run_that_moves_while_it_is_mended_is_left_to_who_moved_it(house: House) -> None:
    await spoil(house, "waiting", Index(approvals={"waiting-a1": None}))

    class Late:
        def __init__(self, journal: Any) -> None:
            self.__dict__["journal"] = journal

        def __getattr__(self, name: str) -> Any:
            return getattr(self.journal, name)

        async def append(self, stream: str, expected: int, *rest: Any, **more: Any) -> Any:
            return await self.journal.append(stream, expected - 1, *rest, **more)

    assert await rebuild_rows(Late(house.journal)) == ()  # type: ignore[arg-type]


async def test_the_row_says_when_the_run_last_moved_not_when_it_was_last_spoken_of(house: House) -> None:
    events = await house.events("waiting")
    assert isinstance(events[-1], Annotation)
    assert fresh_rows("waiting", events).row.updated_at < events[-1].at
    assert fresh_rows("waiting", events).version == len(events)
