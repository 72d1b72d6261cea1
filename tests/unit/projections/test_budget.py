"""How much of its budgets a run has used."""

from __future__ import annotations

from tests.unit.projections.histories import ADA, House, plan, step

from cuga.model.command import TopUp
from cuga.model.context import Principal
from cuga.model.plan import Budget
from cuga.projections.budget import Usage, utilisation, utilisation_of


async def test_a_run_is_measured_against_the_smallest_limit_with_what_people_raised() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "look"), step("s2", "draft")), budget=Budget(cost=4_000_000))
    boss = Principal(id="zoe", roles=("approver",))
    await house.do("r1", TopUp(at=house.clock.now(), by=boss, scope="cost", amount=2_000_000))
    found = utilisation_of(house.states["r1"], house.rules.profile.limits)
    assert found.cost == Usage(scope="cost", used=1_500_000, limit=6_000_000, raised=2_000_000)
    assert found.cost.as_dict() == {"used": 1.5, "limit": 6.0, "percentage": 25.0}
    assert found.total.as_dict() == {"used": 2, "limit": 10, "percentage": 20.0}
    assert found.as_dict()["by_domain"]["engagement"] == {"used": 1, "limit": 4, "percentage": 25.0}
    assert found.as_dict()["by_tool"]["look"] == {"used": 1, "limit": None, "percentage": 0.0}
    assert found.as_dict()["tokens"] == {"used": 0, "limit": 100_000, "percentage": 0.0}
    assert [usage.scope for usage in found.scopes[:3]] == ["calls", "cost", "tokens"]


async def test_a_run_that_has_only_begun_has_used_nothing() -> None:
    house = House()
    state = await house.start("r1", None, by=ADA)
    assert utilisation_of(state, house.rules.profile.limits).total.used == 0


def test_what_is_left_is_never_less_than_nothing() -> None:
    assert Usage(scope="tokens", used=12, limit=10).left == 0
    assert Usage(scope="tokens", used=2, limit=10).left == 8
    assert Usage(scope="tokens", used=2).left is None
    assert Usage(scope="calls", used=0, limit=0).percentage == 0.0
    assert utilisation({}, {}).cost.as_dict() == {"used": 0.0, "limit": None, "percentage": 0.0}
