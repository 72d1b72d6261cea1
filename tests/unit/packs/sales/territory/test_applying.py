"""Writing a plan: the moves that were agreed to and no others, while each row still stands, once, with a way back."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuga.adapters.capability import Account, Edit, Opportunity, TeamMember
from cuga.adapters.offline import CrmStore
from cuga.errors import NotDone
from cuga.packs.sales.territory.applying import apply_territory_change, look
from cuga.packs.sales.territory.plan import plan_of
from cuga.packs.sales.territory.simulating import simulate_territory_change
from cuga.tools.declare import ToolContext

TEAM = [TeamMember(id=name, name=name, region="East") for name in ("Ann", "Bob", "Cy")]


def deal(number, where, stage="Engaging", owner="Ann"):
    return Opportunity(id=f"D{number}", account_id=where, status="open", stage=stage, owner=owner)


DEALS = (deal(1, "A0", "Negotiation"), deal(2, "A1"))


def house(owners=("Ann",) * 4, deals=DEALS):
    store = CrmStore.open(":memory:")
    accounts = [Account(id=f"A{n}", name=f"Firm {n}", owner=owner) for n, owner in enumerate(owners)]
    store.store({"accounts": accounts, "opportunities": deals, "teams": TEAM})
    return store


def context(store, key="key-1"):
    return ToolContext.for_tests(capabilities={"crm": store}, key=key, as_of=datetime(2026, 1, 5, tzinfo=UTC))


def planned(store, *names, target="Bob"):
    return asyncio.run(simulate_territory_change(context(store), names, "", target)).plan


def owners(store):
    return {record.id: record.owner for kind in ("accounts", "opportunities") for record in store.each(kind)}


def test_the_plan_names_every_account_and_every_deal_in_flight_and_is_written_as_it_is():
    store = house()
    plan = planned(store, "Firm 0", "Firm 1")
    assert [(m.account, m.source, m.target, [d.opportunity for d in m.deals]) for m in plan.moves] == [
        ("Firm 0", "Ann", "Bob", ["D1"]), ("Firm 1", "Ann", "Bob", ["D2"]),
    ]  # fmt: skip
    made = apply_territory_change(context(store), plan)
    assert (made.written, made.left_alone, made.deals_that_stay) == (2, 0, ("D1", "D2"))
    assert owners(store) == {"A0": "Bob", "A1": "Bob", "A2": "Ann", "A3": "Ann", "D1": "Ann", "D2": "Ann"}


def test_deals_go_along_when_it_is_said_but_never_one_near_its_end():
    store = house()
    made = apply_territory_change(context(store), planned(store, "Firm 0", "Firm 1"), with_deals=True)
    assert owners(store)["D2"] == "Bob" and owners(store)["D1"] == "Ann" and made.deals_that_stay == ("D1",)


def changed(plan, **fields):
    first = msgspec.structs.replace(plan.moves[0], **fields)
    return msgspec.structs.replace(plan, moves=(first, *plan.moves[1:]))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (lambda plan: changed(plan, target="Cy"), "somebody has changed them"),
        (lambda plan: msgspec.structs.replace(plan, moves=plan.moves[:1]), "somebody has changed them"),
        (lambda plan: plan_of(()), "moves nothing"),
        (lambda plan: plan_of((*plan.moves, plan.moves[0])), "moved twice"),
        (lambda plan: plan_of(changed(plan, target="Eve").moves), "Eve is not in the team"),
    ],
)
def test_a_plan_that_is_not_the_one_that_was_agreed_to_writes_nothing(how, why):
    store = house()
    before = store.crm_version()
    with pytest.raises(NotDone, match=why):
        apply_territory_change(context(store), how(planned(store, "Firm 0", "Firm 1")))
    assert store.crm_version() == before


def test_a_row_that_has_changed_since_is_left_alone_and_the_others_are_written():
    store = house()
    plan = planned(store, "Firm 0", "Firm 1")
    store.edit(Edit(key="other", kind="accounts", record="A0", was={"owner": "Ann"}, becomes={"owner": "Cy"}))
    made = apply_territory_change(context(store), plan)
    assert [(row.record, row.state) for row in made.rows] == [("A0", "left alone"), ("A1", "written")]
    assert "'Cy' now" in made.rows[0].why and owners(store)["A0"] == "Cy"
    assert [move.account_id for move in made.undo_plan.moves] == ["A1"]
    with pytest.raises(NotDone, match="no row of the plan"):
        apply_territory_change(context(store, "key-2"), plan)


def test_the_same_call_again_gives_its_receipt_and_writes_nothing_more():
    store = house()
    plan = planned(store, "Firm 0", "Firm 1")
    assert look(context(store), {"plan": msgspec.to_builtins(plan)}) is None
    first = apply_territory_change(context(store), plan)
    store.edit(Edit(key="later", kind="accounts", record="A0", was={"owner": "Bob"}, becomes={"owner": "Cy"}))
    assert apply_territory_change(context(store), plan) == first == look(context(store), {"plan": plan})
    assert owners(store)["A0"] == "Cy"


@settings(max_examples=40, deadline=None)
@given(
    held=st.lists(st.sampled_from(["Ann", "Bob", "Cy", ""]), min_size=1, max_size=8),
    stages=st.lists(st.sampled_from(["Engaging", "Negotiation"]), max_size=8),
    with_deals=st.booleans(),
)
def test_the_way_back_leads_to_where_it_began(held, stages, with_deals):
    deals = [deal(n, f"A{n % len(held)}", stage, owner=["Ann", "", "Cy"][n % 3]) for n, stage in enumerate(stages)]
    store = house(held, deals)
    before = owners(store)
    plan = planned(store, *(f"Firm {n}" for n in range(len(held))))
    if not plan.moves:
        return
    made = apply_territory_change(context(store), plan, with_deals)
    if with_deals or not deals:
        assert all(owner == "Bob" for key, owner in owners(store).items() if key in {m.account_id for m in plan.moves})
    apply_territory_change(context(store, "back"), made.undo_plan, with_deals)
    assert owners(store) == before


def test_a_deal_of_somebody_else_than_leaves_the_account_stays_with_them():
    store = house(deals=(deal(1, "A0"), deal(2, "A0", owner="Cy")))
    made = apply_territory_change(context(store), planned(store, "Firm 0"), with_deals=True)
    assert (owners(store)["D1"], owners(store)["D2"]) == ("Bob", "Cy") and made.deals_that_stay == ("D2",)
