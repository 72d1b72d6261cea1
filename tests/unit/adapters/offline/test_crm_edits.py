"""Single changes: what a person saw must still be there, a key counts once, and what was is kept."""

import threading
from datetime import date

import pytest

from cuga.adapters.capability import Edit, Opportunity, Past
from cuga.adapters.offline import CrmStore
from cuga.errors import NotDone

DEAL = Opportunity(id="D1", account_id="A", status="open", stage="Engaging", amount=4_000_000, closes=date(2026, 2, 1))


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    made = CrmStore.open(":memory:" if request.param == "memory" else tmp_path / "crm.db")
    made.store({"opportunities": [DEAL]})
    yield made
    made.close()


def move(**others):
    said = {"key": "k1", "kind": "opportunities", "record": "D1", "was": {"stage": "Engaging"}, "on": "2026-01-05"}
    return Edit(**(said | {"becomes": {"stage": "Proposal"}} | others))


def test_a_change_is_made_counted_and_proved(store):
    before = store.crm_version()
    made = store.edit(move())
    deal = store.get("opportunities", "D1")
    assert (deal.stage, deal.version, made.version, made.was) == ("Proposal", 2, 2, {"stage": "Engaging"})
    assert (deal.amount, deal.closes) == (DEAL.amount, DEAL.closes)
    assert store.edited("k1") == made and store.edited("k2") is None
    assert store.crm_version() != before
    assert store.past("opportunities", "D1") == [
        Past(field="stage", was="Engaging", becomes="Proposal", on="2026-01-05")
    ]


def test_the_same_key_again_changes_nothing_more(store):
    first = store.edit(move())
    store.edit(move(key="k2", was={"stage": "Proposal"}, becomes={"stage": "Engaging"}))
    assert store.edit(move()) == first
    assert store.get("opportunities", "D1").stage == "Engaging" and store.get("opportunities", "D1").version == 3


def test_another_change_under_a_used_key_is_no_success(store):
    store.edit(move())
    with pytest.raises(RuntimeError, match="another change"):
        store.edit(move(becomes={"stage": "Won"}))


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"was": {"stage": "Prospecting"}}, "stage of D1 is 'Engaging' now"),
        ({"was": {}}, "what stage was before is not stated"),
        ({"record": "D9"}, "no record 'D9'"),
        ({"becomes": {"colour": "red"}, "was": {"colour": ""}}, "no field 'colour'"),
        ({"becomes": {"id": "D2"}, "was": {"id": "D1"}}, "no field 'id' that can be changed"),
        ({"becomes": {}}, "changes nothing"),
        ({"key": ""}, "idempotency key"),
        ({"becomes": {"closes": "soon"}, "was": {"closes": "2026-02-01"}}, "does not fit"),
        ({"is_new": True}, "a record 'D1' among the opportunities already"),
        ({"was": {"stage": "Engaging", "owner": "Ada"}}, "owner of D1 is '' now"),
    ],
)
def test_what_cannot_be_made_changes_nothing_and_says_why(store, others, why):
    before = store.crm_version()
    with pytest.raises(NotDone, match=why):
        store.edit(move(**others))
    assert store.get("opportunities", "D1") == DEAL and store.crm_version() == before
    assert store.edited("k1") is None and store.past("opportunities", "D1") == []


def test_a_new_record_is_added_once(store):
    new = Edit(
        key="n1", kind="activities", record="act-1", is_new=True,
        becomes={"kind": "call", "happened": "2026-01-05", "who": "Nora", "text": "Went well"},
    )  # fmt: skip
    assert store.edit(new) == store.edit(new)
    (found,) = store.query("activities")
    assert (found.happened, found.who, found.version) == (date(2026, 1, 5), "Nora", 1)
    assert [row.id for row in store.query("activities")] == ["act-1"]


def test_an_unknown_value_is_the_same_however_it_is_written(store):
    made = store.edit(move(was={"next_step": None}, becomes={"next_step": "Call Nora"}))
    assert made.version == 2
    store.edit(
        move(key="k2", was={"next_step": "Call Nora", "amount": 4_000_000}, becomes={"next_step": "", "amount": None})
    )
    assert store.get("opportunities", "D1").amount is None


def test_an_import_that_moves_a_deal_leaves_the_earlier_values(store):
    store.store({"opportunities": [Opportunity(id="D1", account_id="A", status="open", stage="Proposal",
                                               amount=3_000_000, closes=date(2026, 3, 1))]})  # fmt: skip
    assert [(p.field, p.was, p.becomes, p.on) for p in store.past("opportunities", "D1")] == [
        ("stage", "Engaging", "Proposal", ""),
        ("closes", "2026-02-01", "2026-03-01", ""),
        ("amount", "4000000", "3000000", ""),
    ]
    before = store.past("opportunities", "D1")
    store.store({"opportunities": [store.get("opportunities", "D1")]})
    assert store.past("opportunities", "D1") == before and store.past("opportunities", "D2") == []


def test_of_many_who_saw_the_same_value_one_changes_it(tmp_path):
    store = CrmStore.open(tmp_path / "crm.db")
    store.store({"opportunities": [DEAL]})
    made, refused = [], []

    def change(number: int) -> None:
        try:
            made.append(store.edit(move(key=f"k{number}", becomes={"stage": f"S{number}"})))
        except NotDone as error:
            refused.append(error)

    threads = [threading.Thread(target=change, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(made), len(refused)) == (1, 7)
    assert store.get("opportunities", "D1").stage == made[0].becomes["stage"]
    store.close()
