"""`cuga desktop`: a window on a server of its own, and what is said where there can be none."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from cuga.cli.main import main


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "webview", None)
    assert main(["desktop"]) == 2
    said = capsys.readouterr().err
    assert "cugar[desktop]" in said and "cuga serve" in said


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """A window without a screen: it notes what it was asked to show."""
    shown = types.SimpleNamespace(link="")
    made = types.ModuleType("webview")
    made.create_window = lambda _title, link, **_: setattr(shown, "link", link)  # type: ignore[attr-defined]
    made.start = lambda **_: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "webview", made)
    return shown


def test_the_window_opens_on_a_link_and_takes_its_server_along(
    window: types.SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("uvicorn")
    house = tmp_path / "house"
    assert main(["init", str(house)]) == 0
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(("src", os.environ.get("PYTHONPATH", ""))))
    assert main(["desktop", "--house", str(house)]) == 0
    assert window.link.startswith("http://127.0.0.1:") and "/#/welcome/" in window.link
    assert main(["doctor", "--house", str(house)]) == 0  # nobody holds the house any more


def test_a_house_that_is_not_there_is_said(
    window: types.SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["desktop", "--house", str(tmp_path / "nowhere")]) == 2
    assert window.link == ""
