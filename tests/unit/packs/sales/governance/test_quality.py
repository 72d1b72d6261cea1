"""An audit counts by rule, names rows, compares with what was before, and never passes a rule that it could not ask."""

import csv
from datetime import UTC, date, datetime

import msgspec
import pytest

from cuga.adapters.capability import Account, Activity, Contact, Opportunity
from cuga.adapters.offline import CrmStore
from cuga.errors import BadInput
from cuga.packs.sales.governance.quality import audit_data_quality
from cuga.packs.sales.governance.rules import ALL
from cuga.packs.sales.importing import import_directory
from cuga.tools.declare import ToolContext


def context_of(crm=None, **records):
    crm = crm or CrmStore.open(":memory:")
    crm.store(records)
    return ToolContext.for_tests(capabilities={"crm": crm}, as_of=datetime(2026, 1, 5, tzinfo=UTC))


def found(audit):
    return {finding.rule: finding.count for finding in audit.findings}


def test_the_planted_dirt_of_the_sample_is_counted_by_rule_with_rows(context):
    audit = audit_data_quality(context)
    counts = found(audit)
    assert counts["opportunities.account.missing"] == 9 and counts["accounts.parent.orphan"] == 1
    assert counts["contacts.email.invalid"] == 1 and counts["opportunities.owner.orphan"] == 1
    parent = next(f for f in audit.findings if f.rule == "accounts.parent.orphan")
    assert [row.source for row in parent.rows] == ["accounts.csv:23"] and (parent.of, parent.share) == (2, 50)
    assert [f.sort for f in audit.findings] == sorted((f.sort for f in audit.findings),
        key=["orphan", "inconsistent", "invalid", "missing", "stale"].index)  # fmt: skip
    assert audit == audit_data_quality(context)


def test_a_rule_is_asked_only_where_it_applies_and_named_where_it_could_not_be():
    audit = audit_data_quality(context_of(accounts=[Account(id="a", name="A", website="a.example", owner="x")]))
    assert "opportunities.owner.orphan" in audit.not_asked and "accounts.website.missing" not in audit.not_asked
    assert "accounts.parent.orphan" in audit.not_asked and "accounts.industry.invalid" in audit.not_asked
    assert found(audit).keys() == {
        f"accounts.{name}.missing" for name in ("industry", "country", "employees", "revenue")
    }


def test_stale_and_inconsistent_deals_are_found_by_their_dates():
    deals = [
        Opportunity(id="1", status="open", opened=date(2025, 1, 1), closes=date(2025, 12, 1), owner="x"),
        Opportunity(id="2", status="open", opened=date(2025, 12, 20), closes=date(2026, 3, 1), owner="x"),
        Opportunity(id="3", status="won", opened=date(2025, 5, 2), closes=date(2025, 5, 1), amount=5, owner="x"),
        Opportunity(id="4", status="lost", owner="x"),
    ]
    touched = [
        Activity(id="a", opportunity_id="1", happened=date(2025, 8, 1)),
        Activity(id="b", happened=date(2027, 1, 1)),
    ]
    counts = found(audit_data_quality(context_of(opportunities=deals, activities=touched)))
    assert {rule: counts[rule] for rule in counts if "stale" in rule or "inconsistent" in rule} == {
        "opportunities.close_date.stale": 1, "opportunities.activity.stale": 1, "opportunities.age.stale": 1,
        "opportunities.dates.inconsistent": 1, "opportunities.closed.inconsistent": 1,
        "activities.date.inconsistent": 1,
    }  # fmt: skip


def test_a_deal_nobody_wrote_about_is_not_called_quiet_where_no_activities_are_kept():
    deals = [Opportunity(id="1", status="open", opened=date(2025, 8, 1))]
    audit = audit_data_quality(context_of(opportunities=deals))
    assert "opportunities.activity.stale" in audit.not_asked


def test_of_somebody_who_wants_no_mail_nothing_more_is_asked():
    people = [Contact(id="a@a.example", email="a@a.example", unsubscribed=True)]
    assert found(audit_data_quality(context_of(contacts=people))) == {}


def export(directory, *rows):
    directory.mkdir(exist_ok=True)
    with (directory / "accounts.csv").open("w", newline="") as out:
        csv.writer(out).writerows([("account", "sector", "employees", "country", "revenue", "website", "owner"), *rows])
    return directory


def test_an_audit_is_compared_with_the_data_before_the_last_import(tmp_path):
    crm = CrmStore.open(":memory:")
    import_directory(export(tmp_path / "one", ("A", "", "5", "Germany", "1 EUR", "a.example", "x"),
                            ("B", "", "5", "", "1 EUR", "b.example", "x")), crm)  # fmt: skip
    context = context_of(crm)
    first = audit_data_quality(context)
    assert first.compared_with == "" and "no earlier audit" in first.notes[0]
    better = export(tmp_path / "two", ("A", "retail", "5", "Germany", "1 EUR", "a.example", "x"),
                    ("B", "", "5", "France", "1 EUR", "b.example", "x"))  # fmt: skip
    import_directory(better, crm)
    import_directory(better, crm)  # changes nothing, and so keeps what was before
    second = audit_data_quality(context)
    industry = next(f for f in second.findings if f.rule == "accounts.industry.missing")
    assert (industry.before, industry.count, industry.change) == (2, 1, -1)
    assert second.mended == ("accounts.country.missing",) and "two" in second.compared_with
    by_hand = audit_data_quality(context, previous=msgspec.to_builtins(first))
    assert [f.change for f in by_hand.findings] == [f.change for f in second.findings]


def test_a_file_and_kinds_narrow_the_audit(context):
    assert {f.kind for f in audit_data_quality(context, file="contacts.csv").findings} == {"contacts"}
    assert {f.kind for f in audit_data_quality(context, kinds=("accounts",)).findings} == {"accounts"}
    assert "no record" in audit_data_quality(context, file="x.csv").notes[-1]


@pytest.mark.parametrize("arguments", [{"kinds": ("ships",)}, {"previous": {"findings": [{}], "as_of": "x"}}])
def test_a_wrong_question_is_refused(context, arguments):
    with pytest.raises(BadInput):
        audit_data_quality(context, **arguments)


def test_every_rule_has_a_name_of_its_own_and_says_how_to_mend_it():
    assert len({rule.id for rule in ALL}) == len(ALL) and all(rule.fix and rule.says for rule in ALL)
