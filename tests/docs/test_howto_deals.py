"""The how-to about deals: its commands run as they stand, in order, in one shell session."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, blocks, page

PAGE = "howto/work-your-deals.md"


def test_every_command_of_the_page_ends_as_it_says(tmp_path: Path) -> None:
    here, commands = tmp_path / "here", tmp_path / "bin"
    for directory in (here, commands):
        directory.mkdir()
    command = commands / "cuga"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cuga.cli "$@"\n')
    command.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CUGA_")}
    environment |= {"PATH": f"{commands}{os.pathsep}{environment['PATH']}", "PYTHONPATH": str(ROOT / "src")}
    told = []
    for block in [block for block in blocks(page(PAGE)) if block.words.startswith("sh")]:
        expected = int((re.search(r"exit=(\d+)", block.words) or ["", "0"])[1])
        script = f"set -e\n{block.text}\npwd > {tmp_path}/where"
        done = subprocess.run(
            ["sh", "-c", script], cwd=here, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            timeout=180,
        )  # fmt: skip
        assert done.returncode == expected, f"line {block.line}: {block.text}\n{done.stdout}\n{done.stderr}"
        if expected == 0:
            here = Path((tmp_path / "where").read_text().strip())
        told.append(done.stdout)
    everything = "\n".join(told)
    for said in ("9 of 10 of your", "Whom should we meet", "Recorded: call", "row version 2", "the date can hold"):
        assert said in everything
    assert 'closes: ""' in everything and "stage: Proposal" in everything  # the old values, as they were shown
