"""A stranger's first day: a real CRM export, imported as it is, and the main job on it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.doors.terminal import Terminal

from cuga.cli.exits import Exit

DATA = Path(os.environ.get("CUGA_TEST_DATA") or "nowhere") / "maven_crm"
GOAL = "Score dambase, draft a first email to its buyer, check it, and qualify the open deal"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="CUGA_TEST_DATA names no directory with maven_crm in it")


@pytest.fixture
def maven(cuga: Terminal, tmp_path: Path) -> str:
    house = str(tmp_path / "maven")
    said = cuga("init", house, "--from", str(DATA))
    assert said.code == Exit.SUCCESS
    assert "8,927 rows read: 8,927 stored, 0 not stored" in said.out
    assert "1,425 x open deal without account" in said.out
    assert "linked to 'GTX Pro'" in said.out and "read as 'technology'" in said.out
    return house


def test_the_main_job_runs_soon_and_invents_no_buyer(cuga: Terminal, maven: str) -> None:
    began = time.monotonic()
    said = cuga.apart("run", GOAL, "--profile", "smb", "--house", maven)
    took = time.monotonic() - began
    assert said.code == Exit.SUCCESS
    assert "nobody yet: the recipient is not known" in said.out
    assert "buyer of dambase" in said.out
    assert "no verdict" in said.out  # nothing is known of the deal but its stage
    assert "accounts.csv:16" in said.out
    assert took < 30.0  # a measure of sense, not of speed: others may keep the machine busy


def test_a_message_to_nobody_is_not_sent(cuga: Terminal, maven: str) -> None:
    cuga("run", "Draft a first email to the buyer of dambase and send it", "--profile", "smb", "--house", maven)
    cuga("approve", "last", "--house", maven)
    assert not list((Path(maven) / "outbox").glob("*.eml"))
