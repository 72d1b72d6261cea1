"""The page in a real browser: each story of `web/e2e` is told once, with servers and houses of its own.

Chromium is Debian's; where it is missing, and apt works for us, it is installed. Else the stories are skipped, and say
why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cuga.cli.main import main

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
STORIES = sorted(path.name.removesuffix(".test.mjs") for path in (WEB / "e2e").glob("*.test.mjs"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
INSTALLS_S = 300
TELLS_S = 300  # one story, on a machine that others use too


def _browser() -> str | None:
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def _installed_browser() -> str | None:
    """Chromium of the distribution, when we are root and apt is there; one at a time."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "timeout": INSTALLS_S}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "-o", "DPkg::Lock::Timeout=240", "chromium"]):
        try:
            subprocess.run(["apt-get", *command], check=False, **quiet)  # type: ignore[call-overload]
        except subprocess.TimeoutExpired:
            return None
    return _browser()


@pytest.fixture(scope="session")
def stage(_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a story; a skip where something that it needs is missing."""
    if shutil.which("node") is None:
        pytest.skip("no Node here")
    if not (ROOT / "src/cuga/api/page/index.html").is_file():
        pytest.skip("the page is not built: make page")
    if not (WEB / "node_modules/playwright-core").is_dir():
        pytest.skip("what drives the browser is not installed: make page")
    browser = _browser() or _installed_browser()
    if browser is None:
        pytest.skip("no Chromium here, and it cannot be installed")
    empty = tmp_path_factory.mktemp("empty") / "house"
    assert main(["init", str(empty)]) == 0
    return os.environ | {
        "CHROMIUM": browser,
        "CUGA": f"{sys.executable} -m cuga.cli",
        "SAMPLE_HOUSE": str(_sample),
        "EMPTY_HOUSE": str(empty),
        "NO_COLOR": "1",
        "PATIENCE_MS": "40000",
    }


@pytest.mark.parametrize("story", STORIES)
def test_a_story_of_the_page_holds(story: str, stage: dict[str, str]) -> None:
    environment = stage | {"SLOWER": "4" if story == "many" else "1"}  # figures are measured when nothing else runs
    told = subprocess.run(
        ["node", "--test", f"e2e/{story}.test.mjs"],
        cwd=WEB,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TELLS_S,
    )
    assert told.returncode == 0, told.stdout[-12000:] + told.stderr[-2000:]


def test_readers_and_folds_of_the_page_hold(stage: dict[str, str]) -> None:
    told = subprocess.run(
        ["npm", "run", "--silent", "test"], cwd=WEB, env=stage, capture_output=True, text=True, timeout=TELLS_S
    )
    assert told.returncode == 0, told.stdout[-12000:] + told.stderr[-2000:]


def test_the_lock_names_no_registry() -> None:
    lock = (WEB / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "://registry" not in lock
    assert lock.count('"integrity"') > 100
