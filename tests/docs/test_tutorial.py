"""The tutorials do what they say: their commands run as they stand, in order, in one shell session."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, blocks, page

LEFT = {"first-run": "Subject: A question about your shifts", "your-own-csv": "To: jana.petersen@nordwind.example"}


@pytest.mark.parametrize("name", LEFT)
def test_every_command_of_a_tutorial_ends_as_the_page_says(name: str, tmp_path: Path) -> None:
    shown = blocks(page(f"tutorial/{name}.md"))
    here = tmp_path / "here"
    commands = tmp_path / "bin"
    for directory in (here, commands):
        directory.mkdir()
    command = commands / "cuga"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cuga.cli "$@"\n')
    command.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CUGA_")}
    environment |= {
        "PATH": f"{commands}{os.pathsep}{environment['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    ran = 0
    for block in [block for block in shown if block.words.startswith("sh")]:
        expected = int((re.search(r"exit=(\d+)", block.words) or ["", "0"])[1])
        *earlier, last = block.text.strip().splitlines()
        script = "\n".join(["set -e", *earlier, "set +e", last, "code=$?", f"pwd > {tmp_path}/where", "exit $code"])
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=180,
        )
        assert done.returncode == expected, f"line {block.line}: {block.text}\n{done.stdout}\n{done.stderr}"
        here = Path((tmp_path / "where").read_text().strip())
        ran += 1
    assert ran == len([block for block in shown if block.words.startswith("sh")]) >= 8
    (mail,) = (here / "outbox").glob("*.eml")
    assert LEFT[name] in mail.read_text("utf-8")
