"""Exports of any form and vendor become the same records, and what cannot be read is said with its way out."""

import csv
import json
import sys
from datetime import datetime

import pytest

from cuga.adapters.offline import CrmStore
from cuga.errors import BadInput
from cuga.packs.sales.importing import import_directory, report
from cuga.packs.sales.sample import sample_files


def brought(directory):
    store = CrmStore.open(":memory:")
    return store, import_directory(directory, store)


def write_csv(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(rows)


def write_book(path, **sheets):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook(write_only=True)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)


ACCOUNTS = [("account", "sector", "employees"), ("Alder", "retail", "12"), ("Birch", "food", "7")]
DEALS = [("opportunity_id", "account", "deal_stage", "engage_date", "close_value"),
         ("D1", "Alder", "Won", "2025-03-04", "1250.5"), ("D2", "Birch", "Proposal", "2025-04-01", "")]  # fmt: skip


def bare(store, kind):
    return [
        {name: getattr(record, name) for name in record.__struct_fields__ if name not in ("source", "raw", "version")}
        for record in store.each(kind)
    ]


def test_csv_workbook_and_json_of_the_same_rows_give_the_same_records(tmp_path):
    stores = []
    for form in ("csv", "xlsx", "json", "jsonl"):
        (directory := tmp_path / form).mkdir()
        for name, rows in (("accounts", ACCOUNTS), ("deals", DEALS)):
            objects = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
            match form:
                case "csv":
                    write_csv(directory / f"{name}.csv", *rows)
                case "xlsx":
                    write_book(directory / f"{name}.xlsx", Sheet1=rows)
                case "json":
                    (directory / f"{name}.json").write_text(json.dumps(objects))
                case _:
                    (directory / f"{name}.jsonl").write_text("\n".join(map(json.dumps, objects)))
        stores.append(brought(directory)[0])
    for kind in ("accounts", "opportunities"):
        assert bare(stores[0], kind) == bare(stores[1], kind) == bare(stores[2], kind) == bare(stores[3], kind)
    assert stores[1].get("opportunities", "D1").amount == 1_250_500_000


def test_a_workbook_keeps_numbers_dates_and_sheets_apart(tmp_path):
    write_book(
        tmp_path / "crm.xlsx",
        Accounts=[["account", "sector", "employees"], ["Alder", "retail", 12.0], [None, None, None], ["Birch", "food"]],
        Deals=[
            ["opportunity_id", "account", "deal_stage", "engage_date"],
            ["D1", "Alder", "Won", datetime(2025, 3, 4)],
        ],
        Empty=[],
    )
    store, found = brought(tmp_path)
    assert store.get("accounts", "Alder").employees == 12
    assert store.get("opportunities", "D1").opened.isoformat() == "2025-03-04"
    assert store.get("opportunities", "D1").source.file == "crm.xlsx#Deals"
    assert [(file.file, file.kind, file.rows, file.not_stored) for file in found.files] == [
        ("crm.xlsx#Accounts", "accounts", 3, 1), ("crm.xlsx#Deals", "opportunities", 1, 0),
    ]  # fmt: skip
    assert [(p.kind, p.line) for p in found.problems if p.weight == "not_stored"] == [("empty_row", 3)]


def test_a_formula_in_a_workbook_is_never_computed(tmp_path):
    write_book(tmp_path / "accounts.xlsx", A=[["account", "sector"], ["Alder", '=HYPERLINK("http://x.example")']])
    store, _ = brought(tmp_path)
    assert store.get("accounts", "Alder").industry == ""


@pytest.mark.parametrize(("name", "body"), [("a.xlsx", b"PK\x03\x04 no"), ("a.json", b"{"), ("a.json", b"[1, 2]")])
def test_a_broken_file_costs_only_itself(tmp_path, name, body):
    write_csv(tmp_path / "accounts.csv", *ACCOUNTS)
    (tmp_path / name).write_bytes(body)
    store, found = brought(tmp_path)
    (problem,) = found.problems
    assert (problem.kind, problem.file, store.count("accounts")) == ("file_unreadable", name, 2) and problem.mend


def test_without_the_extra_a_workbook_is_named_and_all_else_comes_in(tmp_path, monkeypatch):
    write_csv(tmp_path / "accounts.csv", *ACCOUNTS)
    (tmp_path / "deals.xlsx").write_bytes(b"PK")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    store, found = brought(tmp_path)
    (problem,) = found.problems
    assert "openpyxl" in problem.did and "xlsx" in problem.mend and store.count("accounts") == 2


def test_a_workbook_that_unpacks_beyond_measure_is_left_out(tmp_path, monkeypatch):
    from cuga.packs.sales.importing import workbook

    write_csv(tmp_path / "accounts.csv", *ACCOUNTS)
    write_book(tmp_path / "deals.xlsx", Deals=DEALS)
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 1000)
    assert [p.kind for p in brought(tmp_path)[1].problems] == ["file_unreadable"]


def test_json_as_crms_answer_it_is_read_through_its_wrapping(tmp_path):
    (tmp_path / "companies.json").write_text(
        json.dumps({"results": [{"id": "1", "properties": {"name": "Alder", "industry": "retail",
                    "numberofemployees": 12, "hs_object_id": "1", "hubspot_owner_id": None}}]})
    )  # fmt: skip
    (tmp_path / "all.json").write_text(
        json.dumps({"accounts": [{"account": "Birch", "sector": "food", "tags": ["a", "b"]}],
                    "deals": [{"opportunity_id": "D1", "account": "Birch", "deal_stage": "Won", "engage_date": ""}]})
    )  # fmt: skip
    store, found = brought(tmp_path)
    assert store.get("accounts", "1").employees == 12
    assert store.get("accounts", "Birch").raw["tags"] == "a | b"
    assert store.get("opportunities", "D1").account_id == "Birch"
    assert {file.file: file.vendor for file in found.files}["companies.json"] == "hubspot"


def test_a_line_of_json_that_is_broken_is_told_with_its_number(tmp_path):
    (tmp_path / "accounts.jsonl").write_text(
        '{"account": "A", "sector": "food"}\n{"account": \n[1]\n\n{"account": "B"}\n'
    )
    store, found = brought(tmp_path)
    assert store.count("accounts") == 2 and found.rows == found.stored + found.not_stored == 4
    assert sorted((p.kind, p.line) for p in found.problems) == [("row_unreadable", 2), ("row_unreadable", 3)]


SALESFORCE = {
    "Account": [("Id", "Name", "Industry", "NumberOfEmployees", "AnnualRevenue", "BillingCountry", "OwnerId",
                 "ParentId"),
                ("001A", "Alder Ltd", "Retail", "12", "2500000", "Germany", "005U", ""),
                ("001B", "Birch", "Food", "7", "", "France", "005U", "001A")],
    "Opportunity": [("Id", "AccountId", "Name", "StageName", "Amount", "CloseDate", "IsClosed", "IsWon", "OwnerId"),
                    ("006A", "001A", "Alder 1", "Handshake", "100", "2025-03-04", "true", "true", "005U"),
                    ("006B", "001B", "Birch 1", "Archived", "50", "2025-03-05", "true", "false", "005U"),
                    ("006C", "001B", "Birch 2", "Won over", "70", "2026-03-05", "false", "false", "005X")],
    "Contact": [("Id", "AccountId", "FirstName", "LastName", "Title", "Email", "HasOptedOutOfEmail"),
                ("003A", "001A", "Nora", "Tessler", "CFO", "nora@alder.example", "true")],
    "User": [("Id", "Name", "Email", "ManagerId"), ("005U", "Ada Kestrel", "ada@us.example", "")],
    "Task": [("Id", "AccountId", "WhoId", "WhatId", "Subject", "ActivityDate", "Description"),
             ("00TA", "001A", "003A", "006A", "Call", "2025-02-01", "Talked about shifts")],
}  # fmt: skip


def test_a_salesforce_export_is_known_by_its_columns_and_linked_by_its_ids(tmp_path):
    for name, rows in SALESFORCE.items():
        write_csv(tmp_path / f"{name}.csv", *rows)
    store, found = brought(tmp_path)
    assert {file.file: (file.kind, file.vendor) for file in found.files} == {
        "Account.csv": ("accounts", "salesforce"), "Opportunity.csv": ("opportunities", "salesforce"),
        "Contact.csv": ("contacts", "salesforce"), "User.csv": ("teams", "salesforce"),
        "Task.csv": ("activities", "salesforce"),
    }  # fmt: skip
    deals = {deal.id: (deal.status, deal.account, deal.owner) for deal in store.each("opportunities")}
    assert deals == {
        "006A": ("won", "Alder Ltd", "Ada Kestrel"), "006B": ("lost", "Birch", "Ada Kestrel"),
        "006C": ("open", "Birch", "005X"),
    }  # fmt: skip
    assert store.get("accounts", "001B").parent_id == "001A" and store.get("accounts", "001A").owner == "005U"
    assert store.get("contacts", "003A").name == "Nora Tessler" and store.get("contacts", "003A").unsubscribed
    task = store.get("activities", "00TA")
    assert (task.opportunity_id, task.contact_id, task.account) == ("006A", "003A", "Alder Ltd")
    assert import_directory(tmp_path, store).changed == 0


def test_hubspot_and_pipedrive_exports_are_known_by_their_columns(tmp_path):
    write_csv(
        tmp_path / "hubspot-crm-exports.csv",
        ("Record ID", "Deal Name", "Deal Stage", "Close Date", "Deal owner", "Amount", "Associated Company"),
        ("77", "Alder 1", "closedwon", "2025-03-04 10:15", "Ada", "100", "Alder"),
    )
    write_csv(
        tmp_path / "export-1.csv",
        ("Deal - ID", "Deal - Title", "Deal - Value", "Deal - Currency of Value", "Deal - Stage", "Deal - Status",
         "Deal - Organization", "Deal - Deal created"),
        ("5", "Birch 1", "70.5", "EUR", "Proposal Made", "Lost", "Birch", "2025-01-02 08:00:00"),
    )  # fmt: skip
    write_csv(
        tmp_path / "export-2.csv",
        ("Organization - ID", "Organization - Name", "Organization - Owner", "Organization - Country of Address"),
        ("1", "Alder", "Ada", "Germany"), ("2", "Birch", "Ada", "France"),
    )  # fmt: skip
    store, found = brought(tmp_path)
    assert {file.file: (file.kind, file.vendor) for file in found.files} == {
        "hubspot-crm-exports.csv": ("opportunities", "hubspot"), "export-1.csv": ("opportunities", "pipedrive"),
        "export-2.csv": ("accounts", "pipedrive"),
    }  # fmt: skip
    won, lost = store.get("opportunities", "77"), store.get("opportunities", "5")
    assert (won.status, won.account_id, won.closes.isoformat()) == ("won", "1", "2025-03-04")
    assert (lost.status, lost.stage, lost.currency, lost.amount) == ("lost", "Proposal Made", "EUR", 70_500_000)
    assert "an export of pipedrive" in found.text()


def test_what_a_vendor_says_of_consent_is_read_and_what_it_leaves_open_stays_open(tmp_path):
    write_csv(
        tmp_path / "people-1.csv",
        ("Person - ID", "Person - Name", "Person - Organization", "Person - Email - Work", "Person - Marketing status"),
        *((str(at), f"P{at}", "Alder", f"p{at}@alder.example", said) for at, said in enumerate(
            ("Subscribed", "No consent", "Unsubscribed", "Bounced", "something new"))),
    )  # fmt: skip
    write_csv(
        tmp_path / "contacts-hubspot.csv",
        ("Record ID", "First Name", "Last Name", "Email", "Legal basis for processing contact's data",
         "Associated Company IDs (Primary)"),
        ("90", "Nora", "Tessler", "nora@alder.example", "Legitimate interest – existing customer", "1"),
    )  # fmt: skip
    write_csv(
        tmp_path / "contacts-own.csv",
        ("name", "email", "opt-in", "lawful basis", "consent date", "consent source"),
        ("Ben Lowrie", "ben@birch.example", "yes", "consent", "2025-03-01", "form 7"),
    )
    store, found = brought(tmp_path)
    people = {person.id: (person.opted_in, person.unsubscribed) for person in store.each("contacts")}
    assert [people[str(at)] for at in range(5)] == [
        ("yes", False), ("", False), ("no", True), ("", False), ("", False)
    ]  # fmt: skip
    assert [p.value for p in found.problems if p.kind == "opt_in_unclear"] == ["something new"]
    assert store.get("contacts", "90").lawful_basis == "Legitimate interest – existing customer"
    (ben,) = [person for person in store.each("contacts") if person.name == "Ben Lowrie"]
    assert (ben.opted_in, ben.lawful_basis, str(ben.consent_on), ben.consent_source) == (
        "yes", "consent", "2025-03-01", "form 7",
    )  # fmt: skip


def test_salesforce_reports_are_known_by_their_labels(tmp_path):
    write_csv(
        tmp_path / "contacts.csv",
        ("Contact ID", "First Name", "Last Name", "Account Name", "Title", "Email", "Email Opt Out"),
        ("003A", "Nora", "Tessler", "Alder Ltd", "CFO", "nora@alder.example", "1"),
    )
    write_csv(
        tmp_path / "tasks.csv",
        ("Activity ID", "Subject", "Due Date", "Assigned To", "Full Comments", "Company / Account"),
        ("00TA", "Call", "2025-02-01", "Ada Kestrel", "Talked about shifts", "Alder Ltd"),
    )
    store, found = brought(tmp_path)
    assert {file.vendor for file in found.files} == {"salesforce"}
    assert store.get("contacts", "003A").unsubscribed
    task = store.get("activities", "00TA")
    assert (str(task.happened), task.who, task.text) == ("2025-02-01", "Ada Kestrel", "Talked about shifts")


def test_an_export_of_nobody_known_is_not_taken_for_a_vendors(tmp_path):
    for name, text in sample_files().items():
        (tmp_path / name).write_text(text, newline="")
    assert {file.vendor for file in brought(tmp_path)[1].files} == {""}


def test_notes_documents_territories_and_enrichments_have_records_of_their_own(tmp_path):
    write_csv(tmp_path / "accounts.csv", *ACCOUNTS)
    write_csv(
        tmp_path / "notes.csv", ("date", "author", "account", "note"), ("2025-03-04", "Ada", "Alder", "Call first")
    )
    write_csv(tmp_path / "documents.csv", ("file", "title", "type", "industry", "permission", "valid_until"),
              ("alder.md", "Alder saves hours", "case study", "retail", "yes", "2026-12-31"))  # fmt: skip
    write_csv(tmp_path / "territories.csv", ("territory", "owner", "countries", "min_employees"),
              ("North", "Ada", "Germany | France", "50"))  # fmt: skip
    write_csv(tmp_path / "enrichment.csv", ("company", "field", "value", "source", "date", "licence"),
              ("Birch", "employees", "9", "Register", "2025-02-01", "open"))  # fmt: skip
    store, found = brought(tmp_path)
    assert {file.kind for file in found.files} == {"accounts", "notes", "documents", "territories", "enrichments"}
    (note,) = store.each("notes")
    assert (note.text, note.account_id, note.written.isoformat(), note.who) == (
        "Call first",
        "Alder",
        "2025-03-04",
        "Ada",
    )
    assert store.get("documents", "alder.md").permission == "yes"
    assert store.get("territories", "North").min_employees == 50
    (fact,) = store.each("enrichments")
    assert (fact.account_id, fact.name, fact.value, fact.provider) == ("Birch", "employees", "9", "Register")
    assert import_directory(tmp_path, store).unchanged == 6


def test_all_problems_are_heard_though_the_report_keeps_the_first_of_a_kind(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MOST_OF_A_KIND", 10)
    write_csv(tmp_path / "accounts.csv", *ACCOUNTS)
    write_csv(tmp_path / "deals.csv", DEALS[0], *((f"D{n}", "", "Proposal", "2025-01-01", "") for n in range(25)))
    heard = []
    found = import_directory(tmp_path, CrmStore.open(":memory:"), listener=heard.append)
    assert len(heard) == found.remarks == 25 and len(found.problems) == 10
    (group,) = found.groups()
    assert (group.count, found.rows, found.stored) == (25, 27, 27)


def test_an_import_that_fails_leaves_nothing_behind(tmp_path):
    write_csv(tmp_path / "accounts.csv", *ACCOUNTS)
    store = CrmStore.open(":memory:")

    def stop(problem):
        raise RuntimeError("stop")

    write_csv(tmp_path / "deals.csv", DEALS[0], ("D1", "Nobody at all", "Won", "", ""))
    with pytest.raises(RuntimeError):
        import_directory(tmp_path, store, listener=stop)
    assert store.count("accounts") == 0 and store.crm_version() == ""
    assert import_directory(tmp_path, store).added == 3


def test_a_directory_without_exports_says_which_forms_there_are(tmp_path):
    (tmp_path / "readme.pdf").write_bytes(b"x")
    with pytest.raises(BadInput, match="XLSX or JSON"):
        brought(tmp_path)
