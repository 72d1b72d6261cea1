"""A quote: the highest discount decides whose word is needed, and a list price that is not known is never made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.adapters.capability import Opportunity, Product
from cuga.adapters.offline import CrmStore
from cuga.errors import BadInput
from cuga.packs.sales.qualification.quote import Limit, QuoteLine, review_quote
from cuga.packs.sales.sample import HERO_DEAL
from cuga.tools.declare import ToolContext

LIST = 1_000_000_000


def at(won=12):
    store = CrmStore.open(":memory:")
    deals = [
        Opportunity(id=f"W{n}", status="won", stage="Won", product_id="P", amount=LIST * (85 + n) // 100)
        for n in range(won)
    ]
    store.store({"products": [Product(id="P", name="Pump", price=LIST, currency="USD"), Product(id="Q", name="Quill")],
                 "opportunities": deals})  # fmt: skip
    return ToolContext.for_tests(capabilities={"crm": store})


@pytest.mark.parametrize(
    ("discount", "verdict", "needs"),
    [("0", "within policy", ()), ("10%", "within policy", ()), ("10.5 %", "needs approval", ("sales manager",)),
     ("20 percent", "needs approval", ("sales manager",)), ("35", "needs approval", ("head of sales",))],
)  # fmt: skip
def test_the_discount_decides_whose_word_is_needed(discount, verdict, needs):
    result = review_quote(at(), discount, product="Pump")
    assert (result.verdict, result.needs) == (verdict, needs) and "No discount policy" in result.assumptions[0]


def test_own_limits_take_the_place_of_the_usual_and_may_end():
    result = review_quote(at(), "30", product="Pump", policy=(Limit(up_to=5), Limit(up_to=25, role="Ruth")))
    assert result.needs == ("nobody may agree: it is beyond the policy",) and result.assumptions == ()
    with pytest.raises(BadInput, match="must rise"):
        review_quote(at(), "1", product="Pump", policy=(Limit(up_to=5), Limit(up_to=5)))


def test_lines_are_added_up_and_the_highest_discount_counts():
    lines = (QuoteLine(product="Pump", quantity=2, price="950 USD"), QuoteLine(product="pump", discount="25%"))
    result = review_quote(at(), lines=lines)
    assert (result.total, result.list_total, result.discount) == ("2,650 USD", "3,000 USD", "11.7")
    assert [line.discount for line in result.lines] == ["5.0", "25.0"] and result.needs == ("head of sales",)


def test_without_a_list_price_there_is_no_verdict():
    result = review_quote(at(), lines=(QuoteLine(product="Pump"), QuoteLine(product="Quill", price="10")))
    assert (result.verdict, result.total, result.unknowns) == ("cannot tell", "", ("no list price of Quill is known",))


def test_like_deals_are_won_ones_of_the_product_and_too_few_give_no_number():
    like = review_quote(at(), "12", product="Pump").lines[0]
    assert (like.like_deals.won, like.like_deals.lower_quarter, like.like_deals.median) == (12, 87, 90)
    assert "within the usual" in like.against_like_deals
    few = review_quote(at(9), "12", product="Pump").lines[0]
    assert few.like_deals.median is None and "9 won deals are too few" in few.against_like_deals


def test_a_deal_stands_for_its_product(context):
    result = review_quote(context, "15%", HERO_DEAL)
    assert (result.lines[0].product, result.total, result.verdict) == (
        "Linden Scheduler",
        "4,080 USD",
        "needs approval",
    )
    assert result.lines[0].evidence[0].source == "products.csv:2"


@pytest.mark.parametrize(
    "how",
    [
        {"discount": "much"},
        {"discount": "120%"},
        {"discount": "-5"},
        {"lines": (QuoteLine(product="Pump", quantity=0),)},
        {"lines": (QuoteLine(product="Pump", price="cheap"),)},
        {"lines": (QuoteLine(product="Boat"),)},
    ],
)
def test_what_is_no_quote_is_refused(how):
    with pytest.raises(BadInput):
        review_quote(at(), **({"product": "Pump"} | how))
    with pytest.raises(BadInput, match="nothing is quoted"):
        review_quote(at(), "5")


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_higher_discount_never_needs_less(one, other):
    ranks = {(): 0, ("sales manager",): 1, ("head of sales",): 2}
    less, more = (review_quote(CONTEXT, f"{d}%", product="Pump").needs for d in sorted((one, other)))
    assert ranks[less] <= ranks[more]


CONTEXT = at()
