"""Many durations in little room."""

from __future__ import annotations

import math
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.projections.durations import EXACT, Durations, bin_of, durations, middle_of

micros = st.integers(0, 10**12)
percents = st.sampled_from([1, 50, 95, 99, 100])


def naive(values: list[int], percent: int) -> int:
    return sorted(values)[max(math.ceil(percent / 100 * len(values)), 1) - 1]


@given(st.lists(micros, min_size=1, max_size=200), percents)
def test_percentiles_of_few_are_exact(values: list[int], percent: int) -> None:
    heap = durations(values)
    assert heap.is_exact
    assert heap.percentile(percent) == naive(values, percent)
    assert (heap.count, heap.total, heap.least, heap.most) == (len(values), sum(values), min(values), max(values))
    assert heap.mean == round(sum(values) / len(values))


@given(st.integers(), percents, st.integers(1, 10**9))
def test_percentiles_of_many_are_off_by_less_than_one_in_a_hundred_and_twenty_eight(
    seed: int, percent: int, scale: int
) -> None:
    random = Random(seed)
    values = [int(random.expovariate(1 / scale)) for _ in range(EXACT + 50)]
    heap = durations(values)
    assert not heap.is_exact and not heap.samples
    wanted = naive(values, percent)
    assert abs(heap.percentile(percent) - wanted) <= wanted / 128
    assert (heap.count, heap.total, heap.least, heap.most) == (len(values), sum(values), min(values), max(values))


@given(micros)
def test_a_bin_stands_for_its_values(value: int) -> None:
    assert abs(middle_of(bin_of(value)) - value) <= value / 128
    assert bin_of(value) <= bin_of(value + 1) <= bin_of(value) + 1


@given(st.lists(st.lists(micros, max_size=40), max_size=6))
def test_heaps_add_up(parts: list[list[int]]) -> None:
    total = Durations()
    for part in parts:
        total.merge(durations(part))
    whole = durations(value for part in parts for value in part)
    assert (total.count, total.total, total.least, total.most) == (whole.count, whole.total, whole.least, whole.most)
    assert [total.percentile(p) for p in (50, 95, 99)] == [whole.percentile(p) for p in (50, 95, 99)]


@pytest.mark.parametrize(("first", "second"), [(EXACT + 1, 3), (3, EXACT + 1), (EXACT, EXACT), (EXACT + 1, EXACT + 1)])
def test_merged_heaps_beyond_the_exact_ones_are_what_adding_would_have_given(first: int, second: int) -> None:
    left, right = list(range(first)), list(range(5_000, 5_000 + second))
    merged = durations(left)
    other = durations(right)
    before = msgspec.json.encode(other)
    merged.merge(other)
    whole = durations(left + right)
    assert msgspec.structs.asdict(merged) == msgspec.structs.asdict(whole)
    assert msgspec.json.encode(other) == before


def test_nothing_has_no_percentile() -> None:
    heap = Durations()
    assert (heap.percentile(99), heap.mean, heap.count) == (0, 0, 0)


def test_a_clock_that_was_set_back_counts_as_nothing() -> None:
    assert durations([-5, 10]).least == 0


def test_a_heap_survives_being_stored() -> None:
    for heap in (durations(range(10)), durations(range(EXACT + 1))):
        assert msgspec.json.decode(msgspec.json.encode(heap), type=Durations) == heap
