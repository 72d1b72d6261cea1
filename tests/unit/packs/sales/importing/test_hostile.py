"""Files that were made to break an import: each costs itself, or the part of it that cannot be read."""

import csv
import io
import json
import zipfile

import pytest
from tests.fuzz.known import SEEDS

from cuga.adapters.offline import CrmStore
from cuga.packs.sales.importing import import_directory


def brought(directory):
    store = CrmStore.open(":memory:")
    return store, import_directory(directory, store)


def test_a_sheet_that_is_broken_in_the_middle_is_read_as_far_as_it_goes(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    whole = io.BytesIO()
    book = openpyxl.Workbook()
    for row in (["Name", "Branch"], ["Alder", "retail"], ["Birch", "food"], ["Cedar", "food"]):
        book.active.append(row)
    book.save(whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "accounts.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'r="A3"', b'r=")3"'))
    store, report = brought(tmp_path)
    assert [record.name for record in store.each("accounts")] == ["Alder"]
    (problem,) = (one for one in report.problems if one.weight == "not_stored")
    assert (problem.kind, problem.line) == ("row_unreadable", 3) and "the rest of the sheet" in problem.did


def test_half_a_letter_in_the_name_of_a_column_is_stored_as_a_question_mark(tmp_path):
    (tmp_path / "accounts.json").write_bytes(SEEDS["json_records"][2])
    store, _ = brought(tmp_path)
    (record,) = store.each("accounts")
    assert (record.name, record.raw["Reve?nue"]) == ("Acme", "1.5")


def test_words_that_people_use_for_stage_end_and_role_are_known(tmp_path):
    rows = [("Deal", "Company", "Phase", "Value", "Expected close"), ("D-1", "Nordwind", "Won", "2400", "2026-06-30")]
    with (tmp_path / "pipeline.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    (tmp_path / "people.json").write_text(json.dumps([{"Name": "Jana", "Company": "Nordwind", "Job": "Buyer"}]))
    store, report = brought(tmp_path)
    assert [one.not_stored for one in report.files] == [0, 0]
    (deal,) = store.each("opportunities")
    assert (deal.stage, deal.amount, str(deal.closes)) == ("Won", 2_400_000_000, "2026-06-30")
    assert next(iter(store.each("contacts"))).title == "Buyer"
