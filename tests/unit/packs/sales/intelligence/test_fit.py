"""Fit: points with reasons; unknown is not bad; the same input gives the same points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.adapters.capability import Account
from cuga.errors import BadInput
from cuga.packs.sales.intelligence.fit import in_range, score, score_account_fit
from cuga.packs.sales.intelligence.icp import IdealCustomerProfile
from cuga.packs.sales.sample import HERO
from cuga.tools.declare import ToolContext

PROFILE = IdealCustomerProfile(
    industries=("software",),
    countries=("Germany",),
    min_employees=100,
    max_employees=1000,
    min_revenue=10_000_000,
    max_revenue=500_000_000,
)
FITTING = Account(
    id="a", name="A", industry="SaaS", country="Germany", employees=500, revenue=50_000_000 * 1_000_000, currency="EUR"
)
sizes = st.integers(0, 10**7)


def points(result):
    return {factor.factor: factor.points for factor in result.factors}


def test_a_fitting_account_gets_all_points_with_evidence():
    result = score(FITTING, PROFILE)
    assert (result.score, result.tier, result.coverage, result.unknowns) == (100, "A", 100, ())
    assert {e.field for e in result.evidence} == {"revenue", "industry", "employees", "country"}


def test_unknown_gets_no_points_and_lowers_the_coverage_only():
    result = score(Account(id="b", name="B", industry="software"), PROFILE)
    assert (result.score, result.coverage, result.tier) == (35, 35, "not enough known")
    assert set(result.unknowns) == {"revenue", "employees", "country"}
    assert all(f.state == "unknown" and f.points == 0 for f in result.factors if f.factor in result.unknowns)


def test_a_range_fades_and_has_no_cliff():
    assert in_range(100, 100, 1000) == in_range(1000, 100, 1000) == 1.0
    assert 0.9 < in_range(95, 100, 1000) < 1.0 and in_range(50, 100, 1000) == 0.0 and in_range(2000, 100, 1000) == 0.0
    assert in_range(0, 100, None) == 0.0 and in_range(5, None, 0) == 0.0


def test_an_industry_is_known_by_synonym_and_sector_and_never_by_substring():
    assert score(FITTING, PROFILE).factors[1].state == "met"
    assert score(Account(id="x", name="X", industry="telecom"), PROFILE).factors[1].state == "near"
    assert score(Account(id="x", name="X", industry="retail"), PROFILE).factors[1].state == "missed"
    assert score(Account(id="x", name="X", industry="softwares and such"), PROFILE).factors[1].state == "unknown"


def test_a_disqualifier_stands_apart_from_points():
    result = score(
        FITTING,
        IdealCustomerProfile(min_employees=1, excluded_industries=("software",), excluded_countries=("germany",)),
    )
    assert (result.score, result.tier, len(result.disqualifiers)) == (100, "disqualified", 2)


def test_the_older_names_of_a_profile_mean_the_same():
    older = IdealCustomerProfile(
        target_industries=("software",), regions=("Germany",), min_employee_count=100, max_employee_count=1000
    )
    newer = IdealCustomerProfile(
        industries=("software",), countries=("Germany",), min_employees=100, max_employees=1000
    )
    assert older.canonical() == newer.canonical() and score(FITTING, older.canonical()) == score(FITTING, newer)


@pytest.mark.parametrize(
    "wrong",
    [
        IdealCustomerProfile(industries=("a",), target_industries=("b",)),
        IdealCustomerProfile(min_employees=10, max_employees=5),
        IdealCustomerProfile(),
    ],
)
def test_a_profile_that_contradicts_itself_or_asks_nothing_is_refused(context, wrong):
    with pytest.raises(BadInput):
        score_account_fit(context, HERO, wrong)


def test_without_a_profile_one_is_read_off_the_customers_and_said_so(context):
    result = score_account_fit(context, HERO)
    assert result.account_id == HERO and "own 56 customers" in result.assumptions[0]
    assert result == score_account_fit(context, HERO)
    assert result.evidence[0].source == "accounts.csv:2"


def test_an_account_can_be_given_as_fields_in_older_names():
    given = {"name": "X", "sector": "software", "employee_count": 500, "annual_revenue": "50M", "region": "Germany"}
    assert score_account_fit(ToolContext.for_tests(), given, PROFILE).score == 100
    with pytest.raises(BadInput, match="no amount"):
        score_account_fit(ToolContext.for_tests(), {"revenue": "lots"}, PROFILE)


def test_a_name_that_is_close_is_noted_and_one_that_is_not_known_refused(context):
    assert any("was read as" in note for note in score_account_fit(context, "Tornwik Logistics").notes)
    with pytest.raises(BadInput, match="no account"):
        score_account_fit(context, "Wholly Unknown Industries")


def test_without_a_crm_it_scores_what_it_is_told_and_says_so():
    alone = score_account_fit(ToolContext.for_tests(), HERO)
    assert (alone.account, alone.score, alone.coverage, alone.tier) == (HERO, 0, 0, "not enough known")
    assert alone.notes == ("there is no CRM to look in: scored on what the goal says",)
    assert "no CRM to read one off" in alone.assumptions[0]
    assert score_account_fit(ToolContext.for_tests(), {"name": HERO, "employees": 900}).score == 100


@given(low=sizes, high=sizes, value=sizes, step=st.integers(1, 10**6))
def test_nearer_to_the_range_is_never_worth_less(low, high, value, step):
    least, most = min(low, high), max(low, high)
    if value < least:
        assert in_range(value, least, most) <= in_range(min(value + step, least), least, most)
    if value > most:
        assert in_range(value, least, most) <= in_range(max(value - step, most), least, most)


@given(
    industry=st.sampled_from(["", "software", "retail", "telecom", "odd"]),
    country=st.sampled_from(["", "Germany", "France"]),
    employees=st.none() | sizes,
    revenue=st.none() | sizes,
)
def test_points_stay_in_bounds_and_knowing_more_never_costs_points(industry, country, employees, revenue):
    account = Account(
        id="x", name="X", industry=industry, country=country, employees=employees,
        revenue=None if revenue is None else revenue * 10**9,
    )  # fmt: skip
    result = score(account, PROFILE)
    assert 0 <= result.score <= 100 and sum(f.of for f in result.factors) == 100
    assert result == score(account, PROFILE)
    for name in ("industry", "country"):
        assert (
            score(Account(**{f: getattr(account, f) for f in account.__struct_fields__} | {name: ""}), PROFILE).score
            <= result.score
        )


@given(
    weights=st.lists(
        st.sampled_from(["industries", "countries", "min_employees", "min_revenue"]), min_size=1, unique=True
    )
)
def test_whatever_is_asked_adds_up_to_a_hundred(weights):
    full = {"industries": ("software",), "countries": ("Germany",), "min_employees": 1, "min_revenue": 1}
    result = score(FITTING, IdealCustomerProfile(**{name: full[name] for name in weights}))
    assert result.score == 100 == sum(factor.of for factor in result.factors)
