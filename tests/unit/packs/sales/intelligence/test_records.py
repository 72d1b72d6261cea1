"""Cleaning, doubles and enrichment: proposals with their reasons; nothing is overwritten, merged or chosen."""

from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.adapters.capability import Account, Contact, Enrichment, Source
from cuga.adapters.offline import CrmStore
from cuga.errors import BadInput
from cuga.packs.sales.importing import import_directory
from cuga.packs.sales.intelligence.duplicates import find_duplicate_records
from cuga.packs.sales.intelligence.enrich import enrich_account
from cuga.packs.sales.intelligence.likeness import compare
from cuga.packs.sales.intelligence.normal import ends, legal_form, normal
from cuga.packs.sales.intelligence.normalize import normalize_account_record
from cuga.packs.sales.sample import HERO
from cuga.tools.declare import ToolContext


def context_of(**records):
    crm = CrmStore.open(":memory:")
    crm.store(records)
    return ToolContext.for_tests(capabilities={"crm": crm}, as_of=datetime(2026, 1, 5, tzinfo=UTC))


def read_as(**raw):
    return {field.field: field.after for field in normal(raw).fields}


# --- normalize ------------------------------------------------------------------------------------------------------
def test_a_raw_record_comes_into_one_schema_with_what_was_changed():
    result = normalize_account_record(
        ToolContext.for_tests(),
        {"Company Name": " ACME  Corp.", "Annual Revenue (M EUR)": "2.5", "Employees": "51-200",
         "Country": "Deutschland", "Industry": "technolgy", "E-Mail": "x@acme.example", "Colour": "red"},
    )  # fmt: skip
    (record,) = result.records
    assert {field.field: field.after for field in record.fields} == {
        "name": "ACME Corp.", "legal_form": "Corp.", "industry": "technology", "country": "DE", "employees": "51-200",
        "revenue": "2500000 EUR", "domain": "acme.example",
    }  # fmt: skip
    sure = {field.field: field.confidence for field in record.fields}
    assert sure["country"] == 100 and sure["industry"] < 100 and sure["domain"] == 80
    assert record.id == "" and "Colour" in record.kept and record.unknowns == ("city", "founded", "parent")
    name = next(field for field in record.fields if field.field == "name")
    assert (name.before, name.changed) == ("ACME  Corp.", True)


def test_what_cannot_be_read_is_unknown_and_never_made_up():
    found = normal({"name": "A", "employees": "many", "revenue": "lots", "country": "Atlantis", "industry": "whaling"})
    assert {f.field: (f.after, f.confidence) for f in found.fields if f.field != "name"} == {
        "employees": ("", 0), "revenue": ("", 0), "country": ("", 0), "industry": ("", 0),
    }  # fmt: skip
    assert set(found.unknowns) >= {"employees", "revenue", "country", "industry", "domain"}


def test_free_mail_and_shared_pages_give_no_domain():
    assert "domain" not in read_as(name="A", email="a@gmail.com")
    assert read_as(name="A", website="linkedin.com/company/a", email="a@a.example")["domain"] == "a.example"
    assert read_as(name="A", website="https://www.a.example/x")["domain"] == "a.example"


@pytest.mark.parametrize(
    ("name", "parts"),
    [("Acme Corp.", ("Acme", "Corp.")), ("Müller GmbH & Co. KG", ("Müller", "GmbH & Co. KG")), ("Group", ("Group", "")),
     ("Acme, Inc", ("Acme", "Inc")), ("Coop", ("Coop", ""))],
)  # fmt: skip
def test_the_legal_form_stands_apart(name, parts):
    assert legal_form(name) == parts


@given(low=st.integers(0, 10**6), wide=st.integers(0, 10**6))
def test_a_range_keeps_both_ends(low, wide):
    assert ends(f"{low}-{low + wide}") == (low, low + wide) and ends(f"{low}+") == (low, None)
    assert ends(str(low)) is None


@given(st.dictionaries(st.sampled_from(["name", "country", "revenue", "website", "employees"]), st.text(max_size=20)))
def test_the_text_as_written_is_always_kept_and_a_second_reading_says_the_same(raw):
    found = normal(raw)
    assert found == normal(raw)
    for field in found.fields:
        if field.column:
            assert field.before == raw[field.column].strip()


def test_a_mapping_wins_over_what_is_proposed(context):
    result = normalize_account_record(context, {"wer": "Acme", "wo": "UK"}, mapping={"wer": "name", "wo": "country"})
    assert {f.field: f.after for f in result.records[0].fields} == {"name": "Acme", "country": "GB"}


def test_a_files_accounts_are_read_in_one_call(context):
    result = normalize_account_record(context, file="exports/accounts.csv")
    assert result.read == 61 and result.changes["industry"] == 3
    respelled = [f for r in result.records for f in r.fields if f.field == "industry" and f.changed]
    assert {f.before for f in respelled} == {"technolgy", "manufactoring"} and all(
        "proposal" in f.why for f in respelled
    )
    revenue = next(f for r in result.records if r.id == HERO for f in r.fields if f.field == "revenue")
    assert (revenue.before, revenue.after) == ("109.20", "109200000 USD")
    assert normalize_account_record(context, file="nowhere.csv").notes
    with pytest.raises(BadInput):
        normalize_account_record(context, {})


def test_the_dirt_of_the_maven_export_is_proposed_and_not_written(maven):
    crm = CrmStore.open(":memory:")
    import_directory(maven, crm)
    before = crm.crm_version()
    result = normalize_account_record(ToolContext.for_tests(capabilities={"crm": crm}), file="accounts.csv")
    assert (result.read, result.changes["industry"], result.unreadable) == (85, 12, {})
    assert crm.crm_version() == before


# --- duplicates -------------------------------------------------------------------------------------------------------
def acct(key, name="", **others):
    return Account(id=key, name=name or key, **others)


def test_the_same_domain_beats_names_and_a_subsidiary_is_no_double():
    accounts = [
        acct("a", "Alder", website="www.alder.example", country="Germany"),
        acct("b", "Alder Handel GmbH", website="https://alder.example", country="Germany", city="Ulm"),
        acct("c", "Alder Nord", website="alder.example", parent="Alder", parent_id="a"),
        acct("d", "Birch"),
        acct("e", "Birch Inc", country="France"),
        acct("f", "Birchwood", country="France"),
    ]
    result = find_duplicate_records(context_of(accounts=accounts))
    pairs = {(p.one, p.other) for cluster in result.clusters for p in cluster.pairs}
    assert ("a", "b") in pairs and ("d", "e") in pairs and ("a", "c") not in pairs
    assert not any("f" in pair for pair in pairs)
    best = result.clusters[0]
    assert best.keep == "b" and "merge" in best.proposal and any("domain" in said for said in best.pairs[0].agree)


def test_people_are_doubles_by_address_and_not_by_name_alone():
    contacts = [
        Contact(id="1", name="Nora Tessler", email="nora@a.example", account_id="A"),
        Contact(id="2", name="N. Tessler", email="nora@a.example"),
        Contact(id="3", name="Nora Tessler", account_id="B"),
        Contact(id="4", name="Nora Tessler", account_id="A", phone="+49 151 2345678"),
    ]
    result = find_duplicate_records(context_of(contacts=contacts), "contacts")
    pairs = {(p.one, p.other): p.score for cluster in result.clusters for p in cluster.pairs}
    assert ("1", "2") in pairs and ("1", "4") in pairs and ("1", "3") not in pairs


def test_nothing_is_merged_and_the_planted_double_is_found(context):
    before = context.capability("crm").crm_version()
    result = find_duplicate_records(context, file="accounts.csv")
    assert [[member.name for member in cluster.members] for cluster in result.clusters] == [[HERO, f"{HERO} Ltd"]]
    assert result.likely == 1 and context.capability("crm").crm_version() == before
    assert find_duplicate_records(context, file="other.csv").clusters == ()


NAMES = st.sampled_from(["Alder", "Alder GmbH", "Adler", "Birch", "Birch Holding", ""])


@given(
    one=st.builds(
        acct,
        st.just("a"),
        NAMES,
        website=st.sampled_from(["", "alder.example"]),
        country=st.sampled_from(["", "DE", "FR"]),
    ),
    other=st.builds(
        acct,
        st.just("b"),
        NAMES,
        website=st.sampled_from(["", "alder.example"]),
        country=st.sampled_from(["", "DE", "FR"]),
    ),
)
def test_a_pair_is_the_same_from_both_sides_and_a_missing_field_never_counts_against_it(one, other):
    assert compare(one, other) == compare(other, one)
    bare = compare(msgspec.structs.replace(one, country=""), other)
    full = compare(one, other)
    if full is not None and not any("country" in said for said in full.agree):
        assert bare is not None and bare.score >= full.score


# --- enrichment ----------------------------------------------------------------------------------------------------
def test_sources_that_disagree_are_both_shown_with_date_and_licence():
    context = context_of(
        accounts=[acct("a", "Alder", employees=100, country="Germany", source=Source(file="accounts.csv", line=2))],
        enrichments=[
            Enrichment(id="1", account_id="a", name="employees", value="140", provider="Register",
                       seen=date(2025, 3, 1), licence="open data"),
            Enrichment(id="2", account_id="a", name="Country", value="DE", provider="Register"),
            Enrichment(id="3", account_id="a", name="tech stack", value="SAP", provider="Scan", seen=date(2027, 1, 1)),
            Enrichment(id="4", account_id="a", name="tech stack", value="Odoo", provider="Scan", seen=date(2025, 1, 1)),
        ],
    )  # fmt: skip
    result = enrich_account(context, "Alder")
    fields = {field.field: field for field in result.fields}
    assert fields["employees"].state == "differs" and result.differing == ("employees",)
    assert [(f.value, f.provider, f.date, f.licence) for f in fields["employees"].facts] == [
        ("100", "crm", "", "own data"), ("140", "Register", "2025-03-01", "open data"),
    ]  # fmt: skip
    assert fields["country"].state == "agreed" and [f.value for f in fields["tech_stack"].facts] == ["Odoo"]
    assert result.enriched and any("dated 2027-01-01" in note for note in result.notes)
    assert fields["city"].state == "unknown" and "city" in result.unknowns


def test_not_enriched_is_an_answer_and_only_allowed_sources_are_asked():
    records = {
        "accounts": [acct("a", "Alder", employees=100)],
        "enrichments": [Enrichment(id="1", account_id="a", name="employees", value="140", provider="Register")],
    }
    assert enrich_account(context_of(**records), "Alder").enriched
    refused = enrich_account(context_of(**records), "Alder", ("Other",))
    assert not refused.enriched and "not enriched" in refused.notes[-1] and refused.sources == ("crm",)


def test_mail_domains_and_likely_doubles_are_sources_too(context):
    result = enrich_account(context, HERO)
    domain = next(field for field in result.fields if field.field == "domain")
    assert domain.state == "agreed" and {fact.provider for fact in domain.facts} == {"crm", "contacts"}
    assert "likely duplicate" in result.sources
