"""Every row of an export is stored or reported with its line, and the same export again changes nothing."""

import csv
import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuga.adapters.capability import Filter
from cuga.adapters.offline import CrmStore
from cuga.errors import BadInput
from cuga.packs.sales.importing import import_directory
from cuga.packs.sales.sample import HERO, PLANTED, sample_files, write_sample


def bring(tmp_path, **files):
    for name, text in files.items():
        body = text if isinstance(text, bytes) else text.encode()
        (tmp_path / f"{name}.csv").write_bytes(body)
    store = CrmStore.open(":memory:")
    return store, import_directory(tmp_path, store)


def kinds(report):
    return Counter(problem.kind for problem in report.problems)


def test_all_planted_dirt_is_found_and_nothing_is_dropped(imported):
    store, report = imported
    assert {kind: kinds(report)[kind] for kind in PLANTED} == PLANTED
    assert report.rows == report.stored + report.not_stored
    assert report.not_stored == sum(1 for p in report.problems if p.weight == "not_stored")
    assert all(problem.file and problem.did for problem in report.problems)
    assert store.get("accounts", HERO).revenue == 109_200_000 * 1_000_000


def test_the_sample_house_is_the_same_every_time():
    assert sample_files() == sample_files()
    assert sample_files(seed=8) != sample_files()
    assert all("@" not in text or ".example" in text for text in sample_files().values())


def test_the_same_export_again_changes_nothing(sample, imported):
    store, first = imported
    again = import_directory(sample, store)
    assert (again.added, again.changed, again.crm_version) == (0, 0, first.crm_version)
    assert kinds(again) == kinds(first)


def test_the_maven_export_comes_in_whole(maven):
    store = CrmStore.open(":memory:")
    report = import_directory(maven, store)
    assert [store.count(kind) for kind in ("accounts", "opportunities", "products", "teams")] == [85, 8800, 7, 35]
    assert (report.rows, report.stored, report.not_stored) == (8927, 8927, 0)
    found = kinds(report)
    assert found == {
        "open_deal_without_account": 1425,
        "product_name_differs": 1480,
        "industry_respelled": 12,
        "country_respelled": 1,
        "deal_without_start": 500,
        "team_member_without_deal": 5,
    }
    assert [file.kind for file in report.files if file.file == "data_dictionary.csv"] == ["documentation"]
    account = store.get("accounts", "Acme Corporation")
    assert (account.industry, account.raw["sector"], account.revenue) == (
        "technology",
        "technolgy",
        1_100_040_000_000_000,
    )
    won = store.query("opportunities", [Filter(field="status", value="won")], limit=-1)
    assert (len(won), sum(deal.amount for deal in won) // 1_000_000) == (4238, 10_005_534)


def test_delimiters_encodings_and_quotes_are_read_as_they_come(tmp_path):
    store, report = bring(
        tmp_path,
        accounts='\ufeffaccount;sector;employees\r\n"Müller; Söhne";retail;12\r\n"Two\nlines";retail;5\r\n',
        contacts="full_name,email\r\nJosé,jose@firm.example\r\n".encode("cp1252"),
        products="product\tprice\nThing\t5\n".encode("utf-16"),
    )
    assert store.get("accounts", "Müller; Söhne").employees == 12
    assert store.get("accounts", "Two\nlines").source.line == 3
    assert store.get("contacts", "jose@firm.example").name == "José"
    assert store.get("products", "Thing").price == 5_000_000
    assert kinds(report)["encoding_guessed"] == 1


def test_ragged_and_empty_rows_are_reported_with_their_lines(tmp_path):
    store, report = bring(tmp_path, accounts="account,sector,employees\nA,retail\nB,retail,5,extra\n,,\nC,retail,7\n")
    assert {p.kind: p.line for p in report.problems} == {"row_too_short": 2, "row_too_long": 3, "empty_row": 4}
    assert (report.rows, report.stored, report.not_stored) == (4, 3, 1)
    assert store.get("accounts", "B").raw["beyond 1"] == "extra"


def test_close_names_are_offered_and_not_chosen(tmp_path):
    store, report = bring(
        tmp_path,
        accounts="account,sector\nAcme Corporation,retail\nAcme Cooperation,retail\n",
        deals="opportunity_id,account,deal_stage\n1,Acme Corperation,Proposal\n2,acme corporation,Proposal\n",
    )
    (problem,) = [p for p in report.problems if p.kind == "account_not_found"]
    assert "Acme Corporation" in problem.mend and "Acme Cooperation" in problem.mend
    assert store.get("opportunities", "1").account_id == ""
    assert store.get("opportunities", "2").account_id == "Acme Corporation"


def test_column_names_are_understood_and_unknown_ones_kept(tmp_path):
    store, report = bring(tmp_path, customers="Company Name,Indsutry,Annual Revenue (M EUR),Colour\nA,retail,2.5,red\n")
    (file,) = report.files
    assert {c.column: c.field for c in file.columns} == {
        "Company Name": "name", "Indsutry": "industry", "Annual Revenue (M EUR)": "revenue", "Colour": "",
    }  # fmt: skip
    account = store.get("accounts", "A")
    assert (account.revenue, account.currency, account.raw["Colour"]) == (2_500_000_000_000, "EUR", "red")
    assert "Colour" in report.text() and "Indsutry" in report.text()


def test_a_mapping_overrides_what_was_proposed(tmp_path):
    (tmp_path / "mapping.json").write_text(
        json.dumps(
            {"x.csv": {"kind": "accounts", "columns": {"wer": "name", "zahl": "revenue"}, "units": {"zahl": "k EUR"}}}
        )
    )
    store, report = bring(tmp_path, x="wer,zahl\nA,7\n")
    assert store.get("accounts", "A").revenue == 7_000 * 1_000_000
    assert report.mapping()["x.csv"]["columns"] == {"wer": "name", "zahl": "revenue"}
    again = import_directory(tmp_path, store, mapping=report.mapping())
    assert again.unchanged == 1


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"kind": "spaceships"}, "spaceships"),
        ({"columns": {"nope": "name"}}, "no column 'nope'"),
        ({"columns": {"account": "colour"}}, "no field 'colour'"),
        ({"colums": {}}, "unknown keys"),
    ],
)
def test_a_wrong_mapping_says_what_would_be_right(tmp_path, said, complaint):
    (tmp_path / "accounts.csv").write_text("account,sector\nA,retail\n")
    with pytest.raises(BadInput, match=complaint) as caught:
        import_directory(tmp_path, CrmStore.open(":memory:"), mapping={"accounts.csv": said})
    assert caught.value.next_step


def test_directories_without_sales_data_are_refused_with_a_way_out(tmp_path):
    store = CrmStore.open(":memory:")
    for case, name, body in (
        ("missing", "", b""),
        ("empty", "", b""),
        ("garbage", "a.csv", b"\x00\x01\x02"),
        ("other", "b.csv", b"x,y\n1,2\n"),
    ):
        directory = tmp_path / case
        if case != "missing":
            directory.mkdir()
        if name:
            (directory / name).write_bytes(body)
        with pytest.raises(BadInput) as caught:
            import_directory(directory, store)
        assert "directory" in caught.value.message or name in caught.value.message
        assert caught.value.next_step
    assert store.crm_version() == ""


def test_a_file_that_fits_no_table_is_named_beside_those_that_do(tmp_path):
    _, report = bring(tmp_path, accounts="account,sector\nA,retail\n", weather="sun,rain\n1,2\n3,4\n")
    assert [p.file for p in report.problems if p.kind == "file_not_recognized"] == ["weather.csv"]
    assert (report.rows, report.stored, report.not_stored) == (3, 1, 2)


def test_a_dry_import_stores_nothing(sample):
    store = CrmStore.open(":memory:")
    report = import_directory(sample, store, dry=True)
    assert report.stored > 0 and store.count("accounts") == 0


def test_revenue_that_can_only_be_millions_is_proposed_as_such(tmp_path):
    rows = "".join(f"A{n},retail,{1000 + n},{200 + n}\n" for n in range(12))
    store, report = bring(tmp_path, accounts="account,sector,employees,revenue\n" + rows)
    assert kinds(report)["unit_proposed"] == 1 and store.get("accounts", "A0").revenue == 200_000_000 * 1_000_000


def test_a_suppressed_address_is_kept_from_mail(tmp_path):
    store, _ = bring(
        tmp_path,
        contacts="full_name,email\nAda,ada@a.example\n",
        suppression="email,reason\nADA@a.example,asked\nbob@b.example,asked\nnonsense,\n",
    )
    assert store.get("contacts", "ada@a.example").unsubscribed and store.get("contacts", "bob@b.example").unsubscribed


def test_the_report_reads_gravest_first(imported):
    groups = imported[1].groups()
    weights = [group.weight for group in groups]
    assert weights == sorted(weights, key=["not_stored", "warning", "proposal", "note"].index)
    assert sum(group.count for group in groups) == len(imported[1].problems)
    text = imported[1].text()
    assert "deals.csv" in text and "read as 'technology'" in text and "read as 'manufacturing'" in text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12), min_size=1, max_size=5),
        max_size=8,
    )
)
def test_whatever_the_rows_hold_each_is_stored_or_reported(tmp_path_factory, rows):
    directory = tmp_path_factory.mktemp("any")
    with (directory / "accounts.csv").open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([["account", "sector", "employees"], ["Anchor", "retail", "5"], *rows])
    store = CrmStore.open(":memory:")
    report = import_directory(directory, store)
    assert report.rows == report.stored + report.not_stored
    assert store.count("accounts") == report.stored


def test_write_sample_writes_what_it_says(tmp_path):
    assert sorted(path.name for path in write_sample(tmp_path)) == sorted(sample_files())


def test_each_doubt_about_a_value_is_said_and_nothing_is_made_up(tmp_path):
    store, report = bring(
        tmp_path,
        accounts=(
            "account,sector,employees,revenue,office_location\nA,space whaling,51-200,-5 EUR,Atlantis\n"
            "B,retail,many,lots,Germany\n,retail,1,1,Germany\n"
        ),
        contacts="full_name,email,opted_out,account\nAda,ada@a.example,perhaps,A\nEve,ada@a.example,no,A\n",
        deals=(
            "opportunity_id,account,deal_stage,engage_date,close_date,sales_agent\n1,A,Weird,01/02/2024,,Zoe\n"
            "2,A,Closed Won,03/04/2024,01/02/2024,Zoe\n3,A,Lost,01/02/2024,,Zoe\n"
        ),
        activities="date,notes,deal\n2024-01-02,hello,1\n2024-01-02,hello,99\n,,\n",
    )
    account = store.get("accounts", "A")
    assert (account.employees, account.revenue, account.country) == (51, -5_000_000, "Atlantis")
    assert store.get("accounts", "B").employees is None and store.get("accounts", "B").revenue is None
    assert store.get("contacts", "ada@a.example").unsubscribed
    assert [store.get("opportunities", n).status for n in "123"] == ["open", "won", "lost"]
    linked = [activity.opportunity_id for activity in store.query("activities")]
    assert linked == ["1", ""]
    assert kinds(report).keys() >= {
        "industry_unknown", "country_unknown", "range_lower_end", "amount_negative", "number_not_read",
        "amount_not_read",
        "row_without_key", "unsubscribed_unclear", "stage_not_known", "date_order_unclear", "closed_before_opened",
        "closed_deal_without_date", "opportunity_id_not_found", "id_twice",
    }  # fmt: skip
    assert report.rows == report.stored + report.not_stored


def test_a_quote_that_was_never_closed_is_found(tmp_path):
    _, report = bring(tmp_path, accounts='account,sector\n"A,retail\n' + "B,retail\n" * 40)
    assert [(p.kind, p.line) for p in report.problems if p.kind == "quote_not_closed"] == [("quote_not_closed", 2)]


def test_columns_without_a_name_or_with_one_twice_are_told_apart(tmp_path):
    store, report = bring(tmp_path, accounts="account,,sector,sector\nA,x,retail,food\n")
    assert kinds(report)["column_twice"] == 1 and store.get("accounts", "A").industry == "retail"
    assert store.get("accounts", "A").raw["column 2"] == "x"


def test_a_value_too_large_to_read_costs_its_row_only(tmp_path):
    store, report = bring(tmp_path, accounts="account,sector\nA,retail\nB," + "x" * 140_000 + "\nC,retail\n")
    assert kinds(report)["row_unreadable"] == 1 and store.get("accounts", "C") is not None
    assert report.rows == report.stored + report.not_stored == 3


def test_an_empty_file_beside_good_ones_is_reported(tmp_path):
    _, report = bring(tmp_path, accounts="account,sector\nA,retail\n", deals="")
    assert [(p.kind, p.file) for p in report.problems] == [("file_unreadable", "deals.csv")]


@pytest.mark.parametrize("body", ["[]", "{", '{"a.csv": 3}'])
def test_a_broken_mapping_file_is_refused(tmp_path, body):
    (tmp_path / "mapping.json").write_text(body)
    with pytest.raises(BadInput, match="mapping"):
        bring(tmp_path, accounts="account,sector\nA,retail\n")
