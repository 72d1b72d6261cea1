"""Erasing a person and reducing old runs, as whoever runs a house does it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.doors.terminal import Terminal, ended

from cuga.adapters.offline import CrmStore

PERSON = "Yolanthe Brackwater"
ADDRESS = "yolanthe@brackwater.example"


@pytest.fixture
def used(cuga: Terminal, tmp_path: Path) -> Terminal:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "accounts.csv").write_text("account,sector\nBrackwater Mills,retail\n")
    (exports / "contacts.csv").write_text(f"name,email,account\n{PERSON},{ADDRESS},Brackwater Mills\n")
    assert cuga("import", str(exports)).code == 0
    assert cuga("run", f"Draft an email to {PERSON}", "--profile", "smb").code in (0, 3, 4, 5)
    shutil.rmtree(exports)  # whoever erases somebody sees to the exports they came from
    return cuga


def test_where_somebodys_data_are_is_shown_and_nothing_is_erased(used: Terminal) -> None:
    said = used("erase", PERSON, "--dry-run")
    assert said.code == 0 and ADDRESS in said.out and "1 run" in said.out
    held = used("erase", ADDRESS, "--dry-run", "--json").json
    assert held["runs"][0] in said.out
    assert len(held["contacts"]) == 1 and len(held["runs"]) == 1 and held["clear_events"] == 0


def test_erasing_does_not_wait_where_nobody_can_answer(used: Terminal) -> None:
    process = used.start("erase", PERSON, "--reason", "asked for it", stdin=subprocess.PIPE)
    try:
        assert process.wait(60) == 2
    finally:
        process.kill()
    assert "--yes answers" in ended(process).err
    assert used("erase", PERSON, "--dry-run").code == 0


def test_erasing_asks_first_and_is_not_done_for_another_word(used: Terminal) -> None:
    erase = ("erase", PERSON, "--reason", "asked for it")
    assert used("erase", PERSON).code == 2
    said = used.typed(*erase, prompt="to go on: ", answer="yes\r")
    assert said.code == 2 and ADDRESS in said.out and "nothing was erased" in said.out
    assert used("erase", PERSON, "--dry-run").code == 0
    said = used.typed(*erase, prompt="to go on: ", answer="erase\r")
    assert said.code == 0 and "backups" in said.out.lower()
    assert used("erase", PERSON, "--dry-run").code == 2
    assert PERSON.encode() not in b"".join(file.read_bytes() for file in used.house.rglob("*") if file.is_file())
    assert used("verify").code == 0 and used("runs").code == 0 and used("show", "last").code == 0


def test_a_first_name_goes_with_the_talk_that_somebody_was_in(used: Terminal, tmp_path: Path) -> None:
    (tmp_path / "activities.csv").write_text(
        "activity_id,type,who,account,notes\n"
        f'T1,call,{PERSON},Brackwater Mills,"I sign it myself, said Yolanthe"\n'
        f"T2,call,{PERSON},Brackwater Mills,The budget is approved\n"
        "T3,call,Ada Kestrel,Brackwater Mills,Yolanthe is another one here\n"
    )
    assert used("import", str(tmp_path / "activities.csv")).code == 0
    assert used("erase", PERSON, "--reason", "asked for it", "--yes").code == 0
    store = CrmStore.open(used.house / "crm.db")
    talks = {one: store.get("activities", one) for one in ("T1", "T2", "T3")}
    store.close()
    assert [talks[one].text for one in talks] == [
        "[erased]", "The budget is approved", "Yolanthe is another one here",
    ]  # fmt: skip
    assert talks["T1"].account == talks["T2"].account == "Brackwater Mills"
    assert "sign it" not in str(talks["T1"].raw) and "Brackwater Mills" in str(talks["T1"].raw)


def test_old_runs_are_counted_before_they_are_reduced(used: Terminal) -> None:
    too_young = used("retain", "--older-than", "1mo")
    assert too_young.code == 2 and "six months" in too_young.err
    assert used("retain").code == 2
    said = used("retain", "--older-than", "18mo", "--dry-run")
    assert said.code == 0 and "0 runs" in said.out


def exported(directory: Path) -> Path:
    """An export in which somebody stands three times, once of them on a list of those who must not be written to."""
    directory.mkdir()
    (directory / "accounts.csv").write_text("account,sector\nBrackwater Mills,retail\n")
    (directory / "contacts.csv").write_text(
        f"name,email,phone,account\nOra Quill,ora@brackwater.example,,Brackwater Mills\n"
        f"{PERSON},{ADDRESS},not a number,Brackwater Mills\n"
    )
    (directory / "activities.csv").write_text(
        "date,type,contact,account,notes\n"
        "2026-01-05,call,Ora Quill,Brackwater Mills,asked for a quote\n"
        f"2026-01-06,mail,{ADDRESS},Brackwater Mills,wrote from {ADDRESS}\n"
    )
    (directory / "suppression.csv").write_text(f"email,reason\n{ADDRESS},asked us to stop\n")
    return directory


def contacts(cuga: Terminal) -> list[str]:
    store = CrmStore.open(cuga.house / "crm.db")
    try:
        return sorted(record.name for record in store.each("contacts"))
    finally:
        store.close()


@pytest.fixture
def erased(used: Terminal) -> Terminal:
    assert used("erase", PERSON, "--reason", "asked for it", "--yes").code == 0
    return used


def test_an_import_does_not_bring_an_erased_person_back_and_names_the_row(erased: Terminal, tmp_path: Path) -> None:
    directory = exported(tmp_path / "again")
    for words in (("--dry",), ()):
        said = erased("import", str(directory), *words, "--report", str(tmp_path / "all.csv"))
        assert said.code == 0 and "person erased: left out: this person was erased here" in said.out
        assert "contacts.csv:3" in said.out and "activities.csv:3" in said.out and "--bring-back-erased" in said.out
        told = (tmp_path / "all.csv").read_text()
        for shown in (said.out, said.err, told):
            assert "Yolanthe" not in shown and ADDRESS not in shown and "not a number" not in shown
    assert "Ora Quill" in contacts(erased) and PERSON not in contacts(erased)
    assert PERSON.encode() not in (erased.house / "crm.db").read_bytes() and erased("verify").code == 0
    counted = erased("import", str(directory), "--json").json["import"]
    assert counted["erased"] == 2 and counted["added"] == 0


def test_whoever_asks_for_it_brings_them_back_and_mail_stays_blocked(erased: Terminal, tmp_path: Path) -> None:
    said = erased("import", str(exported(tmp_path / "again")), "--bring-back-erased")
    assert said.code == 0 and "brought back, as asked" in said.out and "contacts.csv:3" in said.out
    assert PERSON in contacts(erased)
    said = erased("run", f"Draft an email to {ADDRESS} and send it", "--profile", "smb")
    assert said.code == 3 and "must not be written to" in said.out and erased("inbox", "--json").json == []


def test_a_house_that_erased_nobody_imports_as_ever(cuga: Terminal, tmp_path: Path) -> None:
    said = cuga("import", str(exported(tmp_path / "first")), "--json").json["import"]
    assert said["erased"] == 0 and PERSON in contacts(cuga)


def test_an_export_of_nothing_but_erased_people_is_no_mistake(erased: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text(f"name,email\nSomebody Else,{ADDRESS.upper()}\n")
    before = contacts(erased)
    said = erased("import", str(file))
    assert said.code == 0 and "0 stored, 1 not stored" in said.out and contacts(erased) == before
