"""The page of tools for deals: its tables say what the contracts and the rules do."""

from tests.docs.pages import codes, page, rows, sections

from cuga.model.value import units
from cuga.packs.sales.pack import TOOLS
from cuga.packs.sales.qualification.risk_rules import RULES
from cuga.tools.declare import contract_of

PAGE = page("reference/deals.md")


def test_every_tool_for_deals_is_described_with_its_class_and_its_cost():
    said = {codes(name)[0]: (codes(kind)[0], float(cost)) for name, kind, cost, _ in rows(PAGE)}
    contracts = [contract_of(tool) for tool in TOOLS]
    mine = [c for c in contracts if c.domain == "qualification" or c.name == "log_activity"]
    assert said == {c.name: (c.side_effect.value, units(c.cost)) for c in mine}


def test_the_risks_and_their_points_are_those_of_the_rules():
    told = rows(sections(PAGE, 2)["Risk, and a chance only where it held"])
    assert [(name, int(points)) for name, points, _ in told] == [(name, most) for name, most, _ in RULES]
