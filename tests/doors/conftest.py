"""A sample house for each test of the doors, copied from one that is made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.doors.terminal import SLOW, Terminal

from cuga.cli.main import main


@pytest.fixture(scope="session")
def _sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    house = tmp_path_factory.mktemp("sample") / "house"
    assert main(["init", str(house), "--sample"]) == 0
    return house


@pytest.fixture
def cuga(
    _sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """The command line in a house with sample data and the slow tools."""
    house = tmp_path / "house"
    shutil.copytree(_sample, house)
    registry = house / "registry.yaml"
    text = registry.read_text()
    for before, after in (
        ("packs: [sales]", f"packs: [sales, {SLOW}]"),
        ("modules: [cuga.packs.*, cuga.modular.tools.*]", f"modules: [cuga.packs.*, {SLOW}]"),
    ):
        assert before in text
        text = text.replace(before, after)
    registry.write_text(text)
    terminal = Terminal(house, capsys, monkeypatch)
    for name in ("CUGA_HOUSE", "TEST_DEEDS"):
        monkeypatch.setenv(name, terminal.environment()[name])
    monkeypatch.delenv("TEST_SLEEP", raising=False)
    monkeypatch.chdir(tmp_path)
    return terminal
