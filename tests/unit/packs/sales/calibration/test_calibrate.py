"""A card or an honest no: judged on later cases, leaks named, unknown never counted as no."""

import csv
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.adapters.capability import Account
from cuga.adapters.offline import CrmStore
from cuga.errors import BadInput
from cuga.packs.sales.calibration.card import CardFactor, PointsCard, holds
from cuga.packs.sales.calibration.columns import Columns, late, time_share
from cuga.packs.sales.calibration.learning import judge
from cuga.packs.sales.importing import import_directory
from cuga.packs.sales.intelligence.calibrating import NO_SIGNAL, SIGNAL, TOO_FEW, calibrate_icp
from cuga.packs.sales.intelligence.card_score import score_by_card
from cuga.packs.sales.intelligence.fit import score_account_fit
from cuga.packs.sales.sample import HERO
from cuga.tools.declare import ToolContext

ECONOMY = {"emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m", "nr.employed"}
CARD = PointsCard(
    factors=(
        CardFactor(field="industry", test="is", value="food", points=10),
        CardFactor(field="employees", test="at_least", value="1000", points=-5),
        CardFactor(field="founded", test="at_least", value="2000", points=3),
    ),
    constant=0.0,
    slope=0.1,
)


def made(size=600, signal=True):
    """Cases whose outcome hangs on one field, beside noise, a field written afterwards and one that is never known."""
    rows = []
    for n in range(size):
        good = n * 7919 % 10 < 5
        won = (n * 104729 % 100 < (75 if good else 25)) if signal else n * 104729 % 100 < 50
        rows.append(
            {"segment": "large" if good else "small", "noise": str(n * 31 % 7), "close_value": 100 if won else 0,
             "handed_to": f"i{n}" if won else "", "empty": "", "won": "yes" if won else "no"}
        )  # fmt: skip
    return tuple(rows)


def test_a_field_that_tells_becomes_a_card_and_what_was_written_afterwards_is_left_out(context):
    found = calibrate_icp(context, rows=made(), outcome="won")
    assert found.verdict == SIGNAL and found.card is not None
    heaviest = max(found.card.factors, key=lambda f: abs(f.points))
    assert (heaviest.field, abs(heaviest.points)) == ("segment", 10)
    assert {f.field for f in found.card.factors} <= {"segment", "noise"}
    left = {one.field: one.why for one in found.left_out}
    assert "close" in left["close_value"] and "afterwards" in left["handed_to"] and "known" in left["empty"]
    assert all(s.is_better and s.brier < s.brier_constant and s.table for s in found.splits)
    assert found == calibrate_icp(context, rows=made(), outcome="won")


def test_noise_gives_no_card(context):
    found = calibrate_icp(context, rows=made(signal=False), outcome="won")
    assert found.verdict == NO_SIGNAL and found.card is None and "No signal" in found.headline


def test_too_few_cases_are_said(context):
    assert calibrate_icp(context, rows=made(40), outcome="won").verdict == TOO_FEW


@pytest.mark.parametrize(
    "arguments",
    [{"rows": made(5), "outcome": "x"}, {"rows": ({"a": 1, "b": "perhaps"},), "outcome": "b"}, {"fields": ("shoe",)}],
)
def test_what_cannot_be_calibrated_is_refused(context, arguments):
    with pytest.raises(BadInput):
        calibrate_icp(context, **arguments)


@pytest.mark.parametrize("name", ["close_value", "duration", "DealStage", "lost reason", "days_to_close"])
def test_a_name_can_give_a_leak_away(name):
    assert late(name)


@pytest.mark.parametrize("name", ["poutcome", "previous_outcome", "industry", "campaign"])
def test_what_was_known_before_is_no_leak(name):
    assert not late(name)


def test_a_number_that_only_tells_the_time_is_left_out():
    rows = [{"index": n, "kind": "a" if n * 7919 % 4 else "b"} for n in range(400)]
    outcomes = [n * 104729 % 3 == 0 for n in range(400)]
    columns = Columns(rows, outcomes, ["index", "kind"])
    columns.keep_lasting(rows, outcomes)
    assert "index" not in {f.field for f in columns.factors}
    assert time_share([n < 200 for n in range(400)]) > 0.9 > 0.1 > time_share([bool(n % 2) for n in range(400)])


def test_nines_far_above_all_else_are_not_known():
    rows = [{"days": 999 if n % 5 else n % 20} for n in range(200)]
    columns = Columns(rows, [n % 2 == 0 for n in range(200)], ["days"])
    assert columns.sentinels == {"days": "999"} and columns.read({"days": 999})["days"] is None
    assert CardFactor(field="days", test="unknown", points=0) in columns.factors


def test_unknown_answers_no_question():
    assert holds(CARD.factors[0], "unknown") is holds(CARD.factors[1], None) is holds(CARD.factors[1], "many") is None
    assert holds(CardFactor(field="x", test="unknown", points=1), "") is True


def test_an_account_is_scored_by_a_card(context):
    found = score_account_fit(context, HERO, card=CARD)
    states = {f.factor: f.state for f in found.factors}
    assert states == {"industry is food": "met", "employees at least 1000": "met", "founded at least 2000": "unknown"}
    assert found.coverage == 83 and found.unknowns == ("founded at least 2000",) and found.evidence
    with pytest.raises(BadInput, match="1 to 10"):
        score_account_fit(context, HERO, card=PointsCard(factors=(), constant=0, slope=1))


@given(
    industry=st.sampled_from(["", "food", "retail"]),
    employees=st.none() | st.integers(0, 5000),
    founded=st.none() | st.integers(1900, 2020),
)
def test_knowing_more_never_costs_points_by_a_card(industry, employees, founded):
    account = Account(id="x", name="X", industry=industry, employees=employees, founded=founded)
    whole = score_by_card(account, CARD)
    assert 0 <= whole.score <= 100 and sum(f.of for f in whole.factors) == 100
    for less in (
        Account(id="x", name="X", employees=employees, founded=founded),
        Account(id="x", name="X", industry=industry, founded=founded),
        Account(id="x", name="X", industry=industry, employees=employees),
    ):
        assert score_by_card(less, CARD).score <= whole.score


def test_nothing_tells_the_outcome_on_the_maven_data(maven):
    crm = CrmStore.open(":memory:")
    import_directory(maven, crm)
    context = ToolContext.for_tests(capabilities={"crm": crm}, as_of=datetime(2017, 12, 31, tzinfo=UTC))
    for fields in ((), ("industry", "country", "employees", "revenue", "owner", "product")):
        found = calibrate_icp(context, fields=fields)
        assert (found.verdict, found.card, found.cases) == (NO_SIGNAL, None, 6711)
        assert all(split.auc_low < 0.5 < split.auc_high for split in found.splits)


@pytest.mark.parametrize(
    ("share", "with_economy", "logistic", "constant"),
    [(80, False, 0.702, 0.273), (80, True, 0.747, 0.273), (60, False, 0.614, 0.192)],
)
def test_a_card_ranks_like_logistic_regression_on_later_telephone_sales(share, with_economy, logistic, constant):
    place = Path(os.environ.get("CUGA_TEST_DATA") or "nowhere") / "uci_bank_marketing" / "bank-additional-full.csv"
    if not place.exists():
        pytest.skip("CUGA_TEST_DATA names no directory with uci_bank_marketing in it")
    with place.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    outcomes = [row.pop("y") == "yes" for row in rows]
    names = [name for name in rows[0] if with_economy or name not in ECONOMY]
    found = judge(rows, outcomes, names, len(rows) * share // 100)
    assert found.auc >= logistic - 0.02 and found.is_better
    assert found.brier < found.brier_constant == pytest.approx(constant, abs=0.001)
