"""Folds over the whole journal, kept up by reading on; the same in memory and in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.postgres import database, fresh_schema
from tests.unit.projections.histories import House, plan, sold, step, varied

from cuga.errors import EventUnreadable
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Stored
from cuga.journal.postgres import Address
from cuga.journal.sqlite import SqliteJournal
from cuga.model.event import Event, RunFinished, RunStarted
from cuga.projections.projection import (
    KEPT_ROWS,
    Mark,
    Rows,
    Store,
    View,
    ViewsLost,
    ViewsUnstable,
    catch_up,
)
from cuga.projections.views import MemoryViews, ViewsFile
from cuga.projections.views_postgres import PostgresViews


class Line(msgspec.Struct):
    events: int = 0


class Counting:
    """Counts the events of each run that has not ended."""

    name = "counting"
    row = Line

    def __init__(self, version: int = 1) -> None:
        self.version = version
        self.applied = 0

    def apply(self, rows: Rows[Line], stream: str, event: Event) -> None:
        self.applied += 1
        line = Line() if isinstance(event, RunStarted) else rows.get(stream) or Line()
        rows.put(stream, None if isinstance(event, RunFinished) else Line(line.events + 1))


def in_postgres() -> PostgresViews:
    return PostgresViews(Address.of(database()).connect_now, f"views_{fresh_schema()}")


@pytest.fixture(params=["memory", "file", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: dict[str, Callable[[], Any]] = {
        "memory": MemoryViews, "file": lambda: ViewsFile(tmp_path / "views.db"), "postgres": in_postgres
    }  # fmt: skip
    opened = made[request.param]()
    yield opened
    opened.close()


@pytest.fixture
async def house() -> House:
    house = House()
    await varied(house)
    return house


def rows_of(view: View[Line]) -> dict[str, int]:
    return {key: row.events for key, row in view.every()}


async def fresh(journal: MemoryJournal) -> dict[str, int]:
    view: View[Line] = View(Counting(), MemoryViews())
    await catch_up(journal, [view])
    return rows_of(view)


async def test_a_view_holds_what_the_facts_say(house: House, store: Store) -> None:
    view: View[Line] = View(Counting(), store)
    count = await catch_up(house.journal, [view])
    going = {run_id: state.version for run_id, state in house.states.items() if state.end is None}
    assert rows_of(view) == going
    assert view.position == count == sum(state.version for state in house.states.values())


async def test_reading_on_reads_only_what_is_new(house: House, store: Store) -> None:
    counting = Counting()
    view: View[Line] = View(counting, store)
    before = await catch_up(house.journal, [view])
    assert await catch_up(house.journal, [view]) == 0
    await house.start("late", plan(step("s1", "look")))
    assert await catch_up(house.journal, [view]) == house.states["late"].version
    assert counting.applied == before + house.states["late"].version
    assert view.get("late") == Line(house.states["late"].version)
    assert view.get("nobody") is None


async def test_a_view_that_is_opened_again_goes_on_where_it_stood(house: House, store: Store) -> None:
    await catch_up(house.journal, [View(Counting(), store)])
    again = Counting()
    view: View[Line] = View(again, store)
    assert view.position > 0
    assert await catch_up(house.journal, [view]) == 0 and again.applied == 0
    assert rows_of(view) == await fresh(house.journal)


async def test_rebuilt_is_live_after_every_prefix(house: House, store: Store) -> None:
    growing = Growing(house.journal)
    live: View[Line] = View(Counting(), store)
    while growing.grow(3):
        await catch_up(growing, [live])
        assert rows_of(live) == await fresh(growing)


async def test_a_dropped_view_is_folded_again(house: House, store: Store) -> None:
    view: View[Line] = View(Counting(), store)
    await catch_up(house.journal, [view])
    before = rows_of(view)
    view.rebuild()
    assert rows_of(view) == {} and view.position == 0
    await catch_up(house.journal, [view])
    assert rows_of(view) == before


async def test_another_version_of_a_fold_begins_anew_and_leaves_others_alone(house: House, store: Store) -> None:
    other = Counting()
    other.name = "other"
    kept: View[Line] = View(other, store)
    await catch_up(house.journal, [View(Counting(), store), kept])
    newer = Counting(version=2)
    view: View[Line] = View(newer, store)
    assert view.position == 0
    count = await catch_up(house.journal, [view, kept])
    assert newer.applied == count == kept.position == view.position
    assert rows_of(view) == rows_of(kept) == await fresh(house.journal)


async def test_a_view_of_another_journal_begins_anew(house: House, store: Store) -> None:
    await catch_up(house.journal, [View(Counting(), store)])
    for elsewhere in (House(), House()):
        await elsewhere.start("x", plan(step("s1", "look")))
        view: View[Line] = View(Counting(), store)
        await catch_up(elsewhere.journal, [view])
        assert rows_of(view) == {"x": elsewhere.states["x"].version}


async def test_a_journal_put_back_from_a_backup_is_noticed(house: House, store: Store) -> None:
    await catch_up(house.journal, [View(Counting(), store)])
    older = Growing(house.journal)
    older.grow(9)
    view: View[Line] = View(Counting(), store)
    await catch_up(older, [view])
    assert view.position == 9 and rows_of(view) == await fresh(older)


async def test_two_processes_on_one_store_do_not_count_twice(house: House, store: Store) -> None:
    growing = Growing(house.journal)
    first: View[Line] = View(Counting(), store)
    second: View[Line] = View(Counting(), store)
    growing.grow(10)
    await catch_up(growing, [first])
    await catch_up(growing, [second])
    for view in (second, first, first, second):
        growing.grow(7)
        await catch_up(growing, [view])
        assert rows_of(view) == await fresh(growing)


async def test_saving_in_small_batches_gives_the_same(house: House, store: Store) -> None:
    view: View[Line] = View(Counting(), store)
    await catch_up(house.journal, [view], batch=4)
    assert rows_of(view) == await fresh(house.journal)


async def test_somebody_faster_in_the_middle_of_reading_on_is_no_harm(house: House, store: Store) -> None:
    mine, theirs = View(Counting(), store), View(Counting(), store)
    journal = Interrupted(house.journal, lambda: catch_up(house.journal, [theirs]))
    await catch_up(journal, [mine], batch=5)
    assert rows_of(mine) == await fresh(house.journal)


def test_a_save_on_another_mark_than_the_stored_one_changes_nothing(store: Store) -> None:
    begun = store.begin("counting", 1)
    ten, twenty = Mark(position=10, hash=b"ten"), Mark(position=20, hash=b"twenty")
    assert store.save("counting", begun, twenty, {"a": b"2", "b": b"2"})
    for stale in (begun, ten, Mark(position=20, hash=b"other")):
        assert not store.save("counting", stale, ten, {"a": b"1", "b": None, "c": b"1"})
    assert list(store.every("counting", "")) == [("a", b"2"), ("b", b"2")]
    assert store.begin("counting", 1) == twenty
    assert store.save("counting", twenty, Mark(position=21, hash=b"x"), {"b": None})
    assert list(store.every("counting", "")) == [("a", b"2")]


def test_rows_are_found_by_the_beginning_of_their_keys(store: Store) -> None:
    begun = store.begin("counting", 1)
    store.save("counting", begun, begun, {key: key.encode() for key in ("b/2", "a", "b/1", "c", "b")})
    store.begin("other", 1)
    assert [key for key, _ in store.every("counting", "b/")] == ["b/1", "b/2"]
    assert [key for key, _ in store.every("counting", "")] == ["a", "b", "b/1", "b/2", "c"]
    assert list(store.every("other", "")) == []
    assert store.read("counting", "b") == b"b" and store.read("other", "b") is None


async def test_only_rows_that_changed_are_saved(house: House) -> None:
    saved: list[list[str]] = []

    class Watched(MemoryViews):
        def save(self, name: str, before: Mark, after: Mark, rows: Any) -> bool:
            saved.append(sorted(rows))
            return super().save(name, before, after, rows)

    view: View[Line] = View(Counting(), Watched())
    await catch_up(house.journal, [view])
    await house.start("late", plan(step("s1", "look")))
    await catch_up(house.journal, [view])
    assert saved == [sorted(run_id for run_id in house.states if run_id != "late"), ["late"]]


async def test_a_fact_that_this_version_cannot_read_stops_the_fold_before_it(house: House, store: Store) -> None:
    stored = [one async for one in house.journal.feed()]
    unreadable = Stored(position=len(stored) + 1, stream="r9", seq=1, body=b'{"type":"from_the_future"}', hash=b"h")
    view: View[Line] = View(Counting(), store)
    with pytest.raises(EventUnreadable):
        await catch_up(Growing(house.journal, extra=[unreadable]), [view])
    assert view.position == len(stored)
    assert rows_of(view) == await fresh(house.journal)


async def test_half_a_fact_is_never_kept(house: House, store: Store) -> None:
    class Stumbling(Counting):
        def apply(self, rows: Rows[Line], stream: str, event: Event) -> None:
            super().apply(rows, stream, event)
            if self.applied == 12:
                raise ZeroDivisionError

    view: View[Line] = View(Stumbling(), store)
    with pytest.raises(ZeroDivisionError):
        await catch_up(house.journal, [view], batch=5)
    assert view.position == 10
    await catch_up(house.journal, [view])
    assert rows_of(view) == await fresh(house.journal)


async def test_a_row_that_cannot_be_read_makes_the_view_begin_anew(house: House, store: Store) -> None:
    view: View[Line] = View(Counting(), store)
    await catch_up(house.journal, [view])
    mark = store.begin("counting", 1)
    store.save("counting", mark, mark, {"waiting": b'{"events":"many"}'})
    with pytest.raises(ViewsLost):
        view.get("waiting")
    await catch_up(house.journal, [view])
    assert rows_of(view) == await fresh(house.journal)


async def test_a_row_that_breaks_while_reading_on_is_mended_without_a_word(store: Store) -> None:
    house = House()
    await sold(house)
    growing = Growing(house.journal)
    growing.grow(6)
    view: View[Line] = View(Counting(), store)
    await catch_up(growing, [view])
    mark = store.begin("counting", 1)
    store.save("counting", mark, mark, {"r1": b"[]"})
    growing.grow(2)
    reopened: View[Line] = View(Counting(), store)
    await catch_up(growing, [reopened])
    assert rows_of(reopened) == {"r1": 8}


async def test_rows_beyond_memory_are_let_go_and_read_again() -> None:
    rows: Rows[Line] = Rows(lambda key: Line(7) if key == "stored" else None)
    for number in range(KEPT_ROWS + 1):
        rows.put(str(number), Line(number))
    rows.settle()
    assert rows.changes() == {}
    assert rows.get("1") is None and rows.get("stored") == Line(7)


async def test_a_store_that_never_comes_to_rest_is_named(house: House) -> None:
    class Restless(MemoryViews):
        def save(self, name: str, before: Mark, after: Mark, rows: Any) -> bool:
            return False

    with pytest.raises(ViewsUnstable):
        await catch_up(house.journal, [View(Counting(), Restless())])


async def test_nothing_to_keep_up_reads_nothing(house: House) -> None:
    assert await catch_up(MemoryJournal(), []) == 0


async def test_the_file_journal_feeds_views_too(tmp_path: Path) -> None:
    house = House(SqliteJournal(tmp_path / "journal.db", prefill=False))
    try:
        await varied(house)
        view: View[Line] = View(Counting(), ViewsFile(tmp_path / "views.db"))
        await catch_up(house.journal, [view])
        assert rows_of(view) == {run: state.version for run, state in house.states.items() if state.end is None}
    finally:
        await house.journal.close()


class Growing:
    """A journal that shows only its first events, and more of them when told."""

    def __init__(self, journal: MemoryJournal, extra: list[Stored] | None = None) -> None:
        self._journal = journal
        self._extra = extra
        self.shown = 0

    def grow(self, many: int) -> bool:
        before = self.shown
        self.shown = min(self.shown + many, len(self._journal._book))
        return self.shown > before

    async def feed(self, after: int = 0, *, follow: bool = False) -> Any:
        book = self._journal._book
        for one in [*book, *self._extra] if self._extra is not None else book[: self.shown]:
            if one.position > after:
                yield one


class Interrupted:
    """A journal in whose feed somebody else gets a turn once."""

    def __init__(self, journal: MemoryJournal, turn: Callable[[], Any]) -> None:
        self._journal = journal
        self._turn: Callable[[], Any] | None = turn

    async def feed(self, after: int = 0, *, follow: bool = False) -> Any:
        async for one in self._journal.feed(after):
            if one.position == 8 and self._turn is not None:
                turn, self._turn = self._turn, None
                await turn()
            yield one
