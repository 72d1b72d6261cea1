"""The production demo and the runner of integration checks, as people start them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cuga.cli.exits import Exit
from cuga.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


def start(*words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], input=answer, capture_output=True, text=True, timeout=120, cwd=ROOT)


def test_the_demo_from_a_checkout_shows_steps_budget_approvals_and_who_plans(tmp_path: Path) -> None:
    done = start("demo_production.py", str(tmp_path / "demo"), "--delay", "0.2")
    assert done.returncode == 0, done.stderr
    for line in (
        "LLM: Offline mode (rule-based)",
        "Trace ID: ",
        "STEPS: 4 over 3 domains (intelligence, engagement, qualification)",
        "Total used: 2.7 / 100.0 (2.7%)",
        "Total approvals: 1",
        "Approved: 1/1",
        "The journal verifies.",
    ):
        assert line in done.stdout
    (waited,) = [line.split()[-1] for line in done.stdout.splitlines() if "Average wait time" in line]
    assert 0.2 <= float(waited.removesuffix("s")) < 30


@pytest.mark.parametrize(
    ("answer", "code", "approved", "states"),
    [
        ("y\n", Exit.SUCCESS, 1, ["done", "done", "done", "done"]),
        ("n\n", Exit.PARTIAL, 0, ["done", "denied", "skipped", "done"]),
        ("later\n", Exit.PARKED, 0, ["done", "awaiting_approval", "pending", "done"]),
        ("", Exit.PARKED, 0, ["done", "awaiting_approval", "pending", "done"]),
    ],
)
def test_a_person_at_the_terminal_decides(
    tmp_path: Path, answer: str, code: int, approved: int, states: list[str]
) -> None:
    done = start("demo_production.py", str(tmp_path / "demo"), "--ask", "--json", answer=answer)
    assert done.returncode == code, done.stderr
    report = json.loads(done.stdout)
    assert [step["state"] for step in report["steps"]] == states
    assert (report["approvals"], report["approved"]) == (1, approved)
    assert "exactly this" in done.stderr and "Velkarin Foods" in done.stderr


def test_somebody_elses_house_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", str(tmp_path / "demo")]) == Exit.SUCCESS
    assert main(["demo", "--production", "--delay", "0", str(tmp_path / "demo")]) == Exit.BAD_INPUT
    assert "Name a fresh directory" in capsys.readouterr().err


def test_the_runner_without_pytest_says_what_passed() -> None:
    done = start("run_integration_tests.py", "several", "limits", "metadata", "need")
    assert done.returncode == 0, done.stdout
    assert "PASS  the limits are those of the registry" in done.stdout
    assert "ALL INTEGRATION TESTS PASSED" in done.stdout and "failed: 0" in done.stdout
    assert "pytest" not in (ROOT / "tests/integration/test_production_demo.py").read_text()
    assert start("run_integration_tests.py", "nothing has this name").returncode == 1


def test_the_runner_fails_when_a_check_fails(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def test_it():\n    raise ValueError('no')\n\ndef test_fine():\n    pass\n")
    words = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path)!r}]; import run_integration_tests as runner; "
        "runner.MODULES = ('broken',); sys.exit(runner.main([]))"
    )
    done = start("-c", words)
    assert done.returncode == 1
    assert "FAIL  it" in done.stdout and "PASS  fine" in done.stdout and "failed: 1" in done.stdout
