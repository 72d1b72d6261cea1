"""The pages of what was said: every heading is a test that there is, and a page notices what is said otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.said import LINES, PLACES, WIDTH, compare, read, write

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(page for place in PLACES for page in (ROOT / place / "said").glob("*.txt"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parts[-3]}/{page.stem}")
def test_every_heading_is_a_test_that_there_is(page: Path) -> None:
    source = (page.parents[1] / f"test_{page.stem}.py").read_text("utf-8")
    tests = set(re.findall(r"^ *(?:async )?def (test_\w+)", source, re.MULTILINE))
    assert {name.partition("[")[0] for name in read(page)} <= tests, "python -m tests.said"


def test_what_is_said_otherwise_or_no_more_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUGA_WRITE_SAID", raising=False)
    page = tmp_path / "said" / "it.txt"
    write(page, {"test_b": ["no"], "test_a": ["x", " y"], "test_c": []})
    assert page.read_text("utf-8") == "## test_a\nx\n y\n\n## test_b\nno\n"
    compare(tmp_path / "test_it.py", "test_a", ["x", " y"])
    compare(tmp_path / "test_it.py", "test_silent", [])
    for test, lines in (("test_a", ["x"]), ("test_a", []), ("test_b", ["No"]), ("test_new", ["x"])):
        with pytest.raises(AssertionError, match=r"python -m tests\.said"):
            compare(tmp_path / "test_it.py", test, lines)


def test_what_is_long_is_summed_up_and_still_held(tmp_path: Path) -> None:
    page = tmp_path / "said" / "it.txt"
    lines = [f"{n}" for n in range(LINES + 5)]
    for test, said in (("test_a", lines), ("test_b", ["x" * (WIDTH - 1)])):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CUGA_WRITE_SAID", "1")
            compare(tmp_path / "test_it.py", test, said)
    assert len(read(page)["test_a"]) == LINES + 1
    with pytest.raises(AssertionError):
        compare(tmp_path / "test_it.py", "test_a", [*lines[:-1], "other"])
