"""A seller's week on a real CRM export: risks, a brief, a call, an offer, a change, and the pipeline's truth."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.doors.terminal import Terminal

from cuga.cli.exits import Exit

DATA = Path(os.environ.get("CUGA_TEST_DATA") or "nowhere") / "maven_crm"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="CUGA_TEST_DATA names no directory with maven_crm in it")


def test_five_sittings(cuga: Terminal, tmp_path: Path) -> None:
    house = str(tmp_path / "maven")
    assert cuga("init", house, "--from", str(DATA)).code == Exit.SUCCESS

    def run(goal: str, code: Exit = Exit.SUCCESS) -> str:
        said = cuga("run", goal, "--as-of", "2017-12-31", "--house", house)
        assert said.code == code, said.out + said.err
        return said.out

    risks = run("Which of Darcel Schlecht's open deals are at risk, and what should I do about the worst three?")
    assert "194 deals looked at" in risks and "won within 106 days" in risks and "not calibrated" in risks
    assert risks.count("Darcel Schlecht), risk high") == 3  # and nobody else's deal is advised on

    brief = run("Prepare me for the meeting with dambase")
    assert "54 won deals" in brief and "the CRM holds no contact of dambase" in brief and "O7UUAK3Y" in brief

    assert "waits for approver" in run("Log a call with dambase: the budget of 2k is approved", Exit.PARKED)
    assert cuga("approve", "last", "--house", house).code == Exit.SUCCESS
    bant = cuga("quick", "qualify", "opportunity=O7UUAK3Y", "framework=BANT", "--as-of", "2017-12-31", "--house", house)
    assert "75 % unknown" in bant.out and "the budget of 2k is approved" in bant.out and "no verdict" in bant.out

    offer = run("review a 15% discount for dambase, then build a mutual action plan for it ending 2018-03-15")
    assert "half of 653 won deals" in offer and "needs approval" in offer and "the date can hold" in offer

    run("move the dambase deal to Prospecting, close date 30 March", Exit.PARKED)
    shown = cuga("show", "last", "--house", house).out
    assert "stage: Engaging" in shown and "closes: 2018-03-30" in shown
    assert "row version 2" in cuga("approve", "last", "--house", house).out

    hygiene = run("check the hygiene of Versie Hillebrand's deals")
    assert "97 deals looked at" in hygiene and "account is not known" in hygiene
    assert "nothing recorded for" not in hygiene  # one recorded call does not make the others' silence a fault
