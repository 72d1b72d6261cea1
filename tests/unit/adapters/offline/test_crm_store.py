"""The store keeps records as they were read, answers filters and knows when nothing has changed."""

from datetime import date

import pytest

from cuga.adapters.capability import Account, Contact, Filter, Opportunity, Source
from cuga.adapters.offline import CrmStore
from cuga.errors import BadInput

ACCOUNTS = [
    Account(id="Isdom", name="Isdom", industry="medical", employees=4540, revenue=3_178_240_000_000_000, currency="USD",
            source=Source(file="accounts.csv", line=40), raw={"sector": "medical"}),
    Account(id="Gekko", name="Gekko & Co", industry="retail", employees=3502),
    Account(id="Blank", name="Blank"),
]  # fmt: skip
DEALS = [
    Opportunity(id="D1", account_id="Isdom", status="won", stage="Won", amount=4_514_000_000, closes=date(2017, 3, 11)),
    Opportunity(id="D2", account_id="Gekko", status="open", stage="Engaging", opened=date(2017, 1, 2)),
]


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    made = CrmStore.open(":memory:" if request.param == "memory" else tmp_path / "crm.db")
    made.store(
        {"accounts": ACCOUNTS, "opportunities": DEALS, "contacts": [Contact(id="c", name="C", unsubscribed=True)]}
    )
    yield made
    made.close()


def test_a_record_comes_back_as_it_was_stored(store):
    assert store.get("accounts", "Isdom") == ACCOUNTS[0]
    assert store.get("opportunities", "D1") == DEALS[0]
    assert store.get("contacts", "c").unsubscribed is True
    assert store.get("accounts", "nobody") is None


def test_the_same_data_again_changes_nothing_and_a_change_counts_the_row_version(store):
    before = store.crm_version()
    again = store.store({"accounts": ACCOUNTS})
    assert (again.added, again.changed, again.unchanged, again.crm_version) == (0, 0, 3, before)
    moved = store.store({"accounts": [Account(id="Gekko", name="Gekko & Co", industry="finance")]})
    assert (moved.changed, moved.crm_version != before) == (1, True)
    assert store.get("accounts", "Gekko").version == 2
    assert len(store.names("accounts")) == 3


def test_the_digest_depends_on_the_data_and_not_on_its_order():
    one, other = CrmStore.open(":memory:"), CrmStore.open(":memory:")
    assert one.crm_version() == ""
    one.store({"accounts": ACCOUNTS})
    other.store({"accounts": list(reversed(ACCOUNTS))})
    assert one.crm_version() == other.crm_version() != ""


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (Filter(field="industry", value="MEDICAL"), ["Isdom"]),
        (Filter(field="industry", op="is_not", value="retail"), ["Blank", "Isdom"]),
        (Filter(field="name", op="contains", value="& c"), ["Gekko"]),
        (Filter(field="industry", op="in", value="retail|medical"), ["Gekko", "Isdom"]),
        (Filter(field="employees", op="above", value="4,000"), ["Isdom"]),
        (Filter(field="revenue", op="at_least", value="3178240000"), ["Isdom"]),
        (Filter(field="employees", op="unknown"), ["Blank"]),
        (Filter(field="industry", op="known"), ["Gekko", "Isdom"]),
        (Filter(field="name", op="contains", value="%"), []),
    ],
)
def test_filters_say_what_they_mean(store, condition, found):
    assert [record.id for record in store.query("accounts", [condition])] == found
    assert store.count("accounts", [condition]) == len(found)


def test_dates_and_orders(store):
    assert [d.id for d in store.query("opportunities", [Filter(field="closes", op="below", value="2017-04-01")])] == [
        "D1"
    ]
    assert [a.id for a in store.query("accounts", order="-employees")] == ["Isdom", "Gekko", "Blank"]
    assert [a.id for a in store.query("accounts", limit=1, offset=1)] == ["Gekko"]
    assert store.group("opportunities", "status") == [("open", 1), ("won", 1)]


@pytest.mark.parametrize(
    ("kind", "condition", "says"),
    [
        ("accounts", Filter(field="colour", value="red"), "no field 'colour'"),
        ("accounts", Filter(field="name", op="like", value="x"), "no operator"),
        ("accounts", Filter(field="employees", op="above", value="many"), "needs a number"),
        ("accounts", Filter(field="employees", op="above", value="nan"), "needs a number"),
        ("opportunities", Filter(field="closes", value="soon"), "needs a date"),
        ("accounts", Filter(field="name", op="in", value="|"), "no values"),
        ("spaceships", Filter(field="name"), "spaceships"),
    ],
)
def test_a_wrong_question_is_answered_with_what_would_be_right(store, kind, condition, says):
    with pytest.raises((BadInput, KeyError), match=says):
        store.query(kind, [condition])


def test_names_follow_writes(store):
    assert store.lookup("accounts", "Isdomm").found.id == "Isdom"
    store.store({"accounts": [Account(id="New", name="Newcomer")]})
    assert store.lookup("accounts", "Newcomer").found.id == "New"


def test_a_file_that_is_something_else_is_refused(tmp_path):
    (tmp_path / "crm.db").write_text("this is a shopping list, and not a short one: " * 30)
    with pytest.raises(BadInput, match="CRM store"):
        CrmStore.open(tmp_path / "crm.db")


def test_a_failed_write_leaves_everything_as_it_was(store):
    before = store.crm_version()
    with pytest.raises(BadInput, match="does not belong"):
        store.store({"accounts": [Account(id="X", name="X"), DEALS[0]]})
    assert store.crm_version() == before and store.get("accounts", "X") is None


def test_a_change_by_another_connection_is_noticed(tmp_path):
    one, other = CrmStore.open(tmp_path / "crm.db"), CrmStore.open(tmp_path / "crm.db")
    assert one.crm_version() == ""
    other.store({"accounts": ACCOUNTS})
    assert one.crm_version() == other.crm_version() != ""
    one.close()
    other.close()
