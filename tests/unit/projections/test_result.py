"""What came of a run, and the files it can be exported to."""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.projections.histories import House, plan, sold, step, varied

from cuga.errors import BadInput, NotFound, RunNotFound
from cuga.model.event import Verdict
from cuga.model.failure import FailureMode
from cuga.model.house_event import HouseOpened
from cuga.model.outcome import Certainty
from cuga.projections.export import cell, exported, tables_of, to_csv
from cuga.projections.result import RunResult, read_result, result_of
from cuga.projections.steps import StepResult


@pytest.fixture
async def house() -> House:
    house = House()
    await varied(house)
    return house


async def steps(house: House, run_id: str) -> dict[str, StepResult]:
    return {one.step: one for one in (await read_result(house.journal, run_id)).steps}


async def test_a_result_says_how_it_ended_and_shows_each_step() -> None:
    house = House()
    await sold(house)
    result = await read_result(house.journal, "r1")
    assert (result.status, result.reason, result.next) == ("success", "every required step is done", ())
    assert (result.cost, result.calls, result.duration_us) == (3_500_000, 3, 93_000_000)
    assert (result.why, result.notes) == (("it fits",), ("the buyer is unknown",))
    assert [(one.step, one.state, one.cost, one.duration_us) for one in result.steps] == [
        ("s1", "done", 500_000, 12_000), ("s2", "done", 1_000_000, 20_000), ("s3", "done", 2_000_000, 30_000),
    ]  # fmt: skip
    sent = result.steps[2]
    assert (sent.approval, sent.approved_by, sent.provider_reference) == ("r1-a2", "bob", "<m1@house>")
    assert sent.depends_on == ("s2",) and sent.purpose == "because of s3"
    assert result.outputs["s2"]["body"] == "Hello"


async def test_evidence_unknowns_and_artefacts_are_gathered_from_the_outputs() -> None:
    house = House()
    await sold(house)
    result = await read_result(house.journal, "r1")
    assert [(row.step, row.record, row.field, row.value, row.source) for row in result.evidence] == [
        ("s1", "acc-1", "name", "Acme", "accounts.csv:2"), ("s2", "acc-1", "name", "Acme", "accounts.csv:2"),
    ]  # fmt: skip
    assert [(said.step, said.text) for said in result.unknowns] == [("s1", "revenue")]
    assert [(said.step, said.text) for said in result.artefacts] == [("s3", "outbox/1.eml")]


async def test_odd_evidence_is_passed_over_and_odd_notes_are_shown_as_json() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "look")))
    output = [
        {"evidence": ["?", {"field": "x"}]},
        {"evidence": {"record": 7, "value": None}, "unknowns": [None, {"why": 1}, ""]},
    ]
    await house.done("r1", "s1", output)
    result = await read_result(house.journal, "r1")
    assert [(row.record, row.value) for row in result.evidence] == [("7", "")]
    assert [said.text for said in result.unknowns] == ['{"why":1}']


async def test_large_outputs_are_read_in_and_erased_ones_are_gone() -> None:
    house = House()
    await sold(house, blob=True)
    result = await read_result(house.journal, "r1")
    assert result.outputs["s2"]["body"] == "Hello" and result.steps[1].blob is not None

    class Erased:
        def __getattr__(self, name: str) -> Any:
            return getattr(house.journal, name)

        async def blob(self, digest: str) -> bytes:
            raise NotFound(digest)

    gone = await read_result(Erased(), "r1")  # type: ignore[arg-type]
    assert gone.steps[1].state == "done" and gone.outputs["s2"] is None


async def test_steps_that_were_not_done_say_why(house: House) -> None:
    assert (await steps(house, "broken"))["s1"].reason == "s1 broke"
    assert (await steps(house, "broken"))["s1"].attempts == 3
    assert (await steps(house, "denied"))["s3"].reason == "too early"
    assert (await steps(house, "doubtful"))["s1"].reason == "s1 broke"
    assert (await steps(house, "waiting"))["s1"].reason == "waits for approver: waiting-a1"
    assert (await steps(house, "happened"))["s1"].note == "bob said that it happened"
    assert "needs s1" in (await steps(house, "didnot"))["s2"].reason
    assert (await steps(house, "planned"))["s1"].state == "skipped"
    assert {one.state for one in (await steps(house, "thirsty")).values()} == {"done", "pending"}


async def test_a_step_that_waits_to_be_tried_again_says_what_went_wrong() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "look")))
    await house.failed("r1", "s1")
    assert (await steps(house, "r1"))["s1"].reason == "s1 broke"
    house.tick(40)
    await house.wake("r1")
    again = (await steps(house, "r1"))["s1"]
    assert (again.state, again.reason, again.attempts) == ("calling", "", 2)


async def test_what_each_step_cost_adds_up_to_what_the_run_used(house: House) -> None:
    for run_id in house.states:
        result = await read_result(house.journal, run_id)
        assert sum(one.cost for one in result.steps) == result.cost, run_id


async def test_an_effect_that_surely_did_not_happen_costs_nothing() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "send")))
    await house.decide("r1", Verdict.APPROVE)
    await house.failed("r1", "s1", FailureMode.AGENT_VALIDATION, Certainty.NOT_DONE)
    assert (await steps(house, "r1"))["s1"].cost == 0


async def test_a_run_that_goes_on_says_so_and_what_helps(house: House) -> None:
    assert (await read_result(house.journal, "changed")).reason == "it is running"
    waiting = await read_result(house.journal, "waiting")
    assert (
        waiting.next[0].startswith("cuga approve waiting-a1    by somebody who is approver")
        and waiting.ended_at is None
    )
    assert (await read_result(house.journal, "asked")).questions == ("Which Acme?",)
    assert (await read_result(house.journal, "unplanned")).steps == ()


async def test_the_json_form_reads_back_as_the_same_result(house: House) -> None:
    for run_id in house.states:
        result = await read_result(house.journal, run_id)
        assert msgspec.json.decode(result.json(), type=RunResult) == result
        assert result == result_of(run_id, await house.events(run_id), {})


async def test_a_run_that_is_not_there_is_named(house: House) -> None:
    await house.journal.append("house", 0, [HouseOpened(at=house.clock.now(), tenant="local", owner="ada")])
    for name in ("nobody", "house"):
        with pytest.raises(RunNotFound, match=name):
            await read_result(house.journal, name)


# --- export ----------------------------------------------------------------------------------------------------------
async def test_a_result_is_exported_as_tables_or_as_json() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "look"), step("s2", "look"), step("s3", "look")))
    await house.done(
        "r1", "s1", {"rows": [{"name": "Acme", "revenue": 12}, {"name": "=cmd()", "open": True}], "unknowns": ["x"]}
    )
    await house.done("r1", "s2", [{"a": 1}])
    await house.done("r1", "s3", {"rows": ["not", "a", "table"]})
    result = await read_result(house.journal, "r1")
    assert list(tables_of(result)) == ["steps", "unknowns", "s1-rows", "s2-rows"]
    files = exported(result, "csv")
    assert set(files) == {"r1-steps.csv", "r1-unknowns.csv", "r1-s1-rows.csv", "r1-s2-rows.csv"}
    assert files["r1-s1-rows.csv"] == b"name,revenue,open\r\nAcme,12,\r\n'=cmd(),,yes\r\n"
    rows = list(csv.DictReader(io.StringIO(files["r1-steps.csv"].decode())))
    assert [(row["step"], row["state"], row["cost"]) for row in rows] == [(f"s{n}", "done", "0.5") for n in (1, 2, 3)]
    (body,) = exported(result, "json").values()
    assert msgspec.json.decode(body, type=RunResult) == result
    assert exported(result, "json", lambda raw: raw.replace(b"Acme", b"----"))["r1.json"].count(b"----")
    with pytest.raises(BadInput, match="xls"):
        exported(result, "xls")


HOSTILE_NAMES = [
    "../../evil",
    "/etc/passwd",
    "a\\b",
    "nul\0",
    "x" * 500,
    "\u202egnp.exe",
    "con:",
    "'quoted'",
    "A",
    "a",
    "a-2",
]


async def test_whatever_a_tool_calls_its_tables_their_files_lie_where_they_are_put(tmp_path: Path) -> None:
    house = House()
    await house.start("r1", plan(step("s1", "look")))
    await house.done("r1", "s1", {name: [{"number": at}] for at, name in enumerate(HOSTILE_NAMES)})
    files = exported(await read_result(house.journal, "r1"), "csv")
    assert len(files) == len({name.casefold() for name in files}) == 1 + len(HOSTILE_NAMES)
    for name, body in files.items():
        (tmp_path / name).write_bytes(body)
    assert set(os.listdir(tmp_path)) == set(files)
    assert all(re.fullmatch(r"[\w.#-]+", name) for name in files)
    assert sorted(body for name, body in files.items() if "steps" not in name) == sorted(
        f"number\r\n{at}\r\n".encode() for at in range(len(HOSTILE_NAMES))
    )


async def test_whatever_a_tool_calls_its_tables_the_workbook_opens() -> None:
    openpyxl = pytest.importorskip("openpyxl")
    house = House()
    await house.start("r1", plan(step("s1", "look")))
    await house.done("r1", "s1", {name: [{"number": at}] for at, name in enumerate(HOSTILE_NAMES)})
    files = exported(await read_result(house.journal, "r1"), "xlsx")
    book = openpyxl.load_workbook(io.BytesIO(files["r1.xlsx"]))
    assert sorted(book[name]["A2"].value for name in book.sheetnames if name != "steps") == list(
        range(len(HOSTILE_NAMES))
    )


async def test_no_table_of_a_result_takes_the_place_of_another() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "look"), step("s1-x", "look")))
    await house.done("r1", "s1", {"result": [{"name": "Acme"}], "total": 1, "x-y": [{"of": "s1"}]})
    await house.done("r1", "s1-x", {"y": [{"of": "s1-x"}]})
    files = exported(await read_result(house.journal, "r1"), "csv")
    told = b"".join(body for name, body in files.items() if "steps" not in name)
    assert all(row in told for row in (b"name\r\nAcme", b"total\r\n1", b"of\r\ns1\r\n", b"of\r\ns1-x"))


async def test_a_result_is_exported_as_a_workbook_that_runs_nothing() -> None:
    openpyxl = pytest.importorskip("openpyxl")
    house = House()
    await house.start("r1", plan(step("s1", "look"), step("s2", "look")))
    await house.done("r1", "s1", {"rows": [{"name": "=1+1", "sum": 12, "text": "a\x00b"}], "score": 7, "ok": True})
    await house.done("r1", "s2", {"clusters": [{"who": "+49"}], "rules": [{"kind": "x"}]})
    files = exported(await read_result(house.journal, "r1"), "xlsx", lambda raw: raw.replace(b"+49", b"---"))
    book = openpyxl.load_workbook(io.BytesIO(files["r1.xlsx"]))
    assert book.sheetnames == ["steps", "s1-rows", "s1-result", "s2-clusters", "s2-rules"]
    (header, row) = book["s1-rows"].iter_rows()
    assert [cell.value for cell in header] == ["name", "sum", "text"]
    assert [(cell.value, cell.data_type) for cell in row] == [("=1+1", "s"), (12, "n"), ("ab", "s")]
    assert [cell.value for cell in list(book["s1-result"].iter_rows())[1]] == ["yes", 7]
    assert book["s2-clusters"]["A2"].value == "---"


async def test_without_the_extra_a_workbook_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    await house.start("r1", plan(step("s1", "look")))
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(BadInput, match="openpyxl") as caught:
        exported(await read_result(house.journal, "r1"), "xlsx")
    assert "csv" in caught.value.next_step


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=x", "  =x", "＝1+1", "-"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert cell(text) == f"'{text}"


@given(st.text())
def test_no_text_cell_begins_like_a_formula(text: str) -> None:
    written = next(csv.reader(io.StringIO(to_csv([{"x": text}]), newline="")), None)
    rows = list(csv.reader(io.StringIO(to_csv([{"x": text, "y": "."}]), newline="")))
    assert written == ["x"]
    assert not rows[1][0].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert rows[1][0].removeprefix("'") == text.removeprefix("'")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(None, ""), (True, "yes"), (False, "no"), (-5, -5), (1.5, 1.5), ("plain", "plain"), (["a"], '["a"]'), ({}, "{}")],
)
def test_numbers_stay_numbers_and_the_rest_becomes_text(value: Any, wanted: Any) -> None:
    assert cell(value) == wanted


def test_an_empty_table_is_only_its_head() -> None:
    assert to_csv([]) == "\r\n"
