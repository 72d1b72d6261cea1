"""Making and keeping a house from the command line: import, health, backups, stop button, people, rules."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.doors.terminal import Terminal

from cuga.cli.exits import Exit
from cuga.cli.main import main
from cuga.packs.sales.sample import write_sample

SEND = "Draft a first email to the buyer of Velkarin Foods and send it"


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    write_sample(tmp_path / "exports")
    return tmp_path / "exports"


def test_a_house_is_made_from_exports_with_every_problem_named(cuga: Terminal, exports: Path, tmp_path: Path) -> None:
    said = cuga("init", str(tmp_path / "new"), "--from", str(exports))
    assert said.code == Exit.SUCCESS
    assert "679 rows read: 677 stored, 2 not stored" in said.out
    assert "deals.csv:403 'D-1011'" in said.out
    assert "sales_agent as owner" in said.out
    assert "read as 'technology'" in said.out
    assert f'cuga run "Score Ambresco Clinics" --house {tmp_path / "new"}' in said.err
    assert cuga("run", "Score Ambresco Clinics", "--house", str(tmp_path / "new")).code == Exit.SUCCESS


def test_the_same_import_again_changes_nothing(cuga: Terminal, exports: Path, tmp_path: Path) -> None:
    house = str(tmp_path / "new")
    first = cuga("init", house, "--from", str(exports), "--json").json
    assert (first["made"], first["import"]["added"]) == (True, 677)
    registry = (tmp_path / "new" / "registry.yaml").read_text() + "# mine\n"
    (tmp_path / "new" / "registry.yaml").write_text(registry)
    again = cuga("init", house, "--from", str(exports), "--json").json
    assert (again["made"], again["import"]["added"], again["import"]["changed"]) == (False, 0, 0)
    assert again["import"]["unchanged"] == 677
    assert (tmp_path / "new" / "registry.yaml").read_text() == registry


def test_a_mapping_can_be_saved_changed_and_given_back(cuga: Terminal, exports: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.json"
    assert cuga("import", str(exports), "--dry", "--save-mapping", str(mapping)).code == Exit.SUCCESS
    said = json.loads(mapping.read_text())
    assert said["deals.csv"]["columns"]["sales_agent"] == "owner"
    del said["deals.csv"]["columns"]["sales_agent"]
    said["deals.csv"]["columns"]["sales_agent"] = ""
    mapping.write_text(json.dumps(said))
    changed = cuga("import", str(exports), "--dry", "--mapping", str(mapping), "--json").json
    (deals,) = (file for file in changed["files"] if file["file"] == "deals.csv")
    assert {"column": "sales_agent", "field": ""}.items() <= deals["columns"][1].items() or not deals["columns"][1].get(
        "field"
    )


def test_a_dry_import_stores_nothing(cuga: Terminal, exports: Path) -> None:
    (exports / "accounts.csv").write_text("account,sector\nQuillmark Ovens,food\n")
    assert cuga("import", str(exports), "--dry").code == Exit.SUCCESS
    assert cuga("run", "Score Quillmark Ovens").code == Exit.PARKED
    assert cuga("import", str(exports)).code == Exit.SUCCESS
    assert cuga("run", "Score Quillmark Ovens").code == Exit.SUCCESS


@pytest.mark.parametrize("words", [("--from", "nowhere"), ("--from", "empty"), ("--sample", "--from", "empty")])
def test_a_house_is_not_made_from_nothing(cuga: Terminal, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "empty").mkdir()
    said = cuga("init", str(tmp_path / "new"), *words)
    assert said.code == Exit.BAD_INPUT
    assert said.out == ""
    assert "Traceback" not in said.err
    assert not (tmp_path / "new").exists()


def test_an_empty_directory_of_ones_own_outlives_a_house_that_was_not_made(cuga: Terminal, tmp_path: Path) -> None:
    for name in ("empty", "mine"):
        (tmp_path / name).mkdir()
    assert cuga("init", str(tmp_path / "mine"), "--from", str(tmp_path / "empty")).code == Exit.BAD_INPUT
    assert (tmp_path / "mine").is_dir() and not list((tmp_path / "mine").iterdir())


def test_made_up_records_are_not_laid_among_ones_own(cuga: Terminal, exports: Path, tmp_path: Path) -> None:
    (exports / "accounts.csv").write_text("account,sector\nQuillmark Ovens,food\n")
    own = str(tmp_path / "own")
    assert cuga("init", own, "--from", str(exports)).code == Exit.SUCCESS
    said = cuga("init", own, "--sample")
    assert said.code == Exit.BAD_INPUT and "records of its own" in said.err
    assert cuga("demo", own).code == Exit.BAD_INPUT
    assert cuga("init", str(tmp_path / "try"), "--sample").code == Exit.SUCCESS
    assert cuga("init", str(tmp_path / "try"), "--sample").code == Exit.SUCCESS, "the same sample changes nothing"


def test_a_remark_about_a_whole_row_names_no_column(cuga: Terminal, exports: Path) -> None:
    (exports / "deals.csv").write_text("opportunity_id,account,deal_stage,close_date\nD-77,,Prospecting,\nD-78,,Won,\n")
    said = cuga("import", str(exports)).out
    assert "deals.csv:2 'D-77'" in said and "account 'D-77'" not in said


def test_a_house_cannot_be_made_in_the_place_of_a_file(cuga: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = cuga("init", str(tmp_path / "file"), "--sample")
    assert said.code == Exit.BAD_INPUT
    assert "is a file" in said.err


def test_a_directory_that_cannot_be_written_is_said_plainly(cuga: Terminal, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        said = cuga("init", "/proc/house", "--sample")
    else:
        (tmp_path / "closed").mkdir(mode=0o500)
        said = cuga("init", str(tmp_path / "closed" / "house"), "--sample")
    assert said.code == Exit.BAD_INPUT
    assert "cannot be made" in said.err


def test_doctor_says_what_is_there_and_what_is_only_declared(cuga: Terminal) -> None:
    said = cuga("doctor")
    assert said.code == Exit.SUCCESS
    assert "every chain, blob and claim holds" in said.out
    assert "not set up: CUGA_HUBSPOT_TOKEN missing" in said.out


def test_doctor_works_without_a_house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUGA_HOUSE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert main(["doctor", "--json"]) == Exit.SUCCESS
    (house,) = (one for one in json.loads(capsys.readouterr().out) if one["what"] == "house")
    assert "no registry.yaml in" in house["found"] and "cuga init DIR" in house["mend"]
    assert main(["runs"]) == Exit.BAD_INPUT


def test_a_backup_comes_back_and_nothing_runs_before_somebody_accepts_it(cuga: Terminal, tmp_path: Path) -> None:
    cuga("run", "Count the clouds")
    kept = cuga.run_id()
    copy = tmp_path / "backups" / "monday.db"
    made = cuga("backup", str(copy), "--json").json
    assert made["position"] > 0 and len(made["hash"]) == 64
    assert cuga("backup", str(copy)).code == Exit.BAD_INPUT
    cuga("run", "Carve the stone")
    assert cuga("restore", str(copy)).code == Exit.SUCCESS
    assert [line["run_id"] for line in cuga("runs", "--json").json] == [kept]
    lifted = cuga("halt", "--lift")
    assert lifted.code == Exit.REFUSED and "cuga restore --acknowledge" in lifted.err
    doctor = cuga("doctor").out
    assert "cuga restore --acknowledge" in doctor and "--lift" not in doctor
    waiting = cuga("run", "Score Velkarin Foods")
    assert waiting.code == Exit.PARKED
    assert "cuga restore --acknowledge" in " ".join(waiting.out.split())
    assert "work goes on" in cuga("restore", "--acknowledge", "--reason", "nothing was sent").err
    before = cuga("verify").out
    again = cuga("restore", "--acknowledge", "--reason", "once more")
    assert again.code == Exit.SUCCESS and "No restore waits" in again.err and cuga("verify").out == before
    assert cuga("resume", "last").code == Exit.SUCCESS
    assert cuga("verify").code == Exit.SUCCESS


def test_what_is_no_backup_is_not_put_back(cuga: Terminal, tmp_path: Path) -> None:
    cuga("run", "Count the clouds")
    assert cuga("restore", str(tmp_path / "nothing.db")).code == Exit.BAD_INPUT
    assert cuga("restore").code == Exit.BAD_INPUT
    for name, text in (("registry.yaml", "version: 1\n" * 200), ("empty.db", "")):
        (tmp_path / name).write_text(text)
        refused = cuga("restore", str(tmp_path / name))
        assert refused.code == Exit.BAD_INPUT and f"{name} is no backup" in refused.err, refused.err
    assert cuga("backup", str(tmp_path / "broken.db")).code == Exit.SUCCESS
    whole = (tmp_path / "broken.db").read_bytes()
    assert b"clouds" in whole
    (tmp_path / "broken.db").write_bytes(whole.replace(b"clouds", b"crowds"))
    assert cuga("restore", str(tmp_path / "broken.db")).code == Exit.DAMAGED
    assert len(cuga("runs", "--json").json) == 1


def test_a_journal_that_cannot_be_read_is_damaged_for_whoever_verifies_it(cuga: Terminal) -> None:
    journal = cuga.house / "journal.db"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:4096] + bytes(range(256)) * 64 + whole[20480:])
    for words in (("verify",), ("runs",)):
        said = cuga(*words)
        assert said.code == Exit.DAMAGED and "cuga restore" in said.err, said.err
    said = cuga("verify", str(journal))
    assert said.code == Exit.BAD_INPUT, "of a file that somebody hands in nobody knows what it is"


def test_the_stop_button_holds_everything_until_it_is_lifted(cuga: Terminal) -> None:
    assert cuga("halt").code == Exit.BAD_INPUT
    assert "Nothing is halted" in cuga("halt", "--lift").err
    assert cuga("halt", "wrong", "--reason", "price list").code == Exit.SUCCESS
    said = cuga("run", "Score Velkarin Foods")
    assert said.code == Exit.PARKED
    assert "wrong price list" in said.out and "cuga halt --lift" in said.out
    assert cuga("halt", "--lift").code == Exit.SUCCESS
    assert cuga("resume", "last").code == Exit.SUCCESS


def test_a_standing_rule_agrees_to_drafts_but_never_to_sending(cuga: Terminal) -> None:
    refused = cuga("rules", "add", "send_message")
    assert refused.code == Exit.REFUSED
    assert cuga("rules", "add", "draft_outbound_message", "--uses", "1").code == Exit.SUCCESS
    assert "draft_outbound_message" in cuga("rules").out
    assert cuga("run", SEND, "--profile", "enterprise").code == Exit.PARKED
    (card,) = cuga("inbox", "--json").json
    assert card["tool"] == "send_message"
    rules = cuga("rules", "--json").json["standing_rules"]
    for rule in rules:
        assert cuga("rules", "revoke", rule["rule_id"]).code == Exit.SUCCESS
    assert "No standing rules" in cuga("rules").out


def test_people_stand_in_for_each_other_for_a_time(cuga: Terminal) -> None:
    cuga("users", "add", "mara", "--role", "approver")
    cuga("users", "add", "tom", "--role", "viewer")
    assert cuga("delegate", "mara", "tom", "--days", "3").code == Exit.SUCCESS
    said = cuga("users").out
    assert "decides for mara until" in said
    assert cuga("users", "grant", "tom", "--role", "approver").code == Exit.SUCCESS
    assert "approver" in cuga("users", "--json").json["roles"]["tom"]
    assert cuga("users", "add", "eve", "--role", "emperor").code == Exit.BAD_INPUT


def test_an_adapter_that_is_switched_off_is_not_used(cuga: Terminal) -> None:
    assert cuga("adapters", "disable", "offline", "--reason", "moving").code == Exit.SUCCESS
    assert "switched off: moving" in cuga("adapters").out
    assert cuga("run", "Score Velkarin Foods").code != Exit.SUCCESS
    assert cuga("adapters", "enable", "offline").code == Exit.SUCCESS
    assert cuga("run", "Score Velkarin Foods").code == Exit.SUCCESS


def test_every_mistake_of_a_registry_is_named_with_its_line(cuga: Terminal, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text((cuga.house / "registry.yaml").read_text() + "tools:\n  send_mesage: {cost: 1}\n")
    said = cuga("policy", "check", str(broken))
    assert said.code == Exit.BAD_INPUT
    assert "did you mean 'send_message'" in said.err
    broken.write_text("version: 1\nprofiles:\n  a: {calls: x}\n  b: {cals: 2}\n")
    said = cuga("policy", "check", str(broken), "--json")
    lines = {mistake["line"] for mistake in said.json["error"]["mistakes"]}
    assert {3, 4} <= lines
    assert cuga("policy", "check").code == Exit.SUCCESS
    assert cuga("policy", "check", str(tmp_path / "none.yaml")).code == Exit.BAD_INPUT


def test_a_house_is_for_its_owner_alone(cuga: Terminal, tmp_path: Path) -> None:
    house = tmp_path / "new"
    assert cuga("init", str(house), "--sample").code == Exit.SUCCESS
    assert cuga("run", "Score Velkarin Foods", "--house", str(house)).code == Exit.SUCCESS
    modes = {path.name: path.stat().st_mode & 0o777 for path in (house, *house.iterdir())}
    for name in ("registry.yaml", "crm.db", "journal.db", "views.db"):
        assert modes[name] == 0o600, name
    for name in ("new", "outbox", "documents"):
        assert modes[name] == 0o700, name
    assert "only its owner" in cuga("doctor", "--house", str(house)).out
    house.chmod(0o755)
    assert "chmod -R go-rwx" in cuga("doctor", "--house", str(house)).out


def test_the_house_of_somebody_else_is_said_plainly(
    cuga: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_is_ours(path: str | Path, _wanted: int) -> bool:
        return not Path(path).is_relative_to(cuga.house)

    monkeypatch.setattr(os, "access", nothing_is_ours)
    said = cuga("runs")
    assert said.code == Exit.REFUSED
    assert "this house belongs to " in said.err and "Traceback" not in said.err and "nobody expected" not in said.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into everything")
def test_a_house_that_cannot_even_be_looked_into_is_said_plainly(cuga: Terminal) -> None:
    cuga.house.chmod(0o000)
    try:
        said = cuga("runs")
    finally:
        cuga.house.chmod(0o700)
    assert said.code == Exit.REFUSED and "belongs to" in said.err


def test_doctor_remembers_runs_that_wait(cuga: Terminal) -> None:
    assert "none waits" in cuga("doctor").out
    cuga("run", "Score")
    said = cuga("doctor").out
    assert "1 run waits for a person" in said and "cuga runs --status parked" in said


def test_a_house_whose_registry_is_broken_still_answers_and_can_be_stopped(cuga: Terminal) -> None:
    cuga("run", "Draft a first email to the buyer of Velkarin Foods and send it", "--profile", "enterprise")
    waiting = cuga("inbox", "--json").json[0]["approval_id"]
    registry = cuga.house / "registry.yaml"
    whole = registry.read_text()
    registry.write_text(whole + "\nbad: 1\n")
    assert cuga("inbox", "--json").json[0]["approval_id"] == waiting
    assert cuga("verify").code == Exit.SUCCESS
    said = cuga("doctor")
    assert said.code == Exit.DAMAGED and "it cannot be loaded, and nothing starts" in said.out
    assert cuga("run", "Score Velkarin Foods").code == Exit.BAD_INPUT
    assert cuga("approve", waiting).code == Exit.PARKED, "agreed to, and nothing is called before the rules are known"
    assert "halted" in cuga("show", cuga.run_id()).out
    assert cuga("halt", "stop it").code == Exit.SUCCESS
    registry.write_text(whole)
    assert cuga("halt", "--lift").code == Exit.SUCCESS


def test_who_decides_is_who_runs_the_command_and_not_what_the_environment_says(
    cuga: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuga("users", "add", "bea", "--role", "approver")
    cuga("run", "Draft a first email to the buyer of Velkarin Foods and send it", "--profile", "enterprise")
    waiting = cuga("inbox", "--json").json[0]["approval_id"]
    for name in ("USER", "LOGNAME", "USERNAME", "LNAME"):
        monkeypatch.setenv(name, "bea")
    assert cuga("approve", waiting).code == Exit.REFUSED


@pytest.mark.parametrize("way", ["restore", "import", "verify"])
def test_what_may_not_be_read_is_not_called_missing(
    cuga: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    shut = tmp_path / "shut"
    shut.mkdir()
    (shut / "given.csv").write_text("account,sector\nBrackwater Mills,retail\n")
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, wanted: not Path(path).is_relative_to(shut) and may(path, wanted))
    for given in (shut, shut / "given.csv"):
        said = cuga(way, str(given))
        assert said.code == Exit.BAD_INPUT
        assert f"{given} may not be read by this user" in said.err and f"ls -ld {shut}" in said.err
    assert "there is no " in cuga(way, str(tmp_path / "missing.csv")).err


@pytest.mark.parametrize("way", ["restore", "import", "verify"])
@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into everything")
def test_a_directory_that_is_closed_to_us_is_not_called_missing(cuga: Terminal, tmp_path: Path, way: str) -> None:
    (shut := tmp_path / "shut").mkdir(mode=0o000)
    for given in (shut, shut / "given.csv"):
        said = cuga(way, str(given))
        assert said.code == Exit.BAD_INPUT and "may not be read by this user" in said.err
