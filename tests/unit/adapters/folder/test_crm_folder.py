"""A CRM that is a directory of CSV files: read as they are now, never written, and plain about what cannot be read."""

from __future__ import annotations

import os
from datetime import date

import pytest

from cuga.adapters.capability import CrmRead, CrmWrite, Filter
from cuga.adapters.folder import CrmFolder, crm_folder
from cuga.errors import NotDone
from cuga.model.failure import FailureMode
from cuga.model.value import MICRO


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "accounts.csv").write_text(
        'id,name,employees,revenue,industry,own_column\na1,Alba,120,"1,500,000.50",retail,x\na2,Bolt,,,,\n',
        encoding="utf-8-sig",
    )
    (tmp_path / "opportunities.csv").write_text("id,name,account_id,status,opened\nd1,First,a1,won,2026-01-05\n")
    (tmp_path / "contacts.csv").write_text("id,name,account_id,unsubscribed\nc1,Ann,a1,true\n")
    made = CrmFolder(tmp_path)
    yield made
    made.close()


def test_records_are_read_with_their_types_and_places(folder):
    assert isinstance(folder, CrmRead) and not isinstance(folder, CrmWrite)
    alba = folder.get("accounts", "a1")
    assert (alba.employees, alba.revenue, alba.industry) == (120, 1_500_000 * MICRO + MICRO // 2, "retail")
    assert (alba.source.file, alba.source.line, alba.raw["own_column"]) == ("accounts.csv", 2, "x")
    bolt = folder.get("accounts", "a2")
    assert (bolt.employees, bolt.revenue, bolt.industry) == (None, None, "")
    assert folder.get("opportunities", "d1").opened == date(2026, 1, 5)
    assert folder.get("contacts", "c1").unsubscribed is True


def test_it_answers_like_any_crm(folder):
    assert folder.names("accounts") == (("a1", "Alba"), ("a2", "Bolt"))
    assert folder.lookup("accounts", "ALBA").found.id == "a1"
    assert [one.id for one in folder.query("accounts", [Filter(field="employees", op="known")], order="name")] == ["a1"]
    assert folder.count("accounts") == 2 and folder.count("products") == 0
    assert folder.group("opportunities", "status") == [("won", 1)]


def test_a_change_of_a_file_is_seen_by_the_next_question(folder, tmp_path):
    before, names = folder.crm_version(), folder.names("accounts")
    assert folder.names("accounts") is names, "nothing is read again while nothing has changed"
    (tmp_path / "accounts.csv").write_text("id,name\na3,Cord\n")
    assert folder.names("accounts") == (("a3", "Cord"),) and folder.crm_version() != before
    (tmp_path / "contacts.csv").unlink()
    assert folder.count("contacts") == 0


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("name\nAlba\n", "accounts.csv has no column id"),
        ("id,employees\na1,many\n", "accounts.csv:2: "),
        ("id,revenue\na1,2\na2,much\n", "accounts.csv:3: "),
        ("id,revenue\na1,1e999\n", "accounts.csv:2: "),
        ("id,name\n\xff\n", "accounts.csv: "),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_nothing_is_made_up(folder, tmp_path, text, what):
    (tmp_path / "accounts.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(NotDone) as error:
        folder.names("contacts")
    assert what in str(error.value) and error.value.facts["mode"] is FailureMode.RESOURCE_TOOL_UNAVAILABLE
    assert "cuga adapters disable folder" in error.value.next_step


def test_a_directory_that_is_gone_is_not_an_empty_one(folder, tmp_path):
    assert folder.is_there
    os.rename(tmp_path, tmp_path.with_name("gone"))
    assert not folder.is_there
    with pytest.raises(NotDone, match="is no directory"):
        folder.count("accounts")


def test_a_file_that_is_too_large_is_not_read(folder, monkeypatch):
    monkeypatch.setattr(crm_folder, "MAX_BYTES", 10)
    with pytest.raises(NotDone, match="larger than 10 bytes"):
        folder.count("accounts")


def test_a_file_that_may_not_be_looked_at_is_said(folder, tmp_path):
    (tmp_path / "products.csv").symlink_to("products.csv")
    with pytest.raises(NotDone, match=r"products\.csv: "):
        folder.count("accounts")


def test_an_empty_file_has_no_records(folder, tmp_path):
    (tmp_path / "accounts.csv").write_text("")
    assert folder.count("accounts") == 0
