"""Spans are handed over at least once, in the order of the journal; no crash and no dead collector loses one."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.projections.histories import House, sold, varied

from cuga.errors import Rejected, Unanswered, Unreachable
from cuga.observability import exporter as module
from cuga.observability.exporter import Exporter
from cuga.projections.telemetry import Span, spans_of
from cuga.projections.views import MemoryViews


class Taker:
    """A collector in memory. `answers` are raised one after the other, before it takes anything."""

    def __init__(self, *answers: Exception) -> None:
        self.taken: list[Span] = []
        self.calls = 0
        self.answers = list(answers)
        self.never: str = ""  # the name of a span that it will never take

    async def take(self, spans: list[Span]) -> tuple[int, str]:
        self.calls += 1
        if self.answers:
            raise self.answers.pop(0)
        if self.never and any(span.name == self.never for span in spans):
            raise Rejected("it answered 400", status=400)
        self.taken += spans
        return 0, ""


async def filled() -> House:
    house = House()
    await varied(house)
    return house


async def all_spans(house: House) -> list[Span]:
    found = []
    for run_id in house.states:
        found += spans_of(await house.journal.read(run_id))
    return found


def ids(spans: list[Span]) -> list[str]:
    return sorted(span.span_id for span in spans)


async def drained(exporter: Exporter) -> None:
    while await exporter.step():
        pass


async def test_everything_is_handed_over_once_when_nothing_goes_wrong():
    house, taker = await filled(), Taker()
    exporter = Exporter(house.journal, MemoryViews(), taker, house.clock)
    await drained(exporter)
    assert ids(taker.taken) == ids(await all_spans(house))
    await sold(house, "late")
    await drained(exporter)
    assert ids(taker.taken) == ids(await all_spans(house))
    now = exporter.now()
    assert now.lag_s == 0 and now.trouble == "" and now.spans == len(taker.taken)


@pytest.mark.parametrize("most", [1, 2, 3, 7, 50])
async def test_a_crash_after_any_handing_over_loses_nothing_and_repeats_the_same(most: int, monkeypatch):
    monkeypatch.setattr(module, "MOST_FACTS", most)
    house, taker, store = await filled(), Taker(), MemoryViews()
    for _ in range(400):  # each process lives for one handing over, and every third ends before it is noted
        exporter = Exporter(house.journal, store, taker, house.clock)
        if taker.calls % 3 == 2:
            store_save, store.save = store.save, lambda *_: False  # type: ignore[method-assign]
            monkeypatch.setattr(module, "ASIDE_S", 0)
            await exporter.step()
            store.save = store_save  # type: ignore[method-assign]
            taker.calls += 1
        elif not await exporter.step():
            break
    wanted = {span.span_id: span for span in await all_spans(house)}
    assert {span.span_id: span for span in taker.taken} == wanted


@pytest.mark.parametrize("error", [Unreachable("away"), Unanswered("late"), Rejected("no", status=401)])
async def test_a_collector_that_does_not_take_them_gets_them_later(error: Exception):
    house, taker = await filled(), Taker(error, error)
    exporter = Exporter(house.journal, MemoryViews(), taker, house.clock)
    for _ in range(2):
        with pytest.raises(type(error)):
            await exporter.step()
        exporter._failed(error)  # type: ignore[arg-type]
        house.tick(30)
    assert exporter.now().failures == 2 and exporter.now().lag_s >= 60 and exporter.now().trouble
    await drained(exporter)
    assert ids(taker.taken) == ids(await all_spans(house))
    assert exporter.now().lag_s == 0 and exporter.now().trouble == ""


async def test_what_it_will_never_take_is_found_counted_and_passed_by(monkeypatch):
    house, taker = await filled(), Taker()
    taker.never = "cuga.approval send"
    exporter = Exporter(house.journal, MemoryViews(), taker, house.clock)
    for _ in range(3_000):
        try:
            if not await exporter.step():
                break
        except Rejected as error:
            exporter._failed(error)
    wanted = await all_spans(house)
    stuck = [span for span in wanted if span.name == taker.never]
    assert stuck and exporter.now().refused >= len(stuck)
    assert {s.span_id for s in taker.taken} >= {
        s.span_id for s in wanted if s.name not in (taker.never, "invoke_workflow smb")
    }


async def test_a_dead_collector_is_tried_ever_more_seldom_and_holds_nobody_up(monkeypatch):
    waits: list[float] = []
    nap = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await nap(0)

    house, taker = await filled(), Taker(*[Unreachable("away")] * 12)
    exporter = Exporter(house.journal, MemoryViews(), taker, house.clock)
    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    work = asyncio.ensure_future(exporter.work())
    wanted = len(await all_spans(house))
    for _ in range(5_000):
        if len(taker.taken) >= wanted:
            break
        await nap(0.001)
    work.cancel()
    tried = [wait for wait in waits if wait >= module.FIRST_S]
    assert tried[:12] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]
    assert ids(taker.taken) == ids(await all_spans(house))


async def test_two_that_hand_over_the_same_house_leave_it_to_one(monkeypatch):
    monkeypatch.setattr(module, "ASIDE_S", 0)
    house, taker, store = await filled(), Taker(), MemoryViews()
    one, other = (Exporter(house.journal, store, taker, house.clock) for _ in range(2))
    await asyncio.gather(drained(one), drained(other))
    await drained(other)
    assert {span.span_id for span in taker.taken} == set(ids(await all_spans(house)))


async def test_another_journal_is_handed_over_from_its_beginning():
    house, taker, store = await filled(), Taker(), MemoryViews()
    await drained(Exporter(house.journal, store, taker, house.clock))
    restored, again = House(), Taker()
    await restored.keep_rules()
    await sold(restored, "r9")
    for _ in range(20):
        await sold(restored, f"more{_}")
    await drained(Exporter(restored.journal, store, again, restored.clock))
    assert ids(again.taken) == ids(await all_spans(restored))


async def test_runs_that_are_not_kept_in_mind_are_read_again(monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 1)
    monkeypatch.setattr(module, "MOST_FACTS", 3)
    house, taker = await filled(), Taker()
    await drained(Exporter(house.journal, MemoryViews(), taker, house.clock))
    assert ids(taker.taken) == ids(await all_spans(house))
