"""Data and documents at the terminal: what came in, what is written, and what leaves as a workbook."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from tests.doors.terminal import Terminal

from cuga.cli.exits import Exit
from cuga.packs.sales.sample import write_sample


@pytest.mark.parametrize(
    ("goal", "seen"),
    [
        ("What does the Linden Scheduler do for hospitals?", ("keeps rest times", "products/linden-scheduler.md:16")),
        ("Does it support kubernetes? look it up in the documents", ("This is not in the documents",)),
        ("battlecard vs Harrow Rota for Linden Scheduler, focus on price", ("we lose", "not used", "6 USD a person")),
        ("They say we're too expensive. How do I answer that?", ("What counts is the time", "ask back", "proof")),
        ("give me case studies for a hospital CFO", ("not agreed", "industry hospitals", "approved")),
        ("Which product suits a buyer who needs to work offline?", ("unmet", "met", "linden-scheduler-plus.md:15")),
        ("audit data quality", ("its parent is not among", "accounts.csv:23", "import or correct it")),
        ("find duplicates", ("1 likely doubles", "Velkarin Foods Ltd", "agree in name")),
        ("enrich Velkarin Foods", ("likely duplicate", "agreed", "accounts.csv:62")),
        ("normalize the accounts in accounts.csv", ("technolgy", "a proposal", "industry: 3")),
    ],
)
def test_an_answer_is_drawn_with_its_places(cuga: Terminal, goal: str, seen: tuple[str, ...]) -> None:
    said = cuga("run", goal)
    assert said.code == Exit.SUCCESS
    assert [part for part in seen if part not in said.out] == []


def test_every_remark_of_an_import_is_a_row_of_the_report(cuga: Terminal, tmp_path: Path) -> None:
    write_sample(tmp_path / "exports")
    report = tmp_path / "remarks.csv"
    said = cuga("import", str(tmp_path / "exports"), "--dry", "--report", str(report), "--json")
    rows = list(csv.DictReader(report.open(encoding="utf-8", newline="")))
    assert len(rows) == len(said.json["problems"]) > 40
    assert {"kind", "file", "line", "did", "mend"} <= rows[0].keys()


def test_an_import_from_elsewhere_is_compared_with_the_data_before_it(cuga: Terminal, tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "accounts.csv").write_text("account,sector\nTornwick Mills,retail\n")
    assert cuga("import", str(tmp_path / "exports")).code == Exit.SUCCESS
    said = cuga("run", "audit data quality")
    assert "compared with the data before the import of exports" in said.out


def test_a_result_leaves_as_one_workbook(cuga: Terminal, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    cuga("run", "audit data quality")
    (path,) = cuga("export", "last", "--format", "xlsx", "--out", str(tmp_path), "--json").json
    book = openpyxl.load_workbook(io.BytesIO(Path(path).read_bytes()))
    assert {"steps", "s1-findings", "s1-result"} <= set(book.sheetnames)
    assert book["s1-findings"].max_row > 5


def test_one_export_is_imported_by_its_name(cuga: Terminal, tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("account,sector\nTornwick Mills,retail\n")
    (tmp_path / "contacts.csv").write_text("this,is,not,looked,at\n")
    said = cuga("import", str(tmp_path / "accounts.csv"), "--json")
    assert said.code == Exit.SUCCESS and said.json["import"]["files"][0]["file"] == "accounts.csv"
    refused = cuga("import", str(tmp_path / "nothing.csv"))
    assert refused.code == Exit.BAD_INPUT and "there is no" in refused.err and "directory of them" in refused.err


@pytest.mark.parametrize(("deals", "listed", "left"), [(10, 10, ""), (13, 10, " or one of 3 more")])
def test_whoever_is_asked_which_deal_sees_them_all_or_how_many_more(
    cuga: Terminal, tmp_path: Path, deals: int, listed: int, left: str
) -> None:
    (tmp_path / "accounts.csv").write_text("account,sector\nBrackwater Mills,retail\n")
    rows = "".join(f"B-{number},Brackwater Mills,Prospecting\n" for number in range(11, 11 + deals))
    (tmp_path / "opportunities.csv").write_text(f"opportunity_id,account,deal_stage\n{rows}")
    assert cuga("import", str(tmp_path)).code == 0
    called = ("call", "build_mutual_action_plan", "account=Brackwater Mills", "end=2027-03-01")
    (step,) = cuga(*called, "--json").json["steps"]
    assert f"has {deals} open deals" in step["reason"]
    assert step["reason"].count("(Prospecting)") == listed and step["reason"].endswith(f"){left}")
    planned = " ".join(cuga("plan", "Build a mutual action plan for Brackwater Mills by 2027-03-01").out.split())
    note = planned.partition(f"Brackwater Mills has {deals} open deals: ")[2].partition(".")[0]
    assert note.count("B-") == min(deals, 12) and note.endswith(" and 1 more" if deals == 13 else "B-20")
    every = cuga("plan", "Qualify all open deals of Brackwater Mills", "--json")
    assert ("planned for the first 10" in every.out) == (deals > 10)
