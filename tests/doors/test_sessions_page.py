"""The five sittings of the page are real: every line that it shows is in what the commands say, in that order."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from tests.docs.pages import blocks, page
from tests.doors.terminal import Terminal

DATA = Path(os.environ.get("CUGA_TEST_DATA") or "nowhere") / "maven_crm"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="CUGA_TEST_DATA names no directory with maven_crm in it")
AS_OF = ("run", "quick")


def flat(text: str) -> str:
    """Words alone: where a line breaks and what frames it depends on the terminal."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


def test_every_line_that_the_page_shows_is_said(
    cuga: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = str(tmp_path / "maven")
    monkeypatch.setattr("cuga.orchestrator.house.opened.system_user", lambda: "ann")
    assert cuga("init", house, "--from", str(DATA)).code == 0
    lines = [
        line for block in blocks(page("explanation/sessions.md"), "console maven") for line in block.text.splitlines()
    ]
    said, commands = "", 0
    for line in lines:
        if found := re.match(r"(ann|bea)\$ cuga (.*)", line):
            monkeypatch.setattr("cuga.orchestrator.house.opened.system_user", lambda who=found[1]: who)
            newest = cuga("runs", "--json", "--limit", "1", "--house", house).json
            words = [word.replace("RUN", newest[0]["run_id"]) if newest else word for word in shlex.split(found[2])]
            dated = ("--as-of", "2017-12-31") if words[0] in AS_OF else ()
            answer = cuga(*words, *dated, "--house", house)
            assert answer.code in (0, 3, 4), (line, answer.out, answer.err)
            said, commands = flat(answer.out), commands + 1
        elif line.strip() != "...":
            assert flat(line) in said, (line, said)
            said = said.split(flat(line), 1)[1]
    assert commands > 12
