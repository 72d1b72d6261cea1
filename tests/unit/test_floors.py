"""The house has floors, and each looks only downward."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


def lint(source: Path) -> subprocess.CompletedProcess[str]:
    """Run the import contracts of pyproject.toml over a copy of the package."""
    command = [sys.executable, "-c", LINT, "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    return subprocess.run(command, cwd=source, env={"PYTHONPATH": str(source)}, capture_output=True, text=True)


def test_no_import_climbs():
    result = lint(ROOT / "src")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("room", "line", "broken"),
    [
        ("kernel/loud.py", "import asyncio", "know no time"),
        ("policy/loud.py", "import cuga.clock", "handed the time"),
        ("model/loud.py", "import cuga.kernel.state", "only downward"),
        ("packs/sales/loud.py", "import cuga.policy.profile", "Packs see"),
        ("packs/sales/loud.py", "import cuga.adapters.offline", "Packs see"),
        ("engine/loud.py", "import cuga.journal.memory", "through its port"),
        ("engine/loud.py", "import cuga.planning", "only downward"),
    ],
)
def test_an_import_that_climbs_is_caught(tmp_path, room, line, broken):
    shutil.copytree(ROOT / "src" / "cuga", tmp_path / "cuga", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "cuga/journal/seal.py").touch()
    (tmp_path / "cuga" / room).write_text(f"{line}\n")
    result = lint(tmp_path)
    assert result.returncode != 0
    assert any(broken in row for row in result.stdout.splitlines() if " BROKEN" in row), result.stdout


def test_every_room_has_a_floor():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    placed = {name.strip(" ()") for floor in contracts[0]["layers"] for name in floor.split("|")}
    rooms = {f"cuga.{entry.stem}" for entry in (ROOT / "src/cuga").glob("[a-z]*") if entry.suffix in ("", ".py")}
    assert rooms <= placed


def test_the_way_out_is_closed_to_rules_and_mind_once_it_exists():
    closed = (ROOT / "pyproject.toml").read_text().split("handed the time and the settings", 1)[1].split("[[", 1)[0]
    assert (ROOT / "src/cuga/outbound.py").exists() == ('"cuga.outbound"' in closed)
