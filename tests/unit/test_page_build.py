"""The hook that puts the page into a wheel: when it builds, and when it leaves things alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("hatchling")
ROOT = Path(__file__).parents[2]


def _module() -> Any:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The hook in a checkout of its own; `ran` has the commands, `said` the warnings."""
    module = _module()
    made = module.PageHook.__new__(module.PageHook)
    made.ran, made.said = [], []
    monkeypatch.setattr(type(made), "root", property(lambda _: str(tmp_path)), raising=False)
    monkeypatch.setattr(
        type(made), "app", property(lambda _: SimpleNamespace(display_warning=made.said.append)), raising=False
    )
    monkeypatch.setattr(module.shutil, "which", lambda _: "/usr/bin/npm")
    monkeypatch.setattr(module.subprocess, "run", lambda command, **_: made.ran.append(command))
    (tmp_path / "web").mkdir()
    (tmp_path / "web/package-lock.json").write_text("{}")
    made.module, made.where = module, tmp_path
    return made


def test_a_wheel_builds_the_page_from_its_lock(hook: Any) -> None:
    hook.initialize("standard", {})
    assert hook.ran == [["/usr/bin/npm", "ci", "--no-audit", "--no-fund"], ["/usr/bin/npm", "run", "build"]]


def test_an_editable_install_needs_no_node(hook: Any) -> None:
    hook.initialize("editable", {})
    assert (hook.ran, hook.said) == ([], [])


def test_a_page_that_is_there_is_taken_as_it_is(hook: Any) -> None:
    built = hook.where / hook.module.BUILT
    built.mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html>")
    hook.initialize("standard", {})
    assert hook.ran == []


def test_without_node_the_build_says_so_and_goes_on(hook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook.module.shutil, "which", lambda _: None)
    hook.initialize("standard", {})
    assert hook.ran == [] and "no Node here" in hook.said[0]
