"""What data says is drawn as it is: it moves no cursor, turns no direction, hides nothing, and is no formula."""

from __future__ import annotations

import csv
import io
import re

import pytest
from rich.text import Text
from tests.doors.terminal import Terminal

from cuga.cli import screen
from cuga.projections.card import shown
from cuga.projections.export import to_csv, to_workbook

ESCAPES = [
    "\x1b[2J\x1b[1;1Happroved", "\x1b]0;title\x07", "\x1b]8;;http://x.example\x1b\\link",
    "\x9b31m", "a\x08\x08b",
    "a\rb", "\x1bP+q\x1b\\", "\x7f", "a\x00b", "\x1b[8mhidden\x1b[0m",
]  # fmt: skip
TURNING = [
    "\u202egnp.exe",
    "\u2066a\u2069",
    "a\u200bb",
    "\ufeffa",
    "a\u2028b",
    "\u061ca",
    "a\u00adb",
    "a\u3164b",
    "a\u115fb",
    "\U000e0041\U000e0042",
    "\ud800",
]
FORMULAS = [
    '=HYPERLINK("http://x.example")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "＝1",
    "＋1",
    "－1",
    "＠1",
]
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u115f\u3164\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e0fff]"
)


@pytest.mark.parametrize("text", [*ESCAPES, *TURNING], ids=ascii)
def test_a_text_is_spelled_out_before_a_terminal_sees_it(text: str) -> None:
    for drawn in (screen.harmless(text), screen.one_line(text), screen.text(text).plain, shown(text)):
        assert not CONTROL.search(drawn), ascii(drawn)
    assert isinstance(screen.text("[bold]x[/bold]"), Text) and screen.text("[bold]x").plain == "[bold]x"


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_a_text_is_no_formula_in_a_table_that_is_handed_on(text: str) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    table = [{text: text, "n": -5, "deep": [text]}]
    for row in csv.reader(io.StringIO(to_csv(table), newline="")):
        assert all(not cell.lstrip().startswith(tuple("=+-@＝＋－＠")) or cell == "-5" for cell in row), row
    for row in openpyxl.load_workbook(io.BytesIO(to_workbook({text: table}))).worksheets[0].iter_rows():
        assert all(cell.data_type in ("s", "n") for cell in row)


def test_a_record_that_wants_to_draw_is_shown_as_data(cuga: Terminal, tmp_path) -> None:
    (tmp_path / "exports").mkdir()
    names = [f"Quill {at} {text}" for at, text in enumerate([*ESCAPES, *TURNING]) if "\ud800" not in text]
    with (tmp_path / "exports/accounts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("Name", "Industry"), *((name, "\x1b[31mred") for name in names)])
    said = [cuga("import", str(tmp_path / "exports"))]
    said += [
        cuga(*words)
        for words in (("run", f"Score {names[0]}"), ("run", "audit data quality"), ("runs",), ("audit", "last"))
    ]
    for one in said:
        assert not CONTROL.search(one.out + one.err), ascii(one.out)
