"""Intervals, tests, small models and measures against what is known in closed form."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.packs.sales.statistics.intervals import adjusted, fisher, quantile, shrunk, strength_of, wilson
from cuga.packs.sales.statistics.logistic import Cases, chance, chosen, ridge, solved
from cuga.packs.sales.statistics.measures import auc, auc_interval, brier, lift, reliability

counts = st.integers(0, 200)
scored = st.lists(st.tuples(st.integers(-20, 20), st.booleans()), min_size=1, max_size=60)


def test_the_wilson_interval_is_that_of_the_textbook():
    low, high = wilson(10, 20)
    assert (round(low, 4), round(high, 4)) == (0.2993, 0.7007)
    assert wilson(0, 0) == (0.0, 1.0) and wilson(0, 10)[0] == 0.0 and wilson(10, 10)[1] == 1.0


@given(yes=counts, no=counts)
def test_an_interval_holds_its_share_and_narrows_with_more_cases(yes, no):
    of = yes + no
    if of:
        low, high = wilson(yes, of)
        assert low - 1e-12 <= yes / of <= high + 1e-12
        more = wilson(10 * yes, 10 * of)
        assert more[1] - more[0] <= high - low + 1e-12


def test_fishers_exact_test_on_the_tea_lady():
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert fisher(4, 4, 0, 4) == pytest.approx(2 / 70)
    assert fisher(1, 2, 0, 0) == 1.0


@given(a=counts, b=counts, c=counts, d=counts)
def test_a_test_does_not_care_which_group_comes_first(a, b, c, d):
    assert fisher(a, a + b, c, c + d) == pytest.approx(fisher(c, c + d, a, a + b), abs=1e-9)
    assert 0 <= fisher(a, a + b, c, c + d) <= 1


def test_the_correction_for_many_comparisons_is_benjamini_and_hochbergs():
    assert adjusted([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.5])
    assert adjusted([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_a_corrected_chance_is_never_smaller_and_keeps_the_order(chances):
    found = adjusted(chances)
    assert all(after >= before - 1e-12 for before, after in zip(chances, found, strict=True))
    ranked = [found[at] for at in sorted(range(len(chances)), key=lambda at: chances[at])]
    assert ranked == sorted(ranked)


def test_small_groups_are_drawn_to_the_mean_and_groups_that_differ_by_chance_alone_wholly():
    assert shrunk(1, 1, 0.5, 9) == pytest.approx(0.55)
    assert strength_of([(50, 100), (52, 100), (49, 100)]) == math.inf
    assert strength_of([(90, 100), (10, 100), (50, 100)]) < 10
    assert quantile([1, 2, 3, 4], 0.5) == 2.5


def test_a_single_factor_gets_its_log_odds_ratio():
    cases = Cases(bits=(0, 1), of=(100, 100), yes=(20, 60))
    constant, (weight,) = ridge(cases, 1, penalty=1e-9)
    assert constant == pytest.approx(math.log(20 / 80), abs=1e-6)
    assert weight == pytest.approx(math.log(60 / 40) - math.log(20 / 80), abs=1e-6)
    assert abs(ridge(cases, 1, penalty=50)[1][0]) < weight


@given(st.lists(st.tuples(st.integers(0, 7), st.booleans()), min_size=20, max_size=80))
def test_a_ridge_fit_lies_where_its_slope_is_level(rows):
    cases = Cases.of_rows(rows)
    constant, weights = ridge(cases, 3)
    for factor in range(3):
        slope = -weights[factor]
        for bits, of, yes in zip(cases.bits, cases.of, cases.yes, strict=True):
            if bits >> factor & 1:
                slope += yes - of * chance(constant + sum(w for at, w in enumerate(weights) if bits >> at & 1))
        assert slope == pytest.approx(0, abs=1e-4)


def test_a_linear_system_is_solved():
    assert solved([[4.0, 2.0], [2.0, 3.0]], [2.0, 5.0]) == pytest.approx([-0.5, 2.0])


def test_the_lasso_finds_the_factor_that_tells_among_those_that_do_not():
    rows = [(bits, (bits >> 2 & 1) == 1 if n % 10 else n % 20 == 0) for n in range(400) for bits in (n * 7 % 32,)]
    found = chosen(Cases.of_rows(rows), 5, 1)
    assert found == [2] and chosen(Cases.of_rows([(1, True)]), 1, 3) == []


def test_ranking_is_measured_with_ties_as_halves():
    assert auc([1, 2, 3, 4], [False, False, True, True]) == 1.0
    assert auc([1, 1, 1, 1], [False, True, False, True]) == 0.5
    assert auc([1, 2], [True, True]) == 0.5
    low, high = auc_interval(0.7, 100, 100)
    assert low < 0.7 < high and auc_interval(0.5, 0, 3) == (0.0, 1.0)


@given(scored)
def test_turning_the_scores_round_turns_the_ranking_round(pairs):
    scores, outcomes = [s for s, _ in pairs], [o for _, o in pairs]
    assert auc(scores, outcomes) + auc([-s for s in scores], outcomes) == pytest.approx(1.0)
    naive = [(a > b) + 0.5 * (a == b) for a, x in pairs if x for b, y in pairs if not y]
    if naive:
        assert auc(scores, outcomes) == pytest.approx(sum(naive) / len(naive))


def test_chances_and_the_top_are_measured():
    assert brier([1.0, 0.0], [True, False]) == 0.0 and brier([0.5, 0.5], [True, False]) == 0.25
    assert lift([9, 5, 4, 3, 2, 1, 0, 0, 0, 0], [True] + [False] * 9) == 10.0
    assert lift([1] * 10, [True] * 5 + [False] * 5) == 1.0 and lift([1], [False]) == 0.0


@given(scored)
def test_predicted_beside_actual_counts_every_case_once(pairs):
    bins = reliability([chance(s) for s, _ in pairs], [o for _, o in pairs])
    assert sum(b.of for b in bins) == len(pairs) and sum(b.yes for b in bins) == sum(o for _, o in pairs)
    assert [b.predicted for b in bins] == sorted(b.predicted for b in bins)
